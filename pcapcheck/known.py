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
        self._is_smooth = Packed(scratch)
        self._of_smooth: dict[str, tuple[Packed | int, ...]] = {}
        self._of_others: dict[str, tuple[Packed, ...]] = {}
        # Others that were not looked at yet, with their numbers among all.
        self._waiting: list[tuple[Ints, Traffic]] = []

    @property
    def waiting(self) -> int:
        """Handshakes that were not looked at yet."""
        return sum(len(numbers) for numbers, _ in self._waiting)

    def add(self, batch: Traffic) -> None:
        """Take a batch."""
        smooth, first = batch.smooth, len(self._is_smooth)
        is_smooth = np.zeros(len(batch.handshakes), bool)
        if smooth is not None and len(smooth.at):
            is_smooth[smooth.at] = True
            self._note(batch, smooth)
        self._is_smooth.extend(is_smooth)
        (others,) = (~is_smooth).nonzero()
        if len(others):
            self._waiting.append((first + others, batch.take(others).by_themselves()))

    def _note(self, batch: Traffic, smooth: Smooth) -> None:
        for name, (_, of_smooth) in BY_ROWS.items():
            if callable(of_smooth):
                self._extend(self._of_smooth, name, _columns(of_smooth(batch, smooth)))
            else:
                self._of_smooth[name] = _columns(of_smooth)

    def look(self) -> tuple[Ints, Traffic]:
        """Look at those that wait: their numbers among all, and they."""
        numbers = np.concatenate([one for one, _ in self._waiting])
        traffic = Traffic.together([one for _, one in self._waiting])
        self._waiting.clear()
        for name, (function, _) in BY_ROWS.items():
            self._extend(self._of_others, name, _columns(function(traffic)))
        return numbers, traffic

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
        is_smooth = self._is_smooth.unpacked() != 0
        smooth, others = place[is_smooth], place[~is_smooth]
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
