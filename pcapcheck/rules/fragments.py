"""What IP fragments do to a TCP header."""

from __future__ import annotations

from pcapcheck.rules.catalogue import Answer, about_capture, rule
from pcapcheck.stretch import CaptureFacts
from pcapcheck.traffic import Traffic


@rule(
    "HS20",
    "header-in-fragments",
    "warning",
    reference="RFC 1858, sections 3 and 4; RFC 3128; RFC 7112, section 5; RFC 8200, section 4.5",
    needs="the fragments of a datagram",
    message="{actual} datagram(s) hide a TCP header, or a SYN, in IP fragments",
    fires="""
        # More fragments follow a SYN, which is far smaller than any link's MTU.
        +0   > S  0:0(0) win 64240 frag first
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
    """,
    silent="""
        # Data that was too large for a link: its header is whole, in the first fragment.
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        +0   > P. 1:1461(1460) ack 1 frag first
        +0   > P. 1461:1501(40) ack 1 frag later
    """,
    per_capture=True,
)
def header_in_fragments(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """A TCP header is split over IP fragments, a later fragment reaches into it, or a SYN comes in fragments.

    What it means: No link has an MTU so small that a header of 60 octets must be split (RFC 791, section 3.2: 68 octets
    pass everywhere; RFC 7112: an IPv6 first fragment must hold all headers). Somebody cut the datagram up on purpose.
    Where all pieces are in the capture it was put together and judged as the receiver would; pieces that overlap were
    given up, as RFC 5722 asks of the receiver.

    Why it matters: Filters and intrusion detection that look at fragments one by one see no ports or no flags, and let
    a connection pass that they would stop.

    Common causes: `nmap -f`, fragroute and other tests of a firewall; an attack; a broken sender.

    What to look at next: Who sent the fragments, and whether the datagram's connection was answered. A firewall should
    put fragments together before it filters (RFC 3128, section 3), or drop these.
    """
    return about_capture(
        capture.split_headers > 0,
        applies=capture.frames > 0,
        frames=[capture.first_split_header],
        expected="0",
        actual=str(capture.split_headers),
    )
