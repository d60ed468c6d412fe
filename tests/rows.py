"""Judged traffic as plain dictionaries, so that tests can hold it against literal rows."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

from pcapcheck.judge import judge
from pcapcheck.select import select
from pcapcheck.stretch import Summary, summarise
from pcapcheck.tables import ABSENT, HANDSHAKES
from pcapcheck.testing import parse_exchange
from pcapcheck.traffic import COLUMNS, Traffic

Row = dict[str, Any]

# How the addresses and histories are kept.
_INSIDE = ("client", "server", "flow", "history_code")


def rows(traffic: Traffic) -> list[Row]:
    """One dictionary a handshake: categories by name, addresses as text, None where there is nothing.

    The RTT columns are ``server_rtt`` and so on, in nanoseconds.
    """
    handshakes = traffic.handshakes
    shown = [name for name in COLUMNS if name not in _INSIDE]
    columns = {name: getattr(handshakes, name) for name in (*shown, "client_address", "server_address", "history")}
    return [{name: _value(name, column[index]) for name, column in columns.items()} for index in range(len(handshakes))]


def _value(name: str, value: Any) -> Any:
    if name in ("client_address", "server_address"):
        return str(ip_address(value))
    if isinstance(value, str):
        return value
    categories = HANDSHAKES[name].categories if name in HANDSHAKES else ()
    if categories:
        return categories[value]
    return None if value == ABSENT else int(value)


def rows_of_summary(summary: Summary) -> list[Row]:
    """The handshakes of a capture that was summarised."""
    return rows(judge(summary.openings, 0, summary.facts.end_time))


def rows_of_capture(path: object) -> list[Row]:
    """The handshakes of a capture file."""
    return rows_of_summary(summarise(str(path)))


def rows_of_exchange(text: str) -> list[Row]:
    """The handshakes of an exchange in the notation of ``pcapcheck.testing``."""
    return rows(traffic_of_exchange(text))


def traffic_of_exchange(text: str) -> Traffic:
    """An exchange, judged: the capture ends with its last frame."""
    exchange = parse_exchange(text)
    end = max(frame.time_ns for frame in exchange.frames())
    return judge(select(exchange.segments()), 0, end)
