"""Which handshake a frame belongs to."""

from __future__ import annotations

from pcapcheck.capture import open_capture
from pcapcheck.decode.segment import IcmpError, Segment, Skip
from pcapcheck.decode.through_dpkt import decode
from pcapcheck.errors import UsageError
from pcapcheck.report.report import Report


def handshake_of_frame(report: Report, frame: int, file: str = "") -> int:
    """Index of the handshake, over all captures, that this frame of a file belongs to.

    The file may be called by the end of its path, and need not be named where there is one only. A frame that was not
    kept for judging is looked up in it again. Raises UsageError where there is none.
    """
    report.need("everything")
    capture, number = _found(report, file)
    facts, before = report.capture_facts[capture], report.before[capture]
    path, handshakes = facts.files[number].path, report.traffics[capture].handshakes
    counted = frame if facts.numbering is None else facts.numbering.frame(number, frame)
    traffic = report.traffics[capture].only((handshakes.first_frame <= counted) & (handshakes.last_frame >= counted))
    (kept,) = (traffic.rows["frame"] == counted).nonzero()
    if len(kept):
        return before + int(traffic.handshake[kept[0]])
    time, found = _decoded(path, frame)
    if isinstance(found, Skip):
        raise UsageError(f"frame {frame} belongs to no handshake: it is {found.value}")
    ends = {(found.src, found.src_port), (found.dst, found.dst_port)}
    began = handshakes.start_time <= time if facts.parts else handshakes.first_frame <= frame
    own = [
        index
        for index in began.nonzero()[0].tolist()
        if ends
        == {
            (handshakes.client_address[index], int(handshakes.client_port[index])),
            (handshakes.server_address[index], int(handshakes.server_port[index])),
        }
    ]
    if not own:
        raise UsageError(f"frame {frame} belongs to no handshake")
    # Handshakes are in order of their first frames: the last one was open when the frame came.
    return before + int(own[-1])


def _found(report: Report, file: str) -> tuple[int, int]:
    """The capture that a file belongs to, and which of its files that is."""
    places = [
        (capture, number, one.path)
        for capture, facts in enumerate(report.capture_facts)
        for number, one in enumerate(facts.files)
    ]
    if not file and len(places) != 1:
        raise UsageError("a frame number needs its file here, as --frame x.pcap1:17")
    fitting = [place for place in places if not file or f"/{place[2]}".endswith(f"/{file}")]
    exact = [place for place in fitting if place[2] == file] or fitting
    if len(exact) != 1:
        raise UsageError(f"--frame {file}: {'several files are' if exact else 'no file is'} called so")
    return exact[0][:2]


def _decoded(path: str, number: int) -> tuple[int, Segment | IcmpError | Skip]:
    """The time of a frame, and what it holds."""
    if path == "-":
        raise UsageError(f"frame {number} of standard input cannot be looked up again: name a file, or use --handshake")
    with open_capture(path) as capture:
        for frame in capture:
            if frame.number == number:
                return frame.time_ns, decode(frame.link_type, frame.data, frame.original_length)
    raise UsageError(f"there is no frame {number}: {path} has {capture.frame_count}")
