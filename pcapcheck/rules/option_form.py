"""Options that are malformed, or stand in segments where they must not."""

from __future__ import annotations

import numpy as np

from pcapcheck.decode.option_columns import MALFORMED
from pcapcheck.decode.options import parse_options
from pcapcheck.decode.segment import OPTIONS_UNSEEN, SYN
from pcapcheck.openings import WITH_SACK
from pcapcheck.rules.among import options_cut
from pcapcheck.rules.catalogue import Answer, Bools, Shown, rule, words
from pcapcheck.rules.row_options import options_seen, segments, some, texts
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import Traffic


@rule(
    "OP01",
    "malformed-options",
    "warning",
    reference="RFC 9293, section 3.1 (MUST-7, MUST-68, MUST-69)",
    needs="the options of every segment",
    message="malformed options: {actual}",
    among=lambda traffic: some(traffic, traffic.options.faults != 0) | options_cut(traffic),
    fires="""
        +0   > S  0:0(0) win 64240 <mss 1460,raw 0300>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460>
        +0   > .  1:1(0) ack 1
    """,
    silent="""
        # An option that nobody knows, of a right form, and zeros as padding.
        +0   > S  0:0(0) win 64240 <mss 1460,opt 69:0102>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460,eol,eol,eol,eol>
        +0   > .  1:1(0) ack 1
    """,
)
def malformed_options(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """An option has a length that it cannot have, stands there twice, or is followed by other octets than zeros.

    What it means: "all options except End of Option List Option (EOL) and No-Operation (NOP) MUST have length fields"
    (MUST-68), and "the content of the header beyond the End of Option List Option MUST be header padding of zeros"
    (MUST-69). This header breaks that, or has an option whose length is not the one of its kind, that runs over the end
    of the header, or that is repeated.

    Why it matters: Where the list is broken, receivers read different options, or none. Some drop the segment, some
    reset the connection ("a suggested procedure is to reset the connection and log the error cause", MUST-7).

    Common causes: A middlebox that inserts or removes options and miscounts; a packet generator, fuzzer or attack tool;
    a damaged frame.

    What to look at next: The options' octets in the frame, and whether the same segment looks right at another point.
    """
    sent = segments(traffic)
    row = traffic.first(sent & (traffic.options.faults & MALFORMED != 0))
    (found,) = (row != ABSENT).nonzero()
    texts = []
    for index in found.tolist():
        options, length, unseen = (traffic.column(name)[row[index]] for name in ("options", "options_length", "unseen"))
        octets = options.tobytes()[:length]
        texts.append("; ".join(parse_options(octets, complete=not unseen & OPTIONS_UNSEEN).faults))
    return Answer(
        fails=row != ABSENT,
        applies=some(traffic, sent),
        decidable=(row != ABSENT) | options_seen(traffic, sent),
        frames=(traffic.value("frame", row),),
        expected="a list of well-formed options",
        actual=words(len(row), found.tolist(), texts),
    )


def _outside_syn(traffic: Traffic, present: Bools, expected: str, actual: Shown) -> Answer:
    """Fails where a segment without SYN has an option (``present``, by row) that belongs to SYNs only."""
    others = segments(traffic) & (traffic.column("tcp_flags") & SYN == 0)
    row = traffic.first(others & present)
    return Answer(
        fails=row != ABSENT,
        applies=some(traffic, others),
        decidable=(row != ABSENT) | options_seen(traffic, others),
        frames=(traffic.value("frame", row),),
        expected=expected,
        actual=actual if isinstance(actual, str) else np.where(row == ABSENT, ABSENT, actual[row]),
    )


def _outside(traffic: Traffic, present: Bools) -> Bools:
    """Rows without SYN that have an option."""
    outside: Bools = present & (traffic.column("tcp_flags") & SYN == 0)
    return outside


@rule(
    "OP02",
    "mss-outside-syn",
    "warning",
    reference="RFC 9293, section 3.2 (MUST-65)",
    needs="the options of the segments without SYN",
    message="segment without SYN has an MSS option of {actual}",
    among=lambda traffic: some(traffic, _outside(traffic, traffic.options.mss != ABSENT)) | options_cut(traffic),
    fires="""
        +0   > S  0:0(0) win 64240 <mss 1460>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460>
        +0   > .  1:1(0) ack 1 <mss 1460>
    """,
    silent="""
        +0   > S  0:0(0) win 64240 <mss 1460>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460>
        +0   > .  1:1(0) ack 1
    """,
)
def mss_outside_syn(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """A segment without SYN carries a maximum segment size.

    What it means: "This field may be sent in the initial connection request (i.e., in segments with the SYN control bit
    set) and MUST NOT be sent in other segments."

    Why it matters: Receivers ignore it, so the sender's view of the segment size and the receiver's may differ.

    Common causes: A middlebox that adds the option to every segment; a simple or faulty TCP implementation.

    What to look at next: Whether the sender's SYN had the option too, and with which value.
    """
    mss = traffic.options.mss.astype(np.int64)
    return _outside_syn(traffic, mss != ABSENT, "no MSS option", mss)


@rule(
    "OP07",
    "window-scale-outside-syn",
    "note",
    reference="RFC 7323, section 2.2",
    needs="the options of the segments without SYN",
    message="segment without SYN has a window scale option of {actual}",
    among=lambda traffic: some(traffic, _outside(traffic, traffic.options.wscale != ABSENT)) | options_cut(traffic),
    fires="""
        +0   > S  0:0(0) win 64240 <mss 1460,nop,wscale 7>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460,nop,wscale 7>
        +0   > .  1:1(0) ack 1 <nop,wscale 7>
    """,
    silent="""
        +0   > S  0:0(0) win 64240 <mss 1460,nop,wscale 7>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460,nop,wscale 7>
        +0   > .  1:1(0) ack 1
    """,
)
def window_scale_outside_syn(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """A segment without SYN carries a window scale.

    What it means: "A Window Scale option in a segment without a SYN bit MUST be ignored." Sending it is not forbidden,
    but to no use.

    Why it matters: A sender that believes to have changed its scale sends windows that the receiver misreads.

    Common causes: A middlebox that adds the option to every segment; a simple or faulty TCP implementation.

    What to look at next: The sender's SYN or SYN-ACK: only its scale counts.
    """
    wscale = traffic.options.wscale.astype(np.int64)
    return _outside_syn(traffic, wscale != ABSENT, "no window scale option", wscale)


def _selective(traffic: Traffic) -> Bools:
    """Those with SACK blocks that not both sides permitted, or with SACK-permitted outside a SYN."""
    blocks = traffic.options.sack | (traffic.column("folded_signs") & WITH_SACK != 0)
    permitted = (traffic.handshakes.client_sack_permitted == 1) & (traffic.handshakes.server_sack_permitted == 1)
    found: Bools = some(traffic, blocks) & ~permitted
    return found | some(traffic, _outside(traffic, traffic.options.sack_permitted))


@rule(
    "OP15",
    "sack-not-permitted",
    "warning",
    reference="RFC 2018, sections 2 and 4",
    needs="the options of SYN and SYN-ACK, and of the segments after them",
    message="{actual}",
    among=_selective,
    fires="""
        +0   > S  0:0(0) win 64240 <mss 1460>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460>
        +0   > .  1:1(0) ack 1
        +.1  > P. 101:201(100) ack 1
        +.02 < .  1:1(0) ack 1 <nop,nop,sack 101:201>
    """,
    silent="""
        +0   > S  0:0(0) win 64240 <mss 1460,nop,nop,sackOK>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460,nop,nop,sackOK>
        +0   > .  1:1(0) ack 1
        +.1  > P. 101:201(100) ack 1
        +.02 < .  1:1(0) ack 1 <nop,nop,sack 101:201>
    """,
)
def sack_not_permitted(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """A side sends selective acknowledgements that the other did not permit, or permits them outside its SYN.

    What it means: SACK-permitted "MUST NOT be sent on non-SYN segments", and "if the data receiver has not received a
    SACK-Permitted option for a given connection, the receiver MUST NOT send SACK options on that connection".

    Why it matters: The other side ignores the blocks, or takes them for something else; losses are repaired slowly.
    Where a middlebox removed the permission from one SYN, the two sides disagree about the connection.

    Common causes: A middlebox that strips options from SYNs in one direction only; a faulty TCP implementation.

    What to look at next: Whether the SYN and the SYN-ACK permit it at another capture point.
    """
    options, sent = traffic.options, segments(traffic)
    with_syn = sent & (traffic.column("tcp_flags") & SYN != 0)
    misplaced = sent & ~with_syn & options.sack_permitted
    blocks = sent & ~with_syn & (options.sack | (traffic.column("folded_signs") & WITH_SACK != 0))
    client_syn, server_syn = with_syn & traffic.from_client, with_syn & ~traffic.from_client
    by_client, by_server = (some(traffic, syn & options.sack_permitted) for syn in (client_syn, server_syn))
    client_seen, server_seen = options_seen(traffic, client_syn), options_seen(traffic, server_syn)
    permitted = np.where(traffic.from_client, by_server[traffic.handshake], by_client[traffic.handshake])
    seen = np.where(traffic.from_client, server_seen[traffic.handshake], client_seen[traffic.handshake])
    row = traffic.first(misplaced | (blocks & ~permitted & seen))
    found = row != ABSENT
    is_misplaced = found & misplaced[row]
    return Answer(
        fails=found,
        applies=some(traffic, blocks | misplaced),
        decidable=found | ~some(traffic, blocks & ~permitted & ~seen),
        frames=(
            traffic.value("frame", row),
            np.where(
                found & traffic.from_client[row],
                traffic.value("frame", traffic.first(server_syn)),
                traffic.value("frame", traffic.first(client_syn)),
            ),
        ),
        expected=texts(found, ("no SACK blocks", "SACK-permitted on SYNs only"), is_misplaced.astype(int)),
        actual=texts(
            found,
            ("SACK blocks that the other side did not permit", "SACK-permitted on a segment without SYN"),
            is_misplaced.astype(int),
        ),
    )
