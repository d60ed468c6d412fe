"""What completes a handshake and what does not, wherever the numbers wrap; and other attempts of the same flow."""

from tests.handshakes.case import case, row

CASES = {
    "wrap: both ISNs are the last number": case(
        """
        isn 4294967295 4294967295
        +0   > S  0
        +.02 < S. 0 ack 1
        +0   > .  1 ack 1
        +0   > P. 1:11(10) ack 1
        +.02 < .  1 ack 11
        """,
        row(
            "established", "three-way", (1, 2, 3), (1, 1),
            client_isn=2**32 - 1, server_isn=2**32 - 1, synack_ack=0, ack_seq=0, ack_ack=0,
        ),
    ),
    "wrap: the window reaches over zero": case(
        """
        isn 4294967280 0
        +0   > S  0
        +.02 < S. 0 ack 1 win 65535
        +0   > P. 101:111(10) ack 1
        """,
        row("established", "three-way", (1, 2, 3), (1, 1), server_isn=0, ack_seq=85),
    ),
    "wrap: a SYN-ACK that forgets the wrap": case(
        """
        isn 4294967295 5000
        +0   > S  0
        +.02 < S. 0 ack =4294967295
        +9   arp
        """,
        row("invalid", "", (1, 2, None), (1, 1)),
    ),
    "ISNs of zero": case(
        """
        isn 0 0
        +0   > S  0
        +.02 < S. 0 ack 1
        +0   > .  1 ack 1
        """,
        row("established", "three-way", (1, 2, 3), (1, 1), client_isn=0, server_isn=0),
    ),
    "data completes": case(
        """
        +0   > S  0
        +.02 < S. 0 ack 1
        +.01 > P. 1:11(10) ack 1
        """,
        row("established", "three-way", (1, 2, 3), (1, 1), ack_kind="data"),
    ),
    "FIN completes": case(
        """
        +0   > S  0
        +.02 < S. 0 ack 1
        +.01 > F. 1 ack 1
        """,
        row("established", "three-way", (1, 2, 3), (1, 1), ack_kind="fin", close="half-closed", closed_by="client"),
    ),
    "an ACK of early data of the server completes": case(
        """
        +0   > S  0
        +.02 < S. 0 ack 1
        +0   < P. 1:101(100) ack 1
        +0   > .  1 ack 101
        """,
        row("established", "three-way", (1, 2, 4), (1, 1), ack_ack=5101),
    ),
    "an ACK of more than the server sent completes nothing": case(
        """
        +0   > S  0
        +.02 < S. 0 ack 1
        +0   < P. 1:101(100) ack 1
        +0   > .  1 ack 102
        +9   arp
        """,
        row("invalid", "", (1, 2, 4), (1, 1)),
    ),
    "an ACK of the ISN completes nothing": case(
        """
        +0   > S  0
        +.02 < S. 0 ack 1
        +0   > .  1 ack 0
        +9   arp
        """,
        row("invalid", "", (1, 2, 3), (1, 1)),
    ),
    "a bare ACK further on in the window completes": case(
        """
        +0   > S  0
        +.02 < S. 0 ack 1 win 1000
        +0   > .  1000 ack 1
        """,
        row("established", "three-way", (1, 2, 3), (1, 1), ack_seq=2000),
    ),
    "a bare ACK just beyond the window does not": case(
        """
        +0   > S  0
        +.02 < S. 0 ack 1 win 1000
        +0   > .  1001 ack 1
        +9   arp
        """,
        row("invalid", "", (1, 2, 3), (1, 1)),
    ),
    "a bare ACK with the ISN's number does not": case(
        """
        +0   > S  0
        +.02 < S. 0 ack 1
        +0   > .  0 ack 1
        +9   arp
        """,
        row("invalid", "", (1, 2, 3), (1, 1)),
    ),
    "data of which only the end lies in the window completes": case(
        """
        +0   > S  0
        +.02 < S. 0 ack 1
        +0   > P. -9:2(11) ack 1
        """,
        row("established", "three-way", (1, 2, 3), (1, 1)),
    ),
    "a closed window takes the number expected": case(
        """
        +0   > S  0
        +.02 < S. 0 ack 1 win 0
        +0   > .  1 ack 1
        """,
        row("established", "three-way", (1, 2, 3), (1, 1)),
    ),
    "a closed window takes no other": case(
        """
        +0   > S  0
        +.02 < S. 0 ack 1 win 0
        +0   > .  2 ack 1
        +9   arp
        """,
        row("invalid", "", (1, 2, 3), (1, 1)),
    ),
    "an ACK that is older than the SYN by its timestamp completes nothing": case(
        """
        +0   > S  0       <TS val 1000 ecr 0>
        +.02 < S. 0 ack 1 <TS val 77 ecr 1000>
        +0   > .  1 ack 1 <TS val 999 ecr 77>
        +9   arp
        """,
        row("invalid", "", (1, 2, 3), (1, 1)),
    ),
    "timestamps wrap, too": case(
        """
        +0   > S  0       <TS val 4294967290 ecr 0>
        +.02 < S. 0 ack 1 <TS val 77 ecr 4294967290>
        +0   > .  1 ack 1 <TS val 4 ecr 77>
        """,
        row("established", "three-way", (1, 2, 3), (1, 1)),
    ),
    "an ACK of any of two right SYN-ACKs completes": case(
        """
        +0   > S  0
        +.02 < S. 0 ack 1 win 0
        +1   < S. 90000 ack 1
        +0   > .  1 ack 90001
        """,
        row("established", "three-way", frames=(1, 2, 4), counts=(1, 2)),
    ),
    "a wrong RST is ignored": case(
        """
        +0   > S  0
        +.02 < S. 0 ack 1
        +.01 < R  777
        +.01 > .  1 ack 1
        """,
        row("established", "three-way", (1, 2, 4), (1, 1)),
    ),
    "SYN with FIN, not answered: a scan": case(
        """
        +0   > SF 0
        +9   arp
        """,
        row("stray", client_port=49152),
    ),
    "SYN with FIN, answered": case(
        """
        +0   > SF 0
        +.02 < S. 0 ack 1
        +0   > .  1 ack 1
        """,
        row("established", "three-way", (1, 2, 3), (1, 1)),
    ),
    "SYN with PSH and URG and reserved bits is a SYN": case(
        """
        +0   > SPU 0 reserved 5
        +.02 < S. 0 ack 1
        +0   > .  1 ack 1
        """,
        row("established", "three-way", (1, 2, 3), (1, 1)),
    ),
    "a SYN repeated without ECN, with other options": case(
        """
        +0   > SEW 0 <mss 1460,sackOK>
        +1   > S   0 <mss 1460>
        +.02 < S. 0 ack 1
        +0   > .  1 ack 1
        """,
        row("established", "three-way", (1, 3, 4), (2, 1), client_ecn="ecn"),
    ),
    "the port is used again": case(
        """
        +0   > S  0
        +.02 < S. 0 ack 1
        +0   > .  1 ack 1
        +1   > F. 1 ack 1
        +.02 < F. 1 ack 2
        +0   > .  2 ack 2
        +9   > S  500000
        +.02 < S. 700000 ack 500001
        +0   > .  500001 ack 700001
        """,
        row("established", "three-way", (1, 2, 3), (1, 1), client_isn=1000, close="fin", closed_by="client"),
        row("established", "three-way", (7, 8, 9), (1, 1), client_isn=501000, close="open", closed_by=""),
    ),
    "the port is used again, and the second SYN is missing": case(
        """
        +0   > S  0
        +.02 < S. 0 ack 1
        +0   > .  1 ack 1
        +1   > F. 1 ack 1
        +.02 < F. 1 ack 2
        +0   > .  2 ack 2
        +9   < S. 700000 ack 500001
        +0   > .  500001 ack 700001
        +0   > P. 500001:500011(10) ack 700001
        +.02 < .  700001 ack 500011
        """,
        row("established", "three-way", (1, 2, 3), (1, 1), client_isn=1000, close="fin"),
        row("partial", "", (None, 7, 8), (0, 1), server_isn=705000),
    ),
    "a wrong SYN-ACK comes late": case(
        """
        +0   > S  0
        +.02 < S. 0 ack 1
        +0   > .  1 ack 1
        +.01 < S. 90000 ack 700
        +1   > P. 1:11(10) ack 1
        +.02 < P. 1:21(20) ack 11
        +0   > F. 11 ack 21
        +.02 < F. 21 ack 12
        +0   > .  12 ack 22
        """,
        row("established", "three-way", (1, 2, 3), (1, 1), close="fin", closed_by="client"),
        row("stray", "", (None, 4, None), (0, 1)),
    ),
    "a second right SYN-ACK's number is none that the first reached": case(
        """
        +0   > S  0
        +.02 < S. 0 ack 1
        +1   < S. 90000 ack 1
        +0   > .  1 ack 9
        +9   arp
        """,
        row("invalid", "", (1, 2, 4), (1, 2)),
    ),
    "the port is used again, and a late segment of the first connection comes in between": case(
        """
        +0   > S  0
        +.02 < S. 0 ack 1
        +0   > .  1 ack 1
        +1   > P. 1:11(10) ack 1
        +.02 < F. 1 ack 11
        +0   > F. 11 ack 2
        +.02 < .  2 ack 12
        +9   > S  500000
        +0   > P. 1:11(10) ack 1
        +.02 < S. 700000 ack 500001
        +0   > .  500001 ack 700001
        """,
        row("established", "three-way", (1, 2, 3), (1, 1), client_isn=1000),
        row("established", "three-way", (8, 10, 11), (1, 1), client_isn=501000),
    ),
    "the same ISN after so long is another attempt": case(
        """
        +0   > S  0
        +.02 < R. 0 ack 1
        +131 > S  0
        +.02 < S. 0 ack 1
        +0   > .  1 ack 1
        """,
        row("refused", "", (1, None, None), (1, 0)),
        row("established", "three-way", (3, 4, 5), (1, 1)),
    ),
    "a blind SYN into a connection": case(
        """
        +0   > S  0
        +.02 < S. 0 ack 1
        +0   > .  1 ack 1
        +1   > S  900000
        +.02 < .  1 ack 1
        +1   > P. 1:11(10) ack 1
        +.02 < P. 1:21(20) ack 11
        +0   > .  11 ack 21
        +9   arp
        """,
        row("established", "three-way", (1, 2, 3), (1, 1), client_isn=1000),
        row("stray", "", (4, None, None), (1, 0), client_isn=901000),
    ),
    "an old SYN-ACK comes late": case(
        """
        +0   > S  0
        +.01 < R. 0 ack 1
        +1   > S  500000
        +.01 < S. 0 ack 1
        +0   > R  1
        +.01 < S. 700000 ack 500001
        +0   > .  500001 ack 700001
        """,
        row("refused", "", (1, 4, None), (1, 1), client_isn=1000),
        row("established", "three-way", (3, 6, 7), (1, 1), client_isn=501000),
    ),
    "an ICMP error belongs to the attempt whose number it quotes": case(
        """
        +0   > S  0
        +1   > S  500000
        +.01 < icmp 3/1 quotes 0 from 203.0.113.1
        +.01 < S. 0 ack 500001
        +0   > .  500001 ack 1
        """,
        row("unreachable", "", (1, None, None), (1, 0), client_isn=1000),
        row("established", "three-way", (2, 4, 5), (1, 1), client_isn=501000),
    ),
}  # fmt: skip
