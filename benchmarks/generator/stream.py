"""Blocks of packets to one stream in the order of time, as a capture has it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np

from generator.packets import PACKET, Packets

AT_ONCE: Final = 1 << 15  # packets


def in_order(blocks: Iterable[tuple[Packets, int]]) -> Iterator[Packets]:
    """Each block comes with the time that all packets of later blocks are later than."""
    waiting = np.zeros(0, PACKET)
    for rows, settled in blocks:
        waiting = _sorted(np.concatenate([waiting, rows]))
        ready = int(np.searchsorted(waiting["time"], settled, side="right"))
        yield from _pieces(waiting[:ready])
        waiting = waiting[ready:]
    yield from _pieces(waiting)


def both(one: Iterator[tuple[Packets, int]], other: Iterator[tuple[Packets, int]]) -> Iterator[tuple[Packets, int]]:
    """Two streams of blocks as one."""
    sources = [one, other]
    upto = [-1, -1]
    while sources:
        behind = upto.index(min(upto))
        block = next(sources[behind], None)
        if block is None:
            del sources[behind], upto[behind]
            continue
        upto[behind] = block[1]
        yield block[0], min(upto)


def _sorted(rows: Packets) -> Packets:
    return rows[np.argsort(rows["time"], kind="stable")]


def _pieces(rows: Packets) -> Iterator[Packets]:
    for start in range(0, len(rows), AT_ONCE):
        yield rows[start : start + AT_ONCE]
