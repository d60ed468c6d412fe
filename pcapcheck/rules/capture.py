"""What the capture itself lacks or did wrong: found before any host is blamed."""

from __future__ import annotations

from typing import Final

import numpy as np

from pcapcheck.capture.frame import NO_TIME
from pcapcheck.decode.segment import Skip
from pcapcheck.evidence import Event
from pcapcheck.faults.signs import UNDECODED, synack_before_syn
from pcapcheck.rules.catalogue import Answer, about_capture, rule, words
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import Traffic

_HANDSHAKE: Final = """
    +0   > S  0:0(0) win 64240
    +.02 < S. 0:0(0) ack 1 win 65160
    +0   > .  1:1(0) ack 1
"""


def _damage(capture: CaptureFacts, id: str) -> Answer:
    """The answer about one kind of damage."""
    found = [(file, one.damage) for file, one in enumerate(capture.files) if one.damage and one.damage.rule == id]
    if not found:
        return about_capture(False, applies=capture.error is None)
    damages, places = [damage for _, damage in found], np.arange(len(found))
    details = [f"at byte {damage.offset}, after frame {damage.frame}" for damage in damages]
    frames = [damage.frame for damage in damages]
    if capture.numbering is not None:
        details = [f"{detail} of {capture.files[file].path}" for detail, (file, _) in zip(details, found, strict=True)]
        frames = [capture.numbering.frame(file, damage.frame) for file, damage in found]
    return Answer(
        fails=np.ones(len(found), bool),
        frames=(np.array([frame or ABSENT for frame in frames], np.int64),),
        expected=words(len(found), places, [damage.needed for damage in damages]),
        actual=words(len(found), places, [damage.found for damage in damages]),
        detail=words(len(found), places, details),
    )


