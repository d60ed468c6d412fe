"""Which handshake a frame belongs to."""

from __future__ import annotations

from pcapcheck.capture import open_capture
from pcapcheck.decode.segment import IcmpError, Segment, Skip
from pcapcheck.decode.through_dpkt import decode
from pcapcheck.errors import UsageError
from pcapcheck.report.report import Report


def handshake_of_frame(report: Report, frame: int) -> int:
    """Index of the handshake, over all captures, that the frame belongs to.

    A frame that was not kept for judging is looked up in the capture again. Raises UsageError where there is none.
    """
    if len(report.judged) != 1:
        raise UsageError("a frame number needs one capture, not a folder")
    handshakes = report.traffics[0].handshakes
    traffic = report.traffics[0].only((handshakes.first_frame <= frame) & (handshakes.last_frame >= frame))
    (kept,) = (traffic.rows["frame"] == frame).nonzero()
    if len(kept):
        return int(traffic.handshake[kept[0]])
    found = _decoded(report.capture_facts[0].path, frame)
    if isinstance(found, Skip):
        raise UsageError(f"frame {frame} belongs to no handshake: it is {found.value}")
    ends = {(found.src, found.src_port), (found.dst, found.dst_port)}
    own = [
        index
        for index in (handshakes.first_frame <= frame).nonzero()[0].tolist()
        if ends
        == {
            (handshakes.client_address[index], int(handshakes.client_port[index])),
            (handshakes.server_address[index], int(handshakes.server_port[index])),
        }
    ]
    if not own:
        raise UsageError(f"frame {frame} belongs to no handshake")
    # Handshakes are in order of their first frames: the last one was open when the frame came.
    return int(own[-1])


def _decoded(path: str, number: int) -> Segment | IcmpError | Skip:
    if path == "-":
        raise UsageError(f"frame {number} of standard input cannot be looked up again: name a file, or use --handshake")
    with open_capture(path) as capture:
        for frame in capture:
            if frame.number == number:
                return decode(frame.link_type, frame.data, frame.original_length)
    raise UsageError(f"there is no frame {number}: {path} has {capture.frame_count}")
