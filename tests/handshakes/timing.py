"""Round-trip times: exact, an interval, or none; never negative."""

from tests.handshakes.case import case, row, span

CASES = {
    "a lost SYN-ACK: the interval of a real Linux client": case(
        # True RTT 20 ms; the SYN-ACK that answers the second SYN echoes the first one's timestamp.
        """
        +0    > S  0       <TS val 10 ecr 0>
        +1.011 > S  0      <TS val 1021 ecr 0>
        +.020 < S. 0 ack 1 <TS val 77 ecr 10>
        +.001 > .  1 ack 1 <TS val 1042 ecr 77>
        """,
        row(
            "established", "three-way", (1, 3, 4), (2, 1), rtt_status="interval",
            **span("server_rtt", 20, 1031), **span("client_rtt", 1), **span("handshake_rtt", 21, 1032),
        ),
    ),
    "an echo of the second SYN proves which was answered": case(
        """
        +0    > S  0       <TS val 10 ecr 0>
        +1.011 > S  0      <TS val 1021 ecr 0>
        +.020 < S. 0 ack 1 <TS val 77 ecr 1021>
        +.001 > .  1 ack 1 <TS val 1042 ecr 77>
        """,
        row(
            "established", "three-way", (1, 3, 4), (2, 1), rtt_status="exact",
            **span("server_rtt", 20), **span("handshake_rtt", 21),
        ),
    ),
    "a SYN repeated after the answer leaves it exact": case(
        """
        +0   > S  0
        +.5  < S. 0 ack 1
        +.01 > S  0
        +.01 > .  1 ack 1
        """,
        row("established", "three-way", (1, 2, 4), (2, 1), rtt_status="exact", **span("server_rtt", 500)),
    ),
    "a repeated SYN-ACK makes the client's an interval": case(
        """
        +0   > S  0
        +.02 < S. 0 ack 1
        +1   < S. 0 ack 1
        +.04 > .  1 ack 1
        """,
        row(
            "established", "three-way", (1, 2, 4), (1, 2), rtt_status="interval",
            **span("server_rtt", 20), **span("client_rtt", 40, 1040), **span("handshake_rtt", 60, 1060),
        ),
    ),
    "a segment further on took no longer than so": case(
        """
        +0   > S  0
        +.02 < S. 0 ack 1
        +.3  > P. 11:21(10) ack 1
        """,
        row(
            "established", "three-way", (1, 2, 3), (1, 1), rtt_status="interval",
            **span("server_rtt", 20), **span("client_rtt", 0, 300), **span("handshake_rtt", 20, 320),
        ),
    ),
    "zero is a time": case(
        """
        +0   > S  0
        +0   < S. 0 ack 1
        +0   > .  1 ack 1
        """,
        row("established", "three-way", (1, 2, 3), (1, 1), rtt_status="exact", **span("handshake_rtt", 0)),
    ),
    "the clock steps back between SYN and SYN-ACK": case(
        """
        +1   > S  0
        -.05 < S. 0 ack 1
        +.01 > .  1 ack 1
        """,
        row("established", "three-way", (1, 2, 3), (1, 1), server_rtt=None, server_rtt_min=None, server_rtt_max=None),
    ),
    "the clock steps back between SYN-ACK and ACK": case(
        """
        +1   > S  0
        +.02 < S. 0 ack 1
        -.01 > .  1 ack 1
        """,
        row(
            "established", "three-way", (1, 2, 3), (1, 1), rtt_status="none",
            client_rtt=None, client_rtt_min=None, handshake_rtt=None, **span("server_rtt", 20),
        ),
    ),
    "a half-open attempt has the server's RTT only": case(
        """
        +0   > S  0
        +.02 < S. 0 ack 1
        +9   arp
        """,
        row("half-open", "", (1, 2, None), (1, 1), rtt_status="none", client_rtt=None, **span("server_rtt", 20)),
    ),
    "a challenge ACK is no answer to measure": case(
        """
        +0    > S  0
        +.020 < .  300 ack 90000
        +0    > R  =91000
        +.010 > S  0
        +.020 < S. 700000 ack 1
        +.001 > .  1 ack 700001
        """,
        row(
            "established", "half-open-discovery", (1, 5, 6), (2, 1), rtt_status="interval",
            **span("server_rtt", 20, 50), **span("client_rtt", 1),
        ),
    ),
    "more SYNs than are kept": case(
        "+0 > S 0\n" + "+1 > S 0\n" * 19 + "+.02 < S. 0 ack 1\n+0 > . 1 ack 1",
        row("established", "three-way", (1, 21, 22), (20, 1), **span("server_rtt", 20, 19_020)),
    ),
}  # fmt: skip
