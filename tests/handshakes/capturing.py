"""What the way of capturing does to an exchange: none of it is the hosts' doing."""

from tests.handshakes.case import case, row

ESTABLISHED = {"client_isn": 1000, "server_isn": 5000}

CASES = {
    "a mirror port delivers everything twice": case(
        """
        +0       > S  0
        +.000002 copy
        +.019998 < S. 0 ack 1
        +.000002 copy
        +0       > .  1 ack 1
        +.000002 copy
        """,
        row("established", "three-way", (1, 3, 5), (1, 1), rtt_status="exact", server_rtt=20_000_000),
    ),
    "the `any` device of a router shows everything before and after it": case(
        """
        +0       > S  0
        +.000030 copy ttl 63
        +.02     < S. 0 ack 1
        +.000030 copy ttl 63
        +0       > .  1 ack 1
        +.000030 copy ttl 63
        """,
        row("established", "three-way", (1, 3, 5), (1, 1), rtt_status="exact"),
    ),
    "a SYN repeated after 10 ms is no copy": case(
        """
        +0       > S  0
        +.01     > S  0
        +.02     < S. 0 ack 1
        +0       > .  1 ack 1
        """,
        row("established", "three-way", (1, 3, 4), (2, 1)),
    ),
    "the SYN-ACK is recorded before the SYN": case(
        """
        +.00001  < S. 0 ack 1
        -.00001  > S  0
        +.00005  > .  1 ack 1
        """,
        row("established", "three-way", (2, 1, 3), (1, 1), **ESTABLISHED),
    ),
    "all of one direction is recorded first": case(
        """
        +.02     < S. 0 ack 1
        +.02     < .  1 ack 11
        +.01     < P. 1:21(20) ack 11
        -.05     > S  0
        +.021    > .  1 ack 1
        +0       > P. 1:11(10) ack 1
        +.03     > .  11 ack 21
        """,
        row("established", "three-way", (4, 1, 5), (1, 1), **ESTABLISHED),
    ),
    "all of the other direction is recorded first": case(
        """
        +0       > S  0
        +.021    > .  1 ack 1
        +0       > P. 1:11(10) ack 1
        -.001    < S. 0 ack 1
        +.02     < .  1 ack 11
        """,
        row("established", "three-way", (1, 4, 2), (1, 1), **ESTABLISHED),
    ),
    "one 4-tuple in two VLANs is two connections": case(
        """
        +0   > S  0 vlan 10
        +0   > S  70000 vlan 20
        +.02 < S. 0 ack 1 vlan 10
        +0   < S. 90000 ack 70001 vlan 20
        +0   > .  1 ack 1 vlan 10
        +0   > .  70001 ack 90001 vlan 20
        """,
        row("established", "three-way", (1, 3, 5), (1, 1), vlan=10, client_isn=1000),
        row("established", "three-way", (2, 4, 6), (1, 1), vlan=20, client_isn=71000),
    ),
    "a tag in one direction only is one connection": case(
        """
        +0   > S  0 vlan 10
        +.02 < S. 0 ack 1
        +0   > .  1 ack 1 vlan 10
        """,
        row("established", "three-way", (1, 2, 3), (1, 1), vlan=10),
    ),
    "fourteen octets of each TCP header": case(
        """
        snaplen 48
        +0   > S  0 <mss 1460,nop,wscale 7>
        +.02 < S. 0 ack 1 <mss 1460>
        +0   > .  1 ack 1
        """,
        row("established", "three-way", (1, 2, 3), (1, 1), client_mss=None, client_sack_permitted=None),
    ),
    "a window that was cut off may have been any": case(
        """
        snaplen 48
        +0   > S  0
        +.02 < S. 0 ack 1
        +0   > .  65535 ack 1
        """,
        row("established", "three-way", (1, 2, 3), (1, 1)),
    ),
    "a window that was cut off was no larger than 65535": case(
        """
        snaplen 48
        +0   > S  0
        +.02 < S. 0 ack 1
        +0   > .  65536 ack 1
        +9   arp
        """,
        row("invalid", "", (1, 2, 3), (1, 1)),
    ),
    "a bad checksum does not hide a SYN, nor its answer": case(
        """
        +0   > S  0 partialsum
        +.02 < S. 0 ack 1
        +0   > .  1 ack 1 badsum
        """,
        row("established", "three-way", (1, 2, 3), (1, 1)),
    ),
    "of two hosts one flow proves that only the client was captured": case(
        """
        flow proves client 192.0.2.1:1001
        +0   > S  0
        +.02 > .  1 ack 1
        flow silent client 192.0.2.1:1002
        +.1  > S  0
        +9   arp
        flow elsewhere client 192.0.2.1:1003 server 203.0.113.9:80
        +.2  > S  0
        """,
        row("one-sided", "", (1, None, None), (1, 0), client_port=1001),
        row("one-sided", "", (3, None, None), (1, 0), client_port=1002),
        row("unanswered", "", (4, None, None), (1, 0), client_port=1003),
    ),
    "of two hosts one flow proves that only the server was captured": case(
        """
        flow proves client 192.0.2.1:1001
        +0   < S. 0 ack 1
        +.02 < .  1 ack 101
        flow alone client 192.0.2.1:1002
        +.1  < S. 0 ack 1
        +9   arp
        """,
        row("one-sided", "", (None, 1, None), (0, 1), client_port=1001),
        row("one-sided", "", (None, 3, None), (0, 1), client_port=1002),
    ),
    "where one flow shows both directions silence is silence": case(
        """
        flow proves client 192.0.2.1:1001
        +0   > S  0
        +.02 > .  1 ack 1
        flow both client 192.0.2.1:1003
        +.05 > S  0
        +.02 < S. 0 ack 1
        +0   > .  1 ack 1
        flow silent client 192.0.2.1:1002
        +.1  > S  0
        +9   arp
        """,
        row("one-sided", "", (1, None, None), (1, 0), client_port=1001),
        row("established", "three-way", (3, 4, 5), (1, 1), client_port=1003),
        row("unanswered", "", (6, None, None), (1, 0), client_port=1002),
    ),
    "midstream: the side that answers an old connection is not the first sender": case(
        """
        +0   < .  1:1449(1448) ack 11
        +.02 > .  11 ack 1449
        +.02 < .  1449:2897(1448) ack 11
        """,
        row("midstream", client_isn=None, syn_count=0),
    ),
    "a second connection after one that was open already": case(
        """
        +0   > P. 1:11(10) ack 1
        +.02 < .  1 ack 11
        +0   > R. 11 ack 1
        +9   > S  500000
        +.02 < S. 700000 ack 500001
        +0   > .  500001 ack 700001
        """,
        row("midstream", "", (None, None, None), (0, 0)),
        row("established", "three-way", (4, 5, 6), (1, 1), client_isn=501000),
    ),
    "partial: the completing ACK and what the server sent were not captured": case(
        """
        +0   > S  0
        +.02 < S. 0 ack 1
        +.1  > .  2 ack 2
        +9   arp
        """,
        row("partial", "", (1, 2, None), (1, 1)),
    ),
    "partial: of the opening only the SYN-ACK was captured, and the client goes on": case(
        """
        +0   < S. 0 ack 1
        +.1  > .  2 ack 2
        """,
        row("partial", "", (None, 1, None), (0, 1)),
    ),
    "invalid: both numbers too far on, and the server resets": case(
        """
        +0   > S  0
        +.02 < S. 0 ack 1
        +.1  > .  2 ack 2
        +.02 < R  2
        """,
        row("invalid", "", (1, 2, 3), (1, 1)),
    ),
    "invalid: both numbers too far on, and the server repeats its SYN-ACK": case(
        """
        +0   > S  0
        +.02 < S. 0 ack 1
        +.1  > .  2 ack 2
        +1   < S. 0 ack 1
        """,
        row("invalid", "", (1, 2, 3), (1, 2)),
    ),
    "invalid: a wrong ACK, then data behind it": case(
        """
        +0   > S  0
        +.02 < S. 0 ack 1
        +0   > .  1 ack 70001
        +.1  > P. 1:101(100) ack 70001
        +.1  > P. 101:201(100) ack 70001
        """,
        row("invalid", "", (1, 2, 3), (1, 1)),
    ),
    "partial: an RST closes a connection whose SYN-ACK was not captured, and refuses nothing": case(
        """
        +0   > S  0
        +.02 > .  1 ack 1
        +.1  < R. 1 ack 1
        """,
        row("partial", "", (1, None, None), (1, 0), close="reset", closed_by="server"),
    ),
    "refused: the RST was recorded before the SYN": case(
        """
        +0     < R. =0 ack 1
        +.0002 > S  0
        """,
        row("refused", "", (2, None, None), (1, 0), client_port=49152),
    ),
    "unreachable: the ICMP error was recorded before the SYN": case(
        """
        +0     < icmp 3/1 quotes 0
        +.0002 > S  0
        """,
        row("unreachable", "", (2, None, None), (1, 0)),
    ),
    "aborted: the RST was recorded before the SYN-ACK": case(
        """
        +0     > S  0
        +.02   > R  1
        +.0002 < S. 0 ack 1
        +9     arp
        """,
        row("aborted", "", (1, 3, None), (1, 1), aborted_by="client"),
    ),
    "one-sided: the ACK was recorded before the SYN": case(
        """
        +0     > .  1 ack 1
        +.0002 > S  0
        +.1    > P. 1:101(100) ack 1
        """,
        row("one-sided", "", (2, None, None), (1, 0)),
    ),
    "a second connection whose SYN was recorded last, with an ISN near the first": case(
        """
        +0     > S  0
        +.02   < S. 0 ack 1
        +0     > .  1 ack 1
        +.1    > F. 1 ack 1
        +.02   < F. 1 ack 2
        +0     > .  2 ack 2
        +2     < S. 90000 ack 65538
        +.0001 > .  65538 ack 90001
        +.0002 > S  65537
        """,
        row("established", "three-way", (1, 2, 3), (1, 1), close="fin", closed_by="client"),
        row("established", "three-way", (9, 7, 8), (1, 1)),
    ),
    "partial: the SYN of the second attempt was not captured, and both sides agree about it": case(
        """
        +0   > S  0
        +9   < S. 90000 ack 70001
        +0   > P. 70001:70011(10) ack 90001
        +.02 < .  90001 ack 70011
        """,
        row("unanswered", "", (1, None, None), (1, 0)),
        row("partial", "", (None, 2, 3), (0, 1), server_isn=95000),
    ),
    "invalid: both sides go on with a number that is a little off": case(
        """
        +0   > S  0
        +.02 < S. 0 ack 7
        +0   > P. 7:17(10) ack 1
        +.02 < .  1 ack 17
        """,
        row("invalid", "", (1, 2, 3), (1, 1)),
    ),
    "invalid: a client that takes a wrong SYN-ACK, and a server that says no more": case(
        """
        +0   > S  0
        +.02 < S. 90000 ack 70001
        +0   > P. 70001:70011(10) ack 90001
        """,
        row("invalid", "", (1, 2, 3), (1, 1)),
    ),
    "midstream: an RST that acknowledges more than was seen comes from a host that knew the connection": case(
        """
        +0   > .  0 ack 1
        +.6  < R. 1 ack 1
        """,
        row("midstream"),
    ),
    "stray: an RST that acknowledges just the segment may come from a firewall": case(
        """
        +0   > .  0 ack 1
        +.02 < R. 1 ack 0
        """,
        row("stray"),
    ),
}  # fmt: skip
