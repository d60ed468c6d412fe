"""What functions of BY_ROWS (traffic.py) say of each handshake of a large capture, worked out batch by batch.

Most connections are smooth (smooth.py): what is said of them is known without their rows, of all at once. The rows of
the others are looked at, those of several batches together: to ask all functions costs the same however few they are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pcapcheck.divided import Divided, Division
from pcapcheck.packed import Packed
from pcapcheck.scratch import Scratch
from pcapcheck.smooth import Smooth
from pcapcheck.traffic import BY_ROWS, Ints, Traffic


class Known:
    """What is known of the handshakes of all batches so far."""

    def __init__(self, scratch: Scratch | None = None) -> None:
        """With ``scratch`` columns wait on disk."""
        self._scratch = scratch
        self._size = 0  # handshakes so far
        self._smooth: list[Ints] = []  # which of them are
        self._others: list[Ints] = []
        self._of_smooth: dict[str, tuple[Packed | int, ...]] = {}
        self._of_others: dict[str, tuple[Packed, ...]] = {}
        self._waiting: list[Traffic] = []  # of others that were not looked at yet

    @property
    def waiting(self) -> int:
        """Handshakes that were not looked at yet."""
        return sum(len(part.handshakes) for part in self._waiting)

    def add(self, batch: Traffic) -> None:
        """Take a batch."""
        smooth, size = batch.smooth, len(batch.handshakes)
        is_smooth = np.zeros(size, bool)
        if smooth is not None and len(smooth.at):
            is_smooth[smooth.at] = True
            self._smooth.append(self._size + smooth.at)
            self._note(batch, smooth)
        (others,) = (~is_smooth).nonzero()
        if len(others):
            self._others.append(self._size + others)
            self._waiting.append(batch.take(others).by_themselves())
        self._size += size

    def _note(self, batch: Traffic, smooth: Smooth) -> None:
        for name, (_, of_smooth) in BY_ROWS.items():
            if callable(of_smooth):
                self._extend(self._of_smooth, name, _columns(of_smooth(batch, smooth)))
            else:
                self._of_smooth[name] = _columns(of_smooth)

    def look(self) -> tuple[Ints, Traffic]:
        """Look at those that wait: their numbers among all, and they."""
        traffic = Traffic.together(self._waiting)
        self._waiting.clear()
        for name, (function, _) in BY_ROWS.items():
            self._extend(self._of_others, name, _columns(function(traffic)))
        return np.concatenate(self._others)[-len(traffic.handshakes) :], traffic

    def _extend(self, known: Any, name: str, columns: tuple[npt.NDArray[Any], ...]) -> None:
        """Take these columns behind those that are known by this name."""
        if name not in known:
            known[name] = tuple(Packed(self._scratch) for _ in columns)
        for packed, column in zip(known[name], columns, strict=True):
            packed.extend(column)

    def columns(self, order: Ints) -> dict[str, tuple[Divided, ...]]:
        """What each function gives of all handshakes in this order, by name. None wait."""
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        others, smooth = (place[np.concatenate([order[:0], *part])] for part in (self._others, self._smooth))
        of_others, of_smooth = np.argsort(others, kind="stable"), np.argsort(smooth, kind="stable")
        division = Division(len(order), others[of_others])
        found = {}
        for name in BY_ROWS if len(order) else ():
            apart = [one.reordered(of_others) for one in self._of_others.get(name, ())]
            rest = [
                one.reordered(of_smooth) if isinstance(one, Packed) else one for one in self._of_smooth.get(name, ())
            ]
            apart, rest = apart or [Packed() for _ in rest], rest or [Packed() for _ in apart]
            found[name] = tuple(Divided(division, *pair) for pair in zip(apart, rest, strict=True))
        return found


def _columns(found: Any) -> tuple[Any, ...]:
    return found if isinstance(found, tuple) else (found,)
