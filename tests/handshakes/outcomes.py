"""Every outcome, and the borders between them."""

from tests.handshakes.case import case, row, span

CASES = {
    "established": case(
        """
        +0   > S  0    win 64240
        +.02 < S. 0    ack 1 win 65160
        +.01 > .  1    ack 1
        +.1  > P. 1:101(100) ack 1
        """,
        row(
            "established", "three-way", (1, 2, 3), (1, 1),
            client_isn=1000, server_isn=5000, synack_ack=1001, ack_seq=1001, ack_ack=5001, ack_kind="ack",
            rtt_status="exact", **span("server_rtt", 20), **span("client_rtt", 10), **span("handshake_rtt", 30),
        ),
    ),
    "established: an RST after the completion is a close": case(
        """
        +0   > S  0
        +.02 < S. 0 ack 1
        +0   > .  1 ack 1
        +.02 < R. 1 ack 1
        """,
        row("established", "three-way", (1, 2, 3), (1, 1), close="reset", closed_by="server", aborted_by=""),
    ),
    "established: a wrong SYN-ACK, then a right one": case(
        """
        +0   > S  0
        +.02 < S. 0 ack 7
        +0   > R  7
        +.01 > S  0
        +.02 < S. 100 ack 1
        +0   > .  1 ack 101
        """,
        row("established", "three-way", (1, 5, 6), (2, 2), client_isn=1000, server_isn=5100),
    ),
    "established: a wrong ACK, then a right one": case(
        """
        +0   > S  0
        +.02 < S. 0 ack 1
        +0   > .  1 ack 9
        +.02 < R  9
        +.01 > .  1 ack 1
        """,
        row("established", "three-way", (1, 2, 5), (1, 1), ack_ack=5001),
    ),
    "client-only: two repeats of the SYN-ACK after the ACK": case(
        """
        +0   > S  0
        +.02 < S. 0 ack 1
        +0   > .  1 ack 1
        +1   < S. 0 ack 1
        +0   > .  1 ack 1
        +2   < S. 0 ack 1
        +0   > .  1 ack 1
        """,
        row("client-only", "three-way", (1, 2, 3), (1, 3)),
    ),
    "client-only: one repeat, and data unacknowledged for a second": case(
        """
        +0   > S  0
        +.02 < S. 0 ack 1
        +0   > .  1 ack 1
        +0   > P. 1:11(10) ack 1
        +.2  > P. 1:11(10) ack 1
        +.8  < S. 0 ack 1
        """,
        row("client-only", "three-way", (1, 2, 3), (1, 2)),
    ),
    "established: one repeat, but too soon after the data": case(
        """
        +0   > S  0
        +.02 < S. 0 ack 1
        +0   > .  1 ack 1
        +.2  > P. 1:11(10) ack 1
        +.8  < S. 0 ack 1
        +.1  > .  11 ack 1
        """,
        row("established", "three-way", (1, 2, 3), (1, 2)),
    ),
    "established: one repeat, and the data waits no longer than a round trip": case(
        """
        +0   > S  0
        +2   < S. 0 ack 1
        +0   > .  1 ack 1
        +.5  > P. 1:11(10) ack 1
        +1.6 < S. 0 ack 1
        +.3  > .  11 ack 1
        """,
        row("established", "three-way", (1, 2, 3), (1, 2)),
    ),
    "established: the repeats crossed the ACK": case(
        """
        +0    > S  0
        +.02  < S. 0 ack 1
        +0    > .  1 ack 1
        +.01  < S. 0 ack 1
        +.01  < S. 0 ack 1
        +5    > P. 1:11(10) ack 1
        """,
        row("established", "three-way", (1, 2, 3), (1, 3)),
    ),
    "established: the largest possible server RTT counts from the first SYN": case(
        """
        +0    > S  0
        +1    > S  0
        +.02  < S. 0 ack 1
        +0    > .  1 ack 1
        +1    < S. 0 ack 1
        +.02  < S. 0 ack 1
        +5    arp
        """,
        row("established", "three-way", (1, 3, 4), (2, 3)),
    ),
    "established: the repeats are copies made by the network": case(
        """
        +0    > S  0        <TS val 10 ecr 0>
        +.02  < S. 0 ack 1  <TS val 77 ecr 10>
        +0    > .  1 ack 1  <TS val 30 ecr 77>
        +1    < S. 0 ack 1  <TS val 77 ecr 10>
        +1    < S. 0 ack 1  <TS val 77 ecr 10>
        """,
        row("established", "three-way", (1, 2, 3), (1, 3)),
    ),
    "client-only: the repeats have timestamps of their own": case(
        """
        +0    > S  0        <TS val 10 ecr 0>
        +.02  < S. 0 ack 1  <TS val 77 ecr 10>
        +0    > .  1 ack 1  <TS val 30 ecr 77>
        +1    < S. 0 ack 1  <TS val 1077 ecr 10>
        +1    < S. 0 ack 1  <TS val 2077 ecr 10>
        """,
        row("client-only", "three-way", (1, 2, 3), (1, 3)),
    ),
    "established: the repeats, and then data of the server": case(
        """
        +0   > S  0
        +.02 < S. 0 ack 1
        +0   > .  1 ack 1
        +1   < S. 0 ack 1
        +2   < S. 0 ack 1
        +0   > .  1 ack 1
        +.02 < P. 1:11(10) ack 1
        """,
        row("established", "three-way", (1, 2, 3), (1, 3)),
    ),
    "established: unacknowledged data alone says nothing": case(
        """
        +0   > S  0
        +.02 < S. 0 ack 1
        +0   > .  1 ack 1
        +1   > P. 1:11(10) ack 1
        +9   > P. 1:11(10) ack 1
        """,
        row("established", "three-way", (1, 2, 3), (1, 1)),
    ),
    "refused": case(
        """
        +0   > S  0
        +.02 < R. 0 ack 1
        """,
        row("refused", "", (1, None, None), (1, 0), aborted_by="", rtt_status="none", server_rtt=None),
    ),
    "refused: also with the SYN's data acknowledged": case(
        """
        +0   > S  0:100(100)
        +.02 < R. 0 ack 101
        """,
        row("refused", "", (1, None, None), (1, 0)),
    ),
    "refused, and a SYN-ACK after it": case(
        """
        +0   > S  0
        +.01 < R. 0 ack 1
        +.01 < S. 0 ack 1
        +0   > R  1
        +5   arp
        """,
        row("refused", "", (1, 3, None), (1, 1), server_rtt=None, rtt_status="none"),
    ),
    "refused, tried again and opened": case(
        """
        +0   > S  0
        +.01 < R. 0 ack 1
        +1   > S  0
        +.02 < S. 0 ack 1
        +0   > .  1 ack 1
        """,
        row("established", "three-way", (1, 4, 5), (2, 1)),
    ),
    "refused, tried again and answered": case(
        """
        +0   > S  0
        +.01 < R. 0 ack 1
        +1   > S  0
        +.02 < S. 0 ack 1
        +9   arp
        """,
        row("half-open", "", (1, 4, None), (2, 1)),
    ),
    "refused, tried again and refused": case(
        """
        +0   > S  0
        +.01 < R. 0 ack 1
        +1   > S  0
        +.01 < R. 0 ack 1
        """,
        row("refused", "", (1, None, None), (2, 0)),
    ),
    "refused, then open with another ISN": case(
        """
        +0   > S  0
        +.01 < R. 0 ack 1
        +1   > S  7000
        +.02 < S. 0 ack 7001
        +0   > .  7001 ack 1
        """,
        row("refused", "", (1, None, None), (1, 0), client_isn=1000),
        row("established", "three-way", (3, 4, 5), (1, 1), client_isn=8000),
    ),
    "invalid: an RST-ACK that acknowledges something else": case(
        """
        +0   > S  0
        +.02 < R. 0 ack 55
        +9   arp
        """,
        row("invalid", "", (1, None, None), (1, 0)),
    ),
    "unanswered: an RST without ACK is dropped in SYN-SENT": case(
        """
        +0   > S  0
        +.02 < R  1
        +9   arp
        """,
        row("unanswered", "", (1, None, None), (1, 0)),
    ),
    "unreachable": case(
        """
        +0   > S  0
        +.02 < icmp 3/1 quotes 0 from 203.0.113.1
        """,
        row("unreachable", "", (1, None, None), (1, 0), server_rtt=None, rtt_status="none"),
    ),
    "unreachable, though the SYNs go on": case(
        """
        +0   > S  0
        +.02 < icmp 3/13 quotes 0 from 203.0.113.1
        +1   > S  0
        +2   > S  0
        +9   arp
        """,
        row("unreachable", "", (1, None, None), (3, 0)),
    ),
    "unreachable over IPv6": case(
        """
        client [2001:db8::1]:49152 server [2001:db8::2]:80
        +0   > S  0
        +.02 < icmp6 1/4 quotes 0
        """,
        row("unreachable", "", (1, None, None), (1, 0)),
    ),
    "unanswered: the ICMP error quotes another number": case(
        """
        +0   > S  0
        +.02 < icmp 3/1 quotes 7 from 203.0.113.1
        +9   arp
        """,
        row("unanswered", "", (1, None, None), (1, 0)),
    ),
    "unanswered": case(
        """
        +0 > S 0
        +1 > S 0
        +2 > S 0
        +9 arp
        """,
        row("unanswered", "", (1, None, None), (3, 0), client_isn=1000, server_isn=None),
    ),
    "unanswered, three seconds before the end": case(
        """
        +0 > S 0
        +3 arp
        """,
        row("unanswered", "", (1, None, None), (1, 0)),
    ),
    "pending: a SYN less than three seconds before the end": case(
        """
        +0 > S 0
        +2.999999999 arp
        """,
        row("pending", "", (1, None, None), (1, 0)),
    ),
    "pending: a SYN-ACK less than three seconds before the end": case(
        """
        +0 > S  0
        +9 > S  0
        +0 < S. 0 ack 1
        +2.999999999 arp
        """,
        row("pending", "", (1, 3, None), (2, 1)),
    ),
    "unanswered: the time counts from the first SYN": case(
        """
        +0   > S 0
        +1   > S 0
        +2.5 > S 0
        """,
        row("unanswered", "", (1, None, None), (3, 0)),
    ),
    "half-open, three seconds before the end": case(
        """
        +0 > S  0
        +0 < S. 0 ack 1
        +3 arp
        """,
        row("half-open", "", (1, 2, None), (1, 1)),
    ),
    "half-open": case(
        """
        +0   > S  0
        +.02 < S. 0 ack 1
        +1   < S. 0 ack 1
        +2   < S. 0 ack 1
        +4   < S. 0 ack 1
        """,
        row("half-open", "", (1, 2, None), (1, 4), ack_seq=None, ack_ack=None, client_rtt=None),
    ),
    "half-open: resets with wrong numbers end nothing": case(
        """
        +0   > S  0
        +.02 < S. 0 ack 1
        +.01 > R  777
        +.01 < R  888
        +9   arp
        """,
        row("half-open", "", (1, 2, None), (1, 1), aborted_by=""),
    ),
    "aborted by the client": case(
        """
        +0   > S  0
        +.02 < S. 0 ack 1
        +0   > R  1
        +9   arp
        """,
        row("aborted", "", (1, 2, None), (1, 1), aborted_by="client"),
    ),
    "aborted by the server": case(
        """
        +0   > S  0
        +.02 < S. 0 ack 1
        +.5  < R. 1 ack 1
        +9   arp
        """,
        row("aborted", "", (1, 2, None), (1, 1), aborted_by="server"),
    ),
    "invalid: the SYN-ACK acknowledges the wrong number": case(
        """
        +0   > S  0
        +.02 < S. 0 ack 7
        +0   > R  7
        +9   arp
        """,
        row("invalid", "", (1, 2, None), (1, 1), client_isn=1000, synack_ack=1007),
    ),
    "invalid: the SYN-ACK forgets the one": case(
        """
        +0   > S  0
        +.02 < S. 0 ack 0
        +0   > .  1 ack 0
        +9   arp
        """,
        row("invalid", "", (1, 2, 3), (1, 1)),
    ),
    "invalid: the ACK acknowledges the wrong number": case(
        """
        +0   > S  0
        +.02 < S. 0 ack 1
        +0   > .  1 ack 9
        +.02 < R  9
        +9   arp
        """,
        row("invalid", "", (1, 2, 3), (1, 1), ack_seq=1001, ack_ack=5009),
    ),
    "invalid: only challenge ACKs": case(
        """
        +0   > S  0
        +.02 < .  300 ack 90000
        +1   > S  0
        +.02 < .  300 ack 90000
        +9   arp
        """,
        row("invalid", "", (1, None, None), (2, 0)),
    ),
    "pending: only challenge ACKs, too near the end": case(
        """
        +0   > S  0
        +.02 < .  300 ack 90000
        """,
        row("pending", "", (1, None, None), (1, 0)),
    ),
    "partial: the SYN is missing": case(
        """
        +.02 < S. 0 ack 1
        +0   > .  1 ack 1
        +0   > P. 1:11(10) ack 1
        """,
        row("partial", "", (None, 1, 2), (0, 1), server_isn=5000, client_port=49152, server_rtt=None),
    ),
    "partial: the SYN-ACK is missing": case(
        """
        +0   > S  0
        +.02 > .  1 ack 1
        +0   > P. 1:11(10) ack 1
        +.02 < .  1 ack 11
        """,
        row("partial", "", (1, None, None), (1, 0), client_isn=1000),
    ),
    "partial: the completing segment is missing": case(
        """
        +0   > S  0
        +.02 < S. 0 ack 1
        +.1  < .  1 ack 11
        +9   arp
        """,
        row("partial", "", (1, 2, None), (1, 1)),
    ),
    "one-sided: the client acknowledges what was not captured": case(
        """
        +0   > S 0
        +.02 > . 1 ack 1
        +.1  > P. 1:11(10) ack 1
        +9   arp
        """,
        row("one-sided", "", (1, None, None), (1, 0), client_isn=1000),
    ),
    "one-sided: the client resets what was not captured": case(
        """
        +0   > S 0
        +.02 > R 1
        +9   arp
        """,
        row("one-sided", "", (1, None, None), (1, 0)),
    ),
    "one-sided: the server alone": case(
        """
        +.02 < S. 0 ack 1
        +.1  < P. 1:11(10) ack 101
        +9   arp
        """,
        row("one-sided", "", (None, 1, None), (0, 1), client_port=49152, server_port=80),
    ),
    "midstream": case(
        """
        +0   > P. 1:11(10) ack 1
        +.02 < .  1 ack 11
        """,
        row("midstream", client_port=49152, client_isn=None),
    ),
    "stray: a SYN-ACK that nobody asked for": case(
        """
        +0   < S. 0 ack 1
        +9   arp
        """,
        row("stray", "", (None, 1, None), (0, 1)),
    ),
    "stray: a SYN-ACK answered by an RST": case(
        """
        +0   < S. 0 ack 1
        +.01 > R  1
        +9   arp
        """,
        row("stray", "", (None, 1, None), (0, 1)),
    ),
    "stray: an ACK scan": case(
        """
        +0   > . 0 ack 700
        +.01 < R 700
        """,
        row("stray", client_port=49152),
    ),
    "stray: scans with no ACK": case(
        """
        flow null client 192.0.2.1:1001
        +0   > -   0
        +.01 < R.  0 ack 0
        flow fin client 192.0.2.1:1002
        +.1  > F   0
        +.01 < R.  0 ack 1
        flow xmas client 192.0.2.1:1003
        +.2  > FPU 0
        +.01 < R.  0 ack 1
        """,
        row("stray", client_port=1001),
        row("stray", client_port=1002),
        row("stray", client_port=1003),
    ),
}  # fmt: skip
