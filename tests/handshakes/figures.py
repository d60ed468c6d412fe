"""The figures of RFC 9293, sections 3.5 and 3.6, number for number. What the RFC calls A is the client."""

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
    "RFC 9293, figure 8, seen at the server": case(
        """
        +0   > S  =90
        +0   < S. =300 ack =91
        +.02 > R  =91
        +.01 > S  =100
        +0   < S. =400 ack =101
        +.02 > .  =101 ack =401
        """,
        row("aborted", "", (1, 2, None), (1, 1), aborted_by="client", client_isn=90, server_isn=300),
        row("established", "three-way", (4, 5, 6), (1, 1), client_isn=100, server_isn=400),
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
    "RFC 9293, figure 12: normal close": case(
        """
        isn 99 299
        +0   > S  =99
        +.01 < S. =299 ack =100
        +0   > .  =100 ack =300
        +1   > F. =100 ack =300
        +.01 < .  =300 ack =101
        +.1  < F. =300 ack =101
        +0   > .  =101 ack =301
        """,
        row("established", "three-way", (1, 2, 3), (1, 1), close="fin", closed_by="client"),
    ),
    "RFC 9293, figure 12, the opening not captured": case(
        """
        +0   > F. =100 ack =300
        +.01 < .  =300 ack =101
        +.1  < F. =300 ack =101
        +0   > .  =101 ack =301
        """,
        row("midstream", close="fin", closed_by="client"),
    ),
    "RFC 9293, figure 13: simultaneous close": case(
        """
        isn 99 299
        +0   > S  =99
        +.01 < S. =299 ack =100
        +0   > .  =100 ack =300
        +1   > F. =100 ack =300
        +.01 < F. =300 ack =100
        +0   > .  =101 ack =301
        +.01 < .  =301 ack =101
        """,
        row("established", "three-way", (1, 2, 3), (1, 1), close="fin", closed_by="client"),
    ),
    "RFC 9293, figure 13, the opening not captured": case(
        """
        +0   > F. =100 ack =300
        +.01 < F. =300 ack =100
        +0   > .  =101 ack =301
        +.01 < .  =301 ack =101
        """,
        row("midstream", close="fin", closed_by="client"),
    ),
}  # fmt: skip
