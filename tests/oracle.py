"""What became of one connection attempt, found the slow and plain way.

Beside the pipeline, and sharing nothing with it but the Segment: no tables, no folding, no masks of facts; every
question is asked again of the whole list of segments. Quotations are from RFC 9293.

Its limits: one flow with one attempt, so one ISN for all SYNs of the client, no SYN of the server (simultaneous open,
split handshake), nothing of an older connection before the SYN (a right SYN-ACK recorded too early may stand there) and
no wrong SYN-ACK after a right one or a refusal; the client is known; no copies made by the capture, no timestamps,
nothing cut off; less than 130 s; numbers that are wrong are so by less than 2^30.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from pcapcheck.decode.segment import ACK, FIN, RST, SYN, IcmpError, Segment

SECOND = 1_000_000_000


class Seen(NamedTuple):
    """A segment and where it stands in the capture."""

    frame: int
    time: int
    segment: Segment


@dataclass
class Verdict:
    """What the row of the attempt must say; None where it says nothing."""

    outcome: str
    shape: str = ""
    aborted_by: str = ""
    syn_count: int = 0
    synack_count: int = 0
    client_isn: int | None = None
    server_isn: int | None = None
    syn_frame: int | None = None
    synack_frame: int | None = None
    ack_frame: int | None = None
    server_rtt_min: int | None = None
    server_rtt_max: int | None = None
    client_rtt_min: int | None = None
    client_rtt_max: int | None = None


def after(number: int, base: int) -> int:
    """How far ``number`` lies after ``base``; negative if before. "All arithmetic ... modulo 2**32" (3.4)."""
    distance = (number - base) % 2**32
    return distance if distance < 2**31 else distance - 2**32


def length(segment: Segment) -> int:
    """SEG.LEN: "the number of octets occupied by the data in the segment (counting SYN and FIN)" (3.3.1)."""
    return segment.payload_length + bool(segment.tcp_flags & SYN) + bool(segment.tcp_flags & FIN)


def acceptable(segment: Segment, rcv_nxt: int, rcv_wnd: int) -> bool:
    """The four cases of 3.10.7.4, first.

    Length Window  Test
    0      0       SEG.SEQ = RCV.NXT
    0      >0      RCV.NXT =< SEG.SEQ < RCV.NXT+RCV.WND
    >0     0       not acceptable (but the segment with the number expected still carries a good ACK)
    >0     >0      RCV.NXT =< SEG.SEQ < RCV.NXT+RCV.WND or RCV.NXT =< SEG.SEQ+SEG.LEN-1 < RCV.NXT+RCV.WND
    """
    if segment.seq == rcv_nxt:
        return True
    first = after(segment.seq, rcv_nxt)
    last = after(segment.seq + length(segment) - 1, rcv_nxt)
    return 0 <= first < rcv_wnd or (length(segment) > 0 and 0 <= last < rcv_wnd)


class Oracle:
    """One attempt: ``captured`` in capture order as (frame, time, content), ``client`` its (address, port)."""

    def __init__(
        self, captured: list[tuple[int, int, Segment | IcmpError]], client: tuple[bytes, int], end_time: int
    ) -> None:
        self.end_time = end_time
        self.seen: list[Seen] = []
        closes: dict[tuple[bytes, int], Segment] = {}
        for frame, time, content in captured:
            if isinstance(content, Segment):
                if content.tcp_flags & (SYN | RST) == SYN:
                    closes.clear()
                elif content.tcp_flags & (FIN | RST):
                    # One that repeats its side's last since a SYN or SYN-ACK unchanged is counted, not judged.
                    sender = content.src, content.src_port
                    if sender in closes and unchanged(closes[sender], content):
                        continue
                    closes[sender] = content
                self.seen.append(Seen(frame, time, content))
        self.quoted = [content.seq for _, _, content in captured if isinstance(content, IcmpError)]
        self.client = [one for one in self.seen if (one.segment.src, one.segment.src_port) == client]
        self.server = [one for one in self.seen if one not in self.client]
        self.syns = [one for one in self.client if flags(one, SYN | ACK | RST) == SYN]
        self.synacks = [one for one in self.server if flags(one, SYN | ACK | RST) == SYN | ACK]
        self.client_acks = [one for one in self.client if flags(one, SYN | RST | ACK) == ACK]
        self.server_acks = [one for one in self.server if flags(one, SYN | RST | ACK) == ACK]
        self.client_resets = [one for one in self.client if flags(one, RST)]
        self.server_resets = [one for one in self.server if flags(one, RST)]

    def verdict(self) -> Verdict:
        return self.with_syn() if self.syns else self.without_syn()

    # The SYN was captured.

    def with_syn(self) -> Verdict:
        self.isn = self.syns[0].segment.seq
        self.syn_data = max(one.segment.payload_length for one in self.syns)
        self.right = [one for one in self.synacks if self.acknowledges_the_syn(one.segment)]
        self.wrong = [one for one in self.synacks if one not in self.right]
        completing = self.completing(self.right)
        outcome, aborted_by = self.outcome(completing)
        synack = next(iter(self.right or self.wrong), None)
        ack = completing or next(iter(self.wrong_acks()), None)
        found = Verdict(outcome, aborted_by=aborted_by, syn_count=len(self.syns), client_isn=self.isn)
        found.shape = self.shape(completing) if outcome in ("established", "client-only") else ""
        found.syn_frame = self.syns[0].frame
        found.synack_frame = synack.frame if synack else None
        found.server_isn = synack.segment.seq if synack else None
        found.ack_frame = ack.frame if ack else None
        found.synack_count = len(self.right) + len(self.wrong)
        if self.right and outcome not in ("refused", "unreachable", "unanswered", "stray", "midstream"):
            found.server_rtt_min, found.server_rtt_max = between(self.syns, self.right[0])
            if completing:
                found.client_rtt_min, found.client_rtt_max = self.client_rtt(completing)
        return found

    def client_rtt(self, completing: Seen) -> tuple[int | None, int | None]:
        """A segment further on was not sent when the SYN-ACK came: it took no more than so long, perhaps nothing."""
        least, most = between(self.right, completing)
        ack = completing.segment
        at_once = any(
            ack.seq == synack.segment.ack and ack.ack == (synack.segment.seq + 1) % 2**32 for synack in self.right
        )
        return (least if at_once or most is None else 0), most

    def acknowledges_the_syn(self, segment: Segment) -> bool:
        """3.10.7.3, first: "If SND.UNA < SEG.ACK =< SND.NXT, then the ACK is acceptable", SND.UNA being the ISS."""
        return 0 < after(segment.ack, self.isn) <= 1 + self.syn_data

    def completing(self, synacks: list[Seen]) -> Seen | None:
        """3.10.7.4, fifth, SYN-RECEIVED: "If SND.UNA < SEG.ACK =< SND.NXT, then enter ESTABLISHED state"."""
        for one in self.client_acks:
            for synack in synacks:
                snd_una, rcv_nxt = synack.segment.seq, synack.segment.ack
                snd_nxt = max(
                    after(other.segment.seq + length(other.segment), snd_una)
                    for other in self.server
                    if not flags(other, RST) and (other.segment.seq == snd_una or not flags(other, SYN))
                )
                acked = 0 < after(one.segment.ack, snd_una) <= max(1, snd_nxt)
                if acked and acceptable(one.segment, rcv_nxt, synack.segment.window):
                    return one
        return None

    def outcome(self, completing: Seen | None) -> tuple[str, str]:
        if completing:
            return ("client-only" if self.server_goes_on_as_before(completing) else "established"), ""
        # 3.10.7.3, second: "If the RST bit is set ... If the ACK was acceptable, then signal to the user 'error:
        # connection reset' ... and return. Otherwise (no ACK), drop the segment and return."
        refusals = [
            one
            for one in self.server_resets
            if flags(one, ACK)
            and self.acknowledges_the_syn(one.segment)
            and not any(synack.frame < one.frame for synack in self.right)
            and not self.closes_what_was_open(one)
        ]
        tried_again = refusals and any(syn.frame > refusals[0].frame for syn in self.syns)
        if refusals and not (tried_again and self.right):
            return "refused", ""
        return self.answered() if self.right else self.not_answered()

    def answered(self) -> tuple[str, str]:
        first = self.right[0]
        if any(
            after(one.segment.ack, first.segment.ack) > 0 for one in self.server_acks if one not in self.challenges()
        ):
            return "partial", ""
        if any(self.follows_a_gap(one) for one in self.client_acks):
            return "partial", ""
        if self.wrong_acks():
            return "invalid", ""
        exact = [
            (one.frame, side)
            for resets, side, numbers in (
                (self.client_resets, "client", lambda synack: synack.ack),
                (self.server_resets, "server", lambda synack: (synack.seq + 1) % 2**32),
            )
            for one in resets
            if any(
                one.segment.seq == numbers(synack.segment) and (side == "client" or one.frame > synack.frame)
                for synack in self.right
            )
        ]
        if exact:
            return "aborted", min(exact)[1]
        return ("pending" if self.end_time - first.time < 3 * SECOND else "half-open"), ""

    def not_answered(self) -> tuple[str, str]:
        if self.isn in self.quoted:
            return "unreachable", ""
        if self.client_goes_on():
            if not self.server:
                return "one-sided", ""
            if any(after(one.segment.ack, self.isn) > 0 and one not in self.challenges() for one in self.server_acks):
                return "partial", ""
            if any(self.closes_what_was_open(one) for one in self.server_resets):
                return "partial", ""
        if self.wrong or any(
            flags(one, ACK) and not self.acknowledges_the_syn(one.segment)
            and not any(one.segment.seq == other.segment.ack for other in self.wrong_acks() if other.frame < one.frame)
            for one in self.server_resets
        ):  # fmt: skip
            return "invalid", ""
        if self.end_time - self.syns[0].time < 3 * SECOND:
            return "pending", ""
        return ("invalid" if self.challenges() else "unanswered"), ""

    def closes_what_was_open(self, reset: Seen) -> bool:
        """Whether an RST that would refuse the SYN comes after the client has acted on an answer already."""
        acts = flags(reset, ACK) and self.acknowledges_the_syn(reset.segment)
        return bool(acts) and any(one.frame < reset.frame for one in self.client_goes_on())

    def follows_a_gap(self, one: Seen) -> bool:
        """Whether a client's ACK tells of segments of both sides that are missing: further on in both its numbers.

        3.10.7.4, fifth: a server that has not sent what is acknowledged would "form a reset segment".
        """
        later = [other for other in self.server if other.frame > one.frame]
        if any(flags(other, RST | ACK) == RST and other.segment.seq == one.segment.ack for other in later):
            return False
        earlier = [other for other in self.client_acks if other.frame < one.frame]
        if one not in self.client_acks or any(other in self.right for other in later):
            return False
        if self.repeats_syn_data(one):
            return False
        if not all(self.repeats_syn_data(other) or self.follows_a_gap(other) for other in earlier):
            return False
        return any(
            0 < after(one.segment.seq, synack.segment.ack) < synack.segment.window
            and after(one.segment.ack, synack.segment.seq) > 0
            for synack in self.right
        )

    def repeats_syn_data(self, one: Seen) -> bool:
        return 0 < after(one.segment.seq, self.isn) <= self.syn_data

    def challenges(self) -> list[Seen]:
        """Bare ACKs in answer to the SYN (3.5.1, figure 9) whose number is not that of this SYN."""
        return [one for one in self.server_acks if one in self.answers_with_wrong_numbers()[0]]

    def client_goes_on(self) -> list[Seen]:
        """What the client sends that a missing SYN-ACK explains, and no answer with wrong numbers before it does."""
        return self.answers_with_wrong_numbers()[1]

    def answers_with_wrong_numbers(self) -> tuple[list[Seen], list[Seen]]:
        """One segment at a time: the server's wrong answers, and what of the client they do not explain."""
        answers: list[Seen] = []
        goes_on: list[Seen] = []
        for one in self.seen:
            segment = one.segment
            if one in self.right:
                break
            if one in self.wrong:
                answers.append(one)
            elif one in self.server_acks:
                if not length(segment) and not self.acknowledges_the_syn(segment) and not goes_on:
                    answers.append(one)
            elif self.right or after(segment.seq, self.isn) <= 0:
                continue
            elif (one in self.client_acks and not answers) or (
                one in self.client_resets and not any(segment.seq == bad.segment.ack for bad in answers)
            ):
                goes_on.append(one)
        return answers, goes_on

    def wrong_acks(self) -> list[Seen]:
        """ACKs of the client that complete nothing, where they can be known for wrong."""
        if not self.right:
            return [one for one in self.client_acks if one not in self.client_goes_on()]
        return [one for one in self.client_acks if not self.repeats_syn_data(one) and not self.follows_a_gap(one)]

    def server_goes_on_as_before(self, completing: Seen) -> bool:
        """Whether nothing of the server tells that the ACK arrived, and its repeated SYN-ACKs tell that it did not."""
        first = self.right[0]
        later = [one for one in self.seen if one.frame > completing.frame]
        for one in later:
            if one in self.server_acks and (length(one.segment) or after(one.segment.ack, first.segment.ack) > 0):
                return False
        largest_rtt = max(0, first.time - self.syns[0].time)
        repeats = [one for one in later if one in self.right and one.time > completing.time + largest_rtt]
        unheard = [one for one in (completing, *later) if one in self.client_acks and length(one.segment)]
        silence = self.end_time - unheard[0].time if unheard else 0
        return len(repeats) >= 2 or (len(repeats) == 1 and bool(unheard) and silence >= max(SECOND, largest_rtt))

    def shape(self, completing: Seen | None) -> str:
        first = self.right[0]
        if any(one.frame < first.frame for one in self.challenges()):
            return "half-open-discovery"
        return "fast-open" if after(first.segment.ack, self.isn) > 1 else "three-way"

    # The SYN was not captured.

    def without_syn(self) -> Verdict:
        if not self.synacks:
            return Verdict("midstream" if self.unreset() else "stray")
        first = self.synacks[0]
        self.isn, self.syn_data = (first.segment.ack - 1) % 2**32, 0
        self.right = [one for one in self.synacks if one.segment.ack == first.segment.ack]
        completing = self.completing(self.right)
        if completing:
            outcome = "partial"
        elif not self.client and any(
            (length(one.segment) and after(one.segment.seq, first.segment.seq) > 0)
            or after(one.segment.ack, first.segment.ack) > 0
            for one in self.server_acks
        ):
            outcome = "one-sided"
        elif self.client and (
            any(after(one.segment.ack, first.segment.ack) > 0 for one in self.server_acks)
            or any(self.follows_a_gap(one) for one in self.client_acks)
        ):
            outcome = "partial"
        else:
            outcome = "stray"
        asked = self.client_rtt(completing) if completing else (None, None)
        ack = completing or next(iter(self.wrong_acks()), None)
        return Verdict(
            outcome,
            client_rtt_min=asked[0],
            client_rtt_max=asked[1],
            synack_frame=first.frame,
            synack_count=len(self.right),
            server_isn=first.segment.seq,
            ack_frame=ack.frame if ack else None,
        )

    def unreset(self) -> bool:
        """3.5.2, group 1: what comes for a connection that is not there is answered by an RST with its ACK's number.

        That RST has no ACK; one that acknowledges something else than this segment's end knew the connection.
        """
        return any(
            not any(
                reset.segment.seq == one.segment.ack
                and (not flags(reset, ACK) or after(reset.segment.ack, one.segment.seq) == length(one.segment))
                for reset in resets
            )
            for acks, resets in (
                (self.client, self.server_resets),
                (self.server, self.client_resets),
            )
            for one in acks
            if flags(one, ACK | RST) == ACK
        )


def unchanged(a: Segment, b: Segment) -> bool:
    return (a.seq, a.ack, a.tcp_flags, a.payload_length) == (b.seq, b.ack, b.tcp_flags, b.payload_length)


def flags(one: Seen, mask: int) -> int:
    return one.segment.tcp_flags & mask


def between(asked: list[Seen], answer: Seen) -> tuple[int | None, int | None]:
    """Least and most time from whichever of ``asked`` was answered; what was sent later cannot have been."""
    spans = [answer.time - one.time for one in asked if one.time <= answer.time]
    return (min(spans), max(spans)) if spans else (None, None)
