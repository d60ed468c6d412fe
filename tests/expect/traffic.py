"""Traffic for expectations."""

from __future__ import annotations

from typing import Final

from pcapcheck.expect.evaluate import Outcome, evaluate
from pcapcheck.expect.parser import parse
from pcapcheck.expect.population import Population
from tests.rows import traffic_of_exchange

# Ten seconds on, so that nothing is pending.
LATER: Final = "+10 arp\n"

THREE: Final = """
    flow quick
    client 192.0.2.1:49152
    server 198.51.100.2:443
    +0     > S  0 win 64240 <mss 1460,sackOK,nop,nop,nop,wscale 7>
    +.020  < S. 0 ack 1 win 65160 <mss 1400,sackOK>
    +.001  > .  1 ack 1
    flow slow
    client 192.0.2.1:49153
    server 198.51.100.2:80
    +1     > S  0 win 64240 <mss 1460>
    +.250  < S. 0 ack 1 win 65160 <mss 1460>
    +.002  > .  1 ack 1
    flow closed
    client 10.0.0.9:49154
    server 198.51.100.3:80
    +2     > S  0 win 64240
    +.001  < R. 0 ack 1 win 0
    +10 arp
"""

# The SYN was repeated: the server's round-trip time is 20 ms to 1020 ms.
REPEATED: Final = """
    client 192.0.2.1:49152
    server 198.51.100.2:80
    +0     > S  0 win 64240
    +1     > S  0 win 64240
    +.020  < S. 0 ack 1 win 65160
    +.001  > .  1 ack 1
    +10 arp
"""

# One that the end of the capture leaves open, one of which only the server was captured, one open already.
OPEN: Final = """
    flow pending
    client 192.0.2.1:49152
    server 198.51.100.2:80
    +0     > S  0 win 64240
    flow one_sided
    client 192.0.2.7:49153
    server 198.51.100.9:443
    +.1    < S. 0 ack 1 win 65160 <mss 1460,sackOK>
    +.1    < P. 1(10) ack 101
    flow midstream
    client 192.0.2.8:49154
    server 198.51.100.8:80
    +.1    > P. 100(10) ack 100
    +.1    < .  100 ack 110
"""

# Only the first octets of the TCP header were captured.
CUT: Final = """
    client 192.0.2.1:49152
    server 198.51.100.2:80
    +0     > S  0 win 64240 <mss 1460,sackOK>  cut 20
    +.020  < S. 0 ack 1 win 65160 <mss 1460,sackOK>  cut 20
    +0     > .  1 ack 1
    +10 arp
"""

TRAFFIC: Final = (THREE, REPEATED, OPEN, CUT)


def answer(expectation: str, *exchanges: str) -> Outcome:
    """What an expectation answers of the handshakes of some exchanges together."""
    traffics = [traffic_of_exchange(text) for text in exchanges]
    return evaluate(parse(expectation), Population(traffics, range(len(traffics))))
