"""What the kinds of ordinary traffic are like: how often connections begin, what they carry and how they end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from generator.draws import Ints, choices, exponential, lognormal, table

MICROSECOND: Final = 1000
MILLISECOND: Final = 10**6
SECOND: Final = 10**9

# How a connection ends. The server's FIN may come with its last data.
CLIENT_FIN, SERVER_FIN, SERVER_FIN_WITH_DATA, CLIENT_RST, SERVER_RST, STAYS_OPEN = range(6)


@dataclass(frozen=True)
class Profile:
    connections: int  # at full size
    packets: float  # a connection, with the datagrams beside it: as measured
    rate: float  # connections a second
    exchanges: Ints  # requests, each with its response, in one connection
    request: Ints  # octets
    response: Ints
    think: Ints  # nanoseconds from a request to its response
    idle: Ints  # nanoseconds from a response to the next request, or to the close
    closes: Ints
    acked_at_once: float  # connections whose first segments of data are acknowledged at once (Linux: quick ACKs)
    datagram_flows: float  # UDP flows a connection
    datagrams: Ints  # in one such flow
    datagram: Ints  # octets


MIX: Final = Profile(
    connections=200_000,
    packets=50.7,
    rate=200,
    exchanges=exponential(2) + 1,
    request=lognormal(350, 0.9, 40, 60_000),
    response=lognormal(5000, 1.25, 60, 3_000_000),
    think=lognormal(8 * MILLISECOND, 1.5, 100 * MICROSECOND, 5 * SECOND),
    idle=lognormal(60 * MILLISECOND, 2, 60 * MICROSECOND, 10 * SECOND),
    closes=choices(
        {
            CLIENT_FIN: 0.55,
            SERVER_FIN: 0.2,
            SERVER_FIN_WITH_DATA: 0.1,
            CLIENT_RST: 0.05,
            SERVER_RST: 0.02,
            STAYS_OPEN: 1,
        }
    ),
    acked_at_once=1,
    datagram_flows=0.14,
    datagrams=lognormal(20, 0.9, 2, 1000),
    datagram=lognormal(200, 0.9, 12, 1400),
)

# Calls between services: one small question, one small answer.
SHORT: Final = Profile(
    connections=1_500_000,
    packets=7.68,
    rate=3000,
    exchanges=table(lambda share: 1),
    request=lognormal(60, 0.6, 20, 1200),
    response=lognormal(80, 0.7, 20, 2600),
    think=lognormal(1 * MILLISECOND, 1.2, 100 * MICROSECOND, 2 * SECOND),
    idle=lognormal(200 * MICROSECOND, 1, 60 * MICROSECOND, 1 * SECOND),
    closes=choices({CLIENT_FIN: 0.14, SERVER_FIN_WITH_DATA: 0.76, CLIENT_RST: 0.1}),
    acked_at_once=0,
    datagram_flows=0.14,
    datagrams=lognormal(4, 0.5, 2, 12),
    datagram=lognormal(70, 0.5, 12, 500),
)
