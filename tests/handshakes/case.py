"""An exchange and the rows that it must give, both literal."""

from __future__ import annotations

from typing import Any, NamedTuple

MS = 10**6


class Case(NamedTuple):
    """``rows`` holds, for each handshake in order, the columns that matter and their values."""

    exchange: str
    rows: tuple[dict[str, Any], ...]


def case(exchange: str, *rows: dict[str, Any]) -> Case:
    return Case(exchange, rows)


def row(
    outcome: str,
    shape: str = "",
    frames: tuple[int | None, int | None, int | None] = (None, None, None),
    counts: tuple[int, int] = (0, 0),
    **others: Any,
) -> dict[str, Any]:
    """``frames`` are those of SYN, SYN-ACK and completing segment; ``counts`` the SYNs and SYN-ACKs."""
    syn, synack, ack = frames
    return {
        "outcome": outcome,
        "shape": shape,
        "syn_frame": syn,
        "synack_frame": synack,
        "ack_frame": ack,
        "syn_count": counts[0],
        "synack_count": counts[1],
        **others,
    }


def span(name: str, least: int, most: int | None = None) -> dict[str, int | None]:
    """An RTT in ms: exact where no ``most`` is given."""
    exact = most is None or most == least
    return {
        name: least * MS if exact else None,
        f"{name}_min": least * MS,
        f"{name}_max": (least if most is None else most) * MS,
    }
