"""For tests: an assertion about captures, and exchanges, from which captures are made.

``assert_handshakes_ok(path)`` raises AssertionError with the findings and the ladder where a handshake is wrong. It is
loaded when it is first used, as is everything here: to import this module costs next to nothing.

Exchanges are TCP conversations written as text, turned into segments, frames and captures.

The notation is packetdrill's, which is tcpdump's order: time, direction, flags, ``seq:end(length)``, ack, window,
options. It serves the examples of the rules, the tests, the sample captures, and whoever wants a capture of their own::

    # A right handshake and a request.
    client 192.0.2.1:49152
    server 198.51.100.2:443
    +0     > S  0:0(0) win 64240 <mss 1460,sackOK,TS val 10 ecr 0,nop,wscale 7>
    +.020  < S. 0:0(0) ack 1 win 65160 <mss 1460>
    +0     > .  1:1(0) ack 1
    +.1    > P. 1:101(100) ack 1

``parse_exchange(text)`` reads it; ``.segments()`` gives what a decoder must find, ``.frames()`` the octets, and
``.write_pcap(path)`` the capture. ``format_exchange(segments)`` writes segments down again.

**Comments** run from ``#`` to the end of the line. Those before the first other line describe the exchange.

**Settings** stand on lines of their own, several to a line if wished, and hold for the lines below::

    client ADDRESS:PORT   192.0.2.1:49152 if not said; IPv6 as [2001:db8::1]:49152
    server ADDRESS:PORT   198.51.100.2:80 if not said
    isn CLIENT SERVER     the initial sequence numbers, 1000 and 5000 if not said
    vlan ID               tags every frame; 10.20 is tag 10 outside and 20 inside; vlan none ends it
    snaplen OCTETS        cuts every frame of the capture
    flow NAME             begins a conversation that runs beside the others

A flow begins with the settings made above the first flow and with a clock of its own. Frames of different flows come
in the order of their times, those of one flow as written.

**Time** is in seconds, exact to the nanosecond: ``+.1`` or ``-.1`` counts from the line before (of the same flow),
``0.5`` from the start of the exchange, which is START_NS.

**Direction**: ``>`` is sent by the client, ``<`` by the server.

**Flags**: ``S F R P . U E W e`` are SYN, FIN, RST, PSH, ACK, URG, ECE, CWR and AE, as tcpdump prints them; ``-`` is
none.

**Sequence numbers** count from the ISN of the side that they number; ``=77`` is the number itself. ``1:101(100)`` may
be shortened to ``1(100)``, and ``1:1(0)`` to ``1``. They wrap at 2^32 and may be negative.

**ack N** is required with the flag ``.``; without it, it fills the field all the same. **win N** is 65535 if not said.

**Options** ``<...>``, separated by commas, padded with zeros to a multiple of four octets::

    mss 1460   wscale 7   sackOK   sack 1:5 9:12   TS val 10 ecr 0   nop   eol   md5 [HEX]
    FO [COOKIE]   mptcp capable [HEX]   mptcp join HEX   opt KIND[:HEX]   raw HEX

``FO`` alone asks for a Fast Open cookie; ``opt`` is any other option, its length filled in; ``raw`` is octets as they
are.

**At the end of the line**, in any order::

    ttl 63   id 7              the IP header's; 64, and the running number of the sender's frames, if not said
    ecn CE                     or ECT0, ECT1: the IP header's mark
    vlan 10                    as above, for this frame
    badsum   partialsum        a wrong TCP checksum; the one that a sender leaves to its network card
    cut 14                     only so many octets behind the IP header were captured
    frag first   frag later    the first fragment of a datagram; one that is not the first
    pad                        padded to Ethernet's smallest frame, as a receiver captures it
    reserved 1   offset 4      the three reserved bits; a wrong data offset, in words

**Lines that are no segment**::

    +.01  < icmp 3/1 quotes 0                  an ICMP error about the client's segment 0; icmp6 1/4 for IPv6
    +.01  < icmp 3/13 quotes 0 from 203.0.113.1
    +0    copy                                 the frame before once more, octet for octet
    +0    copy ttl 63                          the same, but for what is said at the end of the line
    +5    arp                                  a frame without IP: the capture goes on
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pcapcheck.testing.assertions import assert_handshakes_ok
    from pcapcheck.testing.exchange import START_NS, Exchange
    from pcapcheck.testing.formatting import format_exchange
    from pcapcheck.testing.notation import parse_exchange

__all__ = ["START_NS", "Exchange", "assert_handshakes_ok", "format_exchange", "parse_exchange"]

_HOMES = {
    "START_NS": "exchange",
    "Exchange": "exchange",
    "assert_handshakes_ok": "assertions",
    "format_exchange": "formatting",
    "parse_exchange": "notation",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'pcapcheck.testing' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"pcapcheck.testing.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
