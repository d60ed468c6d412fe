"""Legal shapes that RFC 9293 draws no figure of."""

from tests.handshakes.case import case, row, span

CASES = {
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
    "simultaneous open, each end asks for a Fast Open cookie and neither gives one": case(
        """
        +0   > S  0       <FO>
        +0   < S  0       <FO>
        +.02 > S. 0 ack 1
        +0   < S. 0 ack 1 <FO>
        +.02 > .  1 ack 1
        +0   < .  1 ack 1
        """,
        row(
            "established", "simultaneous-open", counts=(1, 1), frames=(1, 4, 5),
            client_fast_open="request", server_fast_open="request",
        ),
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
