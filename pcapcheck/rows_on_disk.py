"""Rows on disk."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pcapcheck.columns_on_disk import ColumnsOnDisk
from pcapcheck.packed import STRETCH
from pcapcheck.rows import FIELDS, ROW, Rows
from pcapcheck.scratch import Scratch

_NUMBERS: Final = np.dtype([(name, ROW[name]) for name in FIELDS if name != "options"])
_USUAL: Final = np.dtype("V12")  # octets of options: two of no operation and the timestamps
_OPTIONS: Final = np.dtype({"names": ["usual"], "formats": [_USUAL], "itemsize": ROW["options"].itemsize})


class RowsOnDisk:
    """Rows that were put away. Of options the octets that they usually have, and all where they are longer."""

    __slots__ = ("_stretches", "size")

    def __init__(self, rows: Rows, scratch: Scratch) -> None:
        self.size = len(rows)
        self._stretches = [_away(rows[start : start + STRETCH], scratch) for start in range(0, self.size, STRETCH)]

    def rows(self) -> Rows:
        """They, of which a column is read when it is asked for."""
        return Rows.made(self.size, self.column)

    def column(self, name: str) -> npt.NDArray[Any]:
        """One column of them."""
        column = np.empty(self.size, ROW[name])
        for start, stretch in zip(range(0, self.size, STRETCH), self._stretches, strict=True):
            _read(stretch, name, column[start : start + STRETCH])
        return column


def _away(rows: Rows, scratch: Scratch) -> ColumnsOnDisk:
    columns = {name: rows.column(name) for name in _NUMBERS.names or ()}
    # Mostly nothing was folded in: then it is the time.
    columns["folded_until"] = columns["folded_until"] - columns["time"]
    options = rows.column("options")
    (long,) = (columns["options_length"] > _USUAL.itemsize).nonzero()
    return ColumnsOnDisk(_NUMBERS, columns, scratch, [options.view(_OPTIONS)["usual"].tobytes(), options.take(long)])


def _read(stretch: ColumnsOnDisk, name: str, into: npt.NDArray[Any]) -> None:
    """Write a column over this one."""
    if name == "options":
        (long,) = (stretch["options_length"] > _USUAL.itemsize).nonzero()
        kept = stretch.rest()
        into.view(np.uint8)[:] = 0
        into.view(_OPTIONS)["usual"] = np.frombuffer(kept, _USUAL, stretch.size)
        into[long] = np.frombuffer(kept, ROW["options"], offset=stretch.size * _USUAL.itemsize)
    else:
        stretch.read(name, into)
        if name == "folded_until":
            into += stretch["time"]