@rule(
    "CAP01",
    "capture-cut",
    "warning",
    reference="the format of the capture",
    needs="the capture file",
    message="the capture ends inside a record: needed {expected}, found {actual}",
    fires=f"""
        # The file ends 5 octets too early.{_HANDSHAKE}""",
    silent=_HANDSHAKE,
    per_capture=True,
)
def capture_cut(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """The file ends in the middle of a record or a header.

    What it means: What comes before is whole and was judged; the rest is missing.

    Why it matters: Handshakes near the end may look unanswered or half-open only because their answer was not written.

    Common causes: The capture was copied while it was still being written; the disk was full; the capturing program was
    killed; a download broke off.

    What to look at next: The size of the original file, and whether tcpdump was run with -U.
    """
    return _damage(capture, "CAP01")


@rule(
    "CAP02",
    "capture-corrupt",
    "error",
    reference="the format of the capture",
    needs="the capture file",
    message="the capture is corrupt: needed {expected}, found {actual}",
    fires=f"""
        # The captured length of the last record is 4294967295.{_HANDSHAKE}""",
    silent=_HANDSHAKE,
    per_capture=True,
)
def capture_corrupt(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """A record of the file is impossible: a length over every bound, or a block that contradicts itself.

    What it means: Reading stopped there. What comes before was judged; whatever follows was not read.

    Why it matters: An unknown part of the traffic is missing from the result.

    Common causes: A transfer in text mode (every line feed became two octets); two programs writing to one file; a
    faulty disk or capture card.

    What to look at next: The octets at the offset that the message names, and the original of the file.
    """
    return _damage(capture, "CAP02")


@rule(
    "CAP03",
    "frames-out-of-order",
    "warning",
    reference="RFC 9293, section 3.4 (the numbers prove the order)",
    needs="times, or a SYN and its SYN-ACK",
    message="frames were recorded out of order: {actual}",
    fires="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        -.01 > .  1:1(0) ack 1
    """,
    silent=_HANDSHAKE,
    per_capture=True,
)
def frames_out_of_order(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """Frames are earlier than the one before them, or a SYN-ACK stands before the SYN that it acknowledges.

    What it means: The order of the file is not the order on the wire. Handshakes are put in order by their numbers;
    their times stay as recorded.

    Why it matters: Round-trip times of such frames are wrong by as much as the clock stepped, and are not given where
    they would be negative.

    Common causes: Several receive queues or capture points written into one file; mergecap on machines with different
    clocks; a clock that was set during the capture.

    What to look at next: The size of the largest step: microseconds come from receive queues, milliseconds and more
    from clocks. `reordercap` sorts a file by time.
    """
    (early,) = synack_before_syn(traffic).nonzero()
    found = []
    if capture.steps_back:
        found.append(f"{capture.steps_back} step(s) back in time, the largest of {capture.largest_step_back} ns")
    if len(early):
        found.append(f"{len(early)} SYN-ACK(s) before their SYN")
    return about_capture(
        bool(found),
        decidable=bool(found) or capture.first_time != NO_TIME,
        frames=[capture.first_step_back, *traffic.handshakes.synack_frame[early[:1]].tolist()],
        expected="times that do not decrease",
        actual=", ".join(found),
    )


@rule(
    "CAP04",
    "one-direction-missing",
    "warning",
    reference="RFC 9293, section 3.4 (what is acknowledged was sent)",
    needs="flows with an opening",
    message="only one direction was captured of {actual} attempt(s)",
    fires="""
        +0   > S  0:0(0) win 64240
        +.02 > .  1:1(0) ack 1
        +0   > P. 1:101(100) ack 1
        +.02 > .  101:101(0) ack 501
    """,
    silent=_HANDSHAKE,
    per_capture=True,
)
def one_direction_missing(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """The capture shows one side of flows whose numbers prove that the other side spoke too.

    What it means: The side that was captured acknowledges or continues what only an answer can have given it. The
    answers themselves are not in the file.

    Why it matters: "No answer" proves nothing here: these attempts are neither failed nor right, and their round-trip
    times cannot be measured.

    Common causes: Asymmetric routing; a mirror port that copies one direction only; a capture filter on source address;
    one of two links of a bundle.

    What to look at next: The mirror's direction setting and the capture filter; a second capture point on the way back.
    """
    (found,) = traffic.handshakes.is_outcome("one-sided").nonzero()
    total = len(traffic.handshakes)
    return about_capture(
        len(found) > 0,
        applies=total > 0,
        frames=traffic.handshakes.first_frame[found[:1]].tolist(),
        expected="both directions",
        actual=f"{len(found)} of {total}",
    )


@rule(
    "CAP05",
    "packets-captured-twice",
    "note",
    reference="RFC 791, section 3.2 (identification)",
    needs="frames",
    message="{actual} frame(s) are copies of a packet captured before",
    fires="""
        +0      > S  0:0(0) win 64240
        +.00001 copy
        +.02    < S. 0:0(0) ack 1 win 65160
        +0      > .  1:1(0) ack 1
    """,
    silent="""
        # A retransmission is a new packet: it has an IP id of its own.
        +0   > S  0:0(0) win 64240
        +1   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
    """,
    per_capture=True,
)
def packets_captured_twice(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """The same packet was captured more than once.

    What it means: Frames have the same IP id and the same TCP header, no more than milliseconds apart. (Where there is
    no IP id the whole TCP header was compared.) Copies were set aside before anything was counted or timed. Of captures
    that were merged (`--merge`) what a second tap saw of a packet counts here too.

    Why it matters: Other tools call them retransmissions. Copies that the network itself made look the same: then the
    hosts received them too.

    Common causes: A mirror port that copies a packet when it enters and again when it leaves; Linux's `any` device on a
    router; two capture points in one file. A TTL that is lower by one, or another VLAN, means two points of the path.

    What to look at next: The mirror's configuration: one direction, or one port, is enough.
    """
    any_rows = len(traffic.handshakes) > 0
    traffic = traffic.only(traffic.has(Event.COPY))
    rows, is_copy = traffic.rows, traffic.is_event(Event.COPY)
    # Sorted by what they have in common, with the order of capture last: the original stands before its copies.
    names = ("frame", "payload_length", "tcp_flags", "ack", "seq", "side")
    order = np.lexsort((*(rows[name] for name in names), traffic.handshake))
    copy = is_copy[order].nonzero()[0]
    original = np.maximum.accumulate(np.where(is_copy[order], 0, np.arange(len(order))))[copy]
    copies, originals = order[copy], order[original]
    other_ttl = int((rows["ttl"][copies] != rows["ttl"][originals]).sum())
    other_vlan = int((rows["vlan"][copies] != rows["vlan"][originals]).sum())
    differing = [
        f"{count} with another {field}" for count, field in ((other_ttl, "TTL"), (other_vlan, "VLAN")) if count
    ]
    differing += [f"{capture.copies} seen at another tap before"] if capture.copies else []
    first = np.argsort(rows["frame"][copies])[:1]
    frames = [*rows["frame"][copies[first]].tolist(), *rows["frame"][originals[first]].tolist()]
    return about_capture(
        len(copies) + capture.copies > 0,
        applies=any_rows,
        frames=frames or [capture.first_copy, capture.first_copied],
        expected="0",
        actual=str(len(copies) + capture.copies),
        detail=", ".join(differing),
    )


@rule(
    "CAP07",
    "headers-cut-by-snaplen",
    "note",
    reference="RFC 9293, section 3.1",
    needs="frames",
    message="{actual} TCP header(s) are cut by the snaplen",
    fires="""
        snaplen 48
        +0   > S  0:0(0) win 64240 <mss 1460>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460>
        +0   > .  1:1(0) ack 1
    """,
    silent=_HANDSHAKE,
    per_capture=True,
)
def headers_cut_by_snaplen(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """The capture holds too few octets of some frames to read the whole TCP header.

    What it means: Ports, sequence numbers and flags stand in the first 14 octets and were judged where those are there.
    The window and the options behind them are missing.

    Why it matters: Rules about options (OP08, OP12) and about the window (HS04) are undecidable for these handshakes,
    and round-trip times cannot be narrowed by timestamps.

    Common causes: tcpdump -s with a small number; a capture card or a mirror that truncates.

    What to look at next: Capture with at least 134 octets a frame: Ethernet, a VLAN tag, IPv6 and the longest TCP
    header.
    """
    unread = capture.skipped[Skip.CUT_HEADER]
    return about_capture(
        capture.cut_segments + unread > 0,
        applies=capture.frames > 0,
        frames=[capture.first_cut, capture.first_skipped.get(Skip.CUT_HEADER, 0)],
        expected="0",
        actual=str(capture.cut_segments + unread),
        detail=f"{unread} of them too short to judge at all" if unread else "",
    )


@rule(
    "CAP08",
    "frames-not-decoded",
    "note",
    reference="RFC 9293, section 3.1",
    needs="frames",
    message="{actual} frame(s) may have held TCP and were not judged",
    fires="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        +0   > P. 1:101(100) ack 1 frag first
        +0   > P. 101:201(100) ack 1 frag later
    """,
    silent="""
        # ARP is not TCP: nothing was missed.
        +0   arp
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
    """,
    per_capture=True,
)
def frames_not_decoded(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """Frames that may have held a TCP segment could not be decoded.

    What it means: They are counted by reason. Frames that are something else than TCP, such as ARP or UDP, are counted
    in the report but are no finding.

    Why it matters: A report without findings says nothing about these frames.

    Common causes: A tunnel or encryption; fragments; a snaplen that is too small; a link type that is not known.

    What to look at next: The reasons. For tunnels, capture inside them; for a small snaplen, capture more.
    """
    reasons = [reason for reason in UNDECODED if capture.skipped[reason]]
    total = sum(capture.skipped[reason] for reason in reasons)
    return about_capture(
        total > 0,
        applies=capture.frames > 0,
        frames=sorted(capture.first_skipped.get(reason, 0) for reason in reasons),
        expected="0",
        actual=f"{total} of {capture.frames}",
        detail=", ".join(f"{capture.skipped[reason]} {reason.value}" for reason in reasons),
    )


@rule(
    "HS19",
    "malformed-header",
    "error",
    reference="RFC 9293, section 3.1 (data offset); RFC 791, section 3.1",
    needs="the whole headers",
    message="{actual} header(s) contradict themselves",
    fires="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1 offset 4
    """,
    silent=_HANDSHAKE,
    per_capture=True,
)
def malformed_header(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """A TCP or IP header contradicts itself: a data offset below 5, or a header longer than its packet.

    What it means: The data offset counts the header in words of 32 bits, "at least 5" by its fixed part, and the header
    must end inside the IP packet. Such a frame holds no segment that could be judged.

    Why it matters: No host takes such a segment, and what it was meant to be is not known. A handshake may look
    unanswered for it.

    Common causes: A fuzzer or a hand-made segment; damaged memory in a capture card; something that is not IP under the
    Ethernet type of IP.

    What to look at next: The octets of the first such frame, and whether all come from one host.
    """
    count, cut = capture.skipped[Skip.BAD_HEADER], capture.skipped[Skip.CUT_HEADER]
    return about_capture(
        count > 0,
        applies=capture.frames > 0,
        decidable=count > 0 or not cut,
        frames=[capture.first_skipped.get(Skip.BAD_HEADER, 0)],
        expected="0",
        actual=str(count),
    )
