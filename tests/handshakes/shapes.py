"""The figures of RFC 9293, section 3.5, number for number, and the other legal shapes."""

from tests.handshakes.case import case, row, span

CASES = {
    "RFC 9293, figure 6: three-way": case(
        """
        isn 100 300
        +0 > S  =100
        +0 < S. =300 ack =101
        +0 > .  =101 ack =301
        +0 > .  =101:=111(10) ack =301
        """,
        row(
            "established", "three-way", (1, 2, 3), (1, 1), client_isn=100, server_isn=300,
            **span("server_rtt", 0), **span("client_rtt", 0), rtt_status="exact",
        ),
    ),
    "RFC 9293, figure 7: simultaneous open": case(
        """
        +0   > S  =100
        +.01 < S  =300
        +0   > S. =100 ack =301
        +.01 < S. =300 ack =101
        """,
        row(
            "established", "simultaneous-open", (1, 4, 3), (1, 1),
            client_isn=100, server_isn=300, synack_ack=101, rtt_status="none",
        ),
    ),
    "simultaneous open, each end with an ACK at the end": case(
        """
        +0   > S  0
        +0   < S  0
        +.02 > S. 0 ack 1
        +0   < S. 0 ack 1
        +.02 > .  1 ack 1
        +0   < .  1 ack 1
        """,
        row("established", "simultaneous-open", counts=(1, 1), frames=(1, 4, 5)),
    ),
    "RFC 9293, figure 8: an old duplicate SYN, seen near the client": case(
        """
        +0   > S  =90
        +0   > S  =100
        +.01 < S. =300 ack =91
        +0   > R  =91
        +.01 < S. =400 ack =101
        +0   > .  =101 ack =401
        """,
        row("established", "old-duplicate", (2, 5, 6), (2, 2), client_isn=100, server_isn=400),
    ),
    "RFC 9293, figure 8, the server answers in between": case(
        """
        +0   > S  =90
        +.01 < S. =300 ack =91
        +0   > S  =100
        +.01 > R  =91
        +.01 < S. =400 ack =101
        +0   > .  =101 ack =401
        """,
        row("established", "old-duplicate", (3, 5, 6), (2, 2), client_isn=100, server_isn=400),
    ),
    "RFC 9293, figure 8, the old SYN not captured": case(
        """
        +0   > S  =100
        +.01 < S. =300 ack =91
        +0   > R  =91
        +.01 < S. =400 ack =101
        +0   > .  =101 ack =401
        """,
        row("established", "three-way", (1, 4, 5), (1, 2), client_isn=100, server_isn=400),
    ),
    "RFC 9293, figure 9: a half-open connection is discovered": case(
        """
        +0   > S  =400
        +.01 < .  =300 ack =100
        +0   > R  =100
        +.01 > S  =400
        +.01 < S. =900 ack =401
        +0   > .  =401 ack =901
        """,
        row("established", "half-open-discovery", (1, 5, 6), (2, 1), client_isn=400, server_isn=900),
    ),
    "RFC 9293, figure 9, after the connection that only the server remembers": case(
        """
        isn 80 280
        +0   > S  0
        +.01 < S. 0 ack 1
        +0   > .  1 ack 1
        +1   > P. 1:20(19) ack 1
        +.01 < P. 1:20(19) ack 20
        +60  > S  =400
        +.01 < .  =300 ack =100
        +0   > R  =100
        +.01 > S  =400
        +.01 < S. =900 ack =401
        +0   > .  =401 ack =901
        """,
        row("established", "three-way", (1, 2, 3), (1, 1), client_isn=80),
        row("established", "half-open-discovery", (6, 10, 11), (2, 1), client_isn=400, server_isn=900),
    ),
    "RFC 9293, figure 10: the active side causes the discovery": case(
        """
        +0   < .  =300:=310(10) ack =100
        +.01 > R  =100
        +9   arp
        """,
        row("stray"),
    ),
    "RFC 9293, figure 11: an old SYN and two passive sockets": case(
        """
        +0   > S  =50
        +.01 < S. =70 ack =51
        +.01 > R  =51
        +9   arp
        """,
        row("aborted", "", (1, 2, None), (1, 1), aborted_by="client", client_isn=50, server_isn=70),
    ),
    "split handshake, four segments": case(
        """
        +0   > S  0
        +.02 < S  0
        +0   > S. 0 ack 1
        +.02 < .  1 ack 1
        """,
        row("established", "split", counts=(1, 0), frames=(1, 2, 3), client_isn=1000, server_isn=5000),
    ),
    "split handshake, five segments": case(
        """
        +0   > S  0
        +.02 < .  0 ack 1
        +.01 < S  0
        +0   > S. 0 ack 1
        +.02 < .  1 ack 1
        """,
        row("established", "split", counts=(1, 0), frames=(1, 3, 4), client_isn=1000, server_isn=5000),
    ),
    "split handshake, the client's half alone is no connection": case(
        """
        +0   > S  0
        +.02 < S  0
        +0   > S. 0 ack 1
        +9   arp
        """,
        row("unanswered", counts=(1, 0), frames=(1, 2, 3)),
    ),
    "self-connect": case(
        """
        client 127.0.0.1:40000 server 127.0.0.1:40000 isn 1000 1000
        +0 > S  0
        +0 > S. 0 ack 1
        +0 > .  1 ack 1
        """,
        row("established", "self-connect", counts=(1, 1), frames=(1, 2, 3), client_isn=1000, server_isn=1000),
    ),
    "fast open: the SYN-ACK takes the SYN's data": case(
        """
        +0   > S  0:100(100) <FO 0011223344556677>
        +.02 < S. 0 ack 101
        +0   > .  101 ack 1
        """,
        row(
            "established", "fast-open", (1, 2, 3), (1, 1),
            synack_ack=1101, ack_seq=1101, client_fast_open="cookie", **span("server_rtt", 20),
        ),
    ),
    "fast open: some of the data": case(
        """
        +0   > S  0:100(100) <FO 0011223344556677>
        +.02 < S. 0 ack 51
        +0   > P. 51:101(50) ack 1
        """,
        row("established", "fast-open", (1, 2, 3), (1, 1), synack_ack=1051, ack_kind="data"),
    ),
    "fast open: the server speaks before the ACK": case(
        """
        +0   > S  0:100(100) <FO 0011223344556677>
        +.02 < S. 0 ack 101
        +0   < P. 1:501(500) ack 101
        +0   > .  101 ack 501
        """,
        row("established", "fast-open", (1, 2, 4), (1, 1), ack_ack=5501),
    ),
    "fast open: the data is not taken": case(
        """
        +0   > S  0:100(100) <FO 0011223344556677>
        +.02 < S. 0 ack 1
        +0   > P. 1:101(100) ack 1
        """,
        row("established", "three-way", (1, 2, 3), (1, 1), synack_ack=1001, ack_kind="data"),
    ),
    "fast open: falls back to a plain SYN of the same number": case(
        """
        +0   > S  0:100(100) <FO 0011223344556677>
        +1   > S  0
        +.02 < S. 0 ack 1
        +0   > P. 1:101(100) ack 1
        """,
        row("established", "three-way", (1, 3, 4), (2, 1), synack_ack=1001),
    ),
}  # fmt: skip
