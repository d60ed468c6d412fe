"""How connections end: by FIN of either side, by RST, or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from generator.connections import Connections, segments, sent
from generator.draws import Ints
from generator.flights import TURN
from generator.packets import ACK, FIN, RST, Packets
from generator.profiles import CLIENT_FIN, CLIENT_RST, MILLISECOND, SERVER_FIN, SERVER_FIN_WITH_DATA, SERVER_RST

SLOW_CLOSE: Final = 3 * MILLISECOND


@dataclass(frozen=True)
class Ends:
    """Where connections stand after their last exchange; one row for each of ``which``."""

    which: Ints
    time: Ints  # when the close passes the point of capture
    client_next: Ints  # relative sequence numbers
    server_next: Ints  # a FIN that came with the data is counted
    client_echo: Ints  # when the peer sent what this side gives back as TSecr
    server_echo: Ints

    def __getitem__(self, rows: Ints) -> Ends:
        return Ends(*[getattr(self, name)[rows] for name in self.__dataclass_fields__])


def closings(of: Connections, ends: Ends) -> list[Packets]:
    close = of.close[ends.which]
    first, second, data = (ends[np.flatnonzero(close == how)] for how in (CLIENT_FIN, SERVER_FIN, SERVER_FIN_WITH_DATA))
    return [
        *_client_first(of, first),
        *_server_first(of, second),
        *_server_was_first(of, data),
        _reset(of, ends[np.flatnonzero(close == CLIENT_RST)], True),
        _reset(of, ends[np.flatnonzero(close == SERVER_RST)], False),
    ]


def _client_first(of: Connections, ends: Ends) -> list[Packets]:
    """FIN, then the server's FIN at once or after an ACK of its own, then the last ACK."""
    which = ends.which
    begun = sent(of, which, True, ends.time)
    acked = ends.time + of.server_rtt[which] + TURN
    slow = np.flatnonzero(of.salt[which] % 4 == 0)
    closed = acked + np.where(of.salt[which] % 4 == 0, SLOW_CLOSE, TURN)
    seq, ack = ends.client_next, ends.server_next
    return [
        segments(of, which, True, ends.time, FIN | ACK, seq=seq, ack=ack, echo=ends.client_echo),
        segments(of, which[slow], False, acked[slow], ACK, seq=ack[slow], ack=seq[slow] + 1, echo=begun[slow]),
        segments(of, which, False, closed, FIN | ACK, seq=ack, ack=seq + 1, echo=begun),
        segments(of, which, True, closed + of.client_rtt[which] + TURN, ACK, seq=seq + 1, ack=ack + 1,
                 echo=sent(of, which, False, closed)),
    ]  # fmt: skip


def _server_first(of: Connections, ends: Ends) -> list[Packets]:
    seq, ack = ends.server_next, ends.client_next
    begun = segments(of, ends.which, False, ends.time, FIN | ACK, seq=seq, ack=ack, echo=ends.server_echo)
    answered = ends.time + of.client_rtt[ends.which] + TURN
    return [begun, *_last_two(of, ends.which, answered, ack, seq + 1, sent(of, ends.which, False, ends.time))]


def _server_was_first(of: Connections, ends: Ends) -> list[Packets]:
    return _last_two(of, ends.which, ends.time, ends.client_next, ends.server_next, ends.client_echo)


def _last_two(of: Connections, which: Ints, time: Ints, client: Ints, server: Ints, echo: Ints) -> list[Packets]:
    """The client's FIN, which acknowledges the server's, and the last ACK."""
    last = time + of.server_rtt[which] + TURN
    return [
        segments(of, which, True, time, FIN | ACK, seq=client, ack=server, echo=echo),
        segments(of, which, False, last, ACK, seq=server, ack=client + 1, echo=sent(of, which, True, time)),
    ]


def _reset(of: Connections, ends: Ends, by_client: bool) -> Packets:
    seq, ack = (ends.client_next, ends.server_next) if by_client else (ends.server_next, ends.client_next)
    echo = ends.client_echo if by_client else ends.server_echo
    return segments(of, ends.which, by_client, ends.time, RST | ACK, seq=seq, ack=ack, echo=echo)
