"""Rows on disk: each column packed, in as few octets as its values need.

That takes about twice the room of compressed octets, in a third of the time, and each column is read by itself.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pcapcheck.packed import STRETCH, Stretch, pack
from pcapcheck.rows import FIELDS, ROW, Rows
from pcapcheck.scratch import Scratch

_NUMBERS: Final = [name for name in FIELDS if name != "options"]
_USUAL: Final = np.dtype("V12")  # octets of options: two of no operation and the timestamps
_OPTIONS: Final = np.dtype({"names": ["usual"], "formats": [_USUAL], "itemsize": ROW["options"].itemsize})

# What is known of each column of a stretch: packed.Stretch, without its arrays.
_PACKED: Final = np.dtype(
    [
        ("start", "<i8"),  # of its octets
        ("least", "<i8"),
        ("unit", "<i8"),
        ("usual", "<i8"),
        ("kind", "S2"),  # of ``above``, empty where there is none
        ("above", "<i4"),  # how many there are
        ("places", "<i4"),  # how many there are, -1 where there are none
    ]
)


class RowsOnDisk:
    """Rows that were put away. Of options the octets that they usually have, and all where they are longer."""

    __slots__ = ("_stretches", "size")

    def __init__(self, rows: Rows, scratch: Scratch) -> None:
        self.size = len(rows)
        starts = range(0, self.size, STRETCH)
        self._stretches = [_Away(rows[start : start + STRETCH], scratch) for start in starts]

    def rows(self) -> Rows:
        """They, of which a column is read when it is asked for."""
        return Rows.made(self.size, self.column)

    def column(self, name: str) -> npt.NDArray[Any]:
        """One column of them."""
        column = np.zeros(self.size, ROW[name])
        for start, stretch in zip(range(0, self.size, STRETCH), self._stretches, strict=True):
            stretch.read(name, column[start : start + STRETCH])
        return column


class _Away:
    """A stretch of rows: what is known of the columns, then their octets, then the options."""

    __slots__ = ("_options", "_read", "_size")

    def __init__(self, rows: Rows, scratch: Scratch) -> None:
        self._size = len(rows)
        known = np.zeros(len(_NUMBERS), _PACKED)
        parts: list[npt.NDArray[Any] | bytes] = [known]
        start = known.nbytes
        for number, name in enumerate(_NUMBERS):
            column = rows.column(name)
            column = column.view(_signed(column.dtype))
            # Mostly nothing was folded in: then it is the time.
            stretch = pack(column - rows.column("time") if name == "folded_until" else column)
            above, places = stretch.above, stretch.places
            known[number] = (
                start, stretch.least, stretch.unit, stretch.usual, "" if above is None else above.dtype.str[1:],
                0 if above is None else len(above), -1 if places is None else len(places),
            )  # fmt: skip
            parts += [part for part in (above, places) if part is not None]
            start += stretch.nbytes
        self._options = start
        options = rows.column("options")
        (long,) = (rows.column("options_length") > _USUAL.itemsize).nonzero()
        parts += [options.view(_OPTIONS)["usual"].tobytes(), options.take(long)]
        self._read = scratch.write(b"".join(parts))

    def read(self, name: str, into: npt.NDArray[Any]) -> None:
        """Write a column over these zeros."""
        if name == "options":
            self._read_options(into)
        else:
            self._read_numbers(name, into.view(_signed(into.dtype)))
            if name == "folded_until":
                into += self._numbers("time")

    def _numbers(self, name: str) -> npt.NDArray[np.integer]:
        values = np.empty(self._size, ROW[name])
        self._read_numbers(name, values)
        return values

    def _read_numbers(self, name: str, into: npt.NDArray[np.integer]) -> None:
        known = self._read(_NUMBERS.index(name) * _PACKED.itemsize, _PACKED.itemsize)
        start, least, unit, usual, kind, above, places = np.frombuffer(known, _PACKED)[0].tolist()
        if not kind:
            into[:] = least
            return
        dtype = np.dtype(kind.decode())
        octets = self._read(start, above * dtype.itemsize + 2 * max(places, 0))
        Stretch(
            self._size, least, np.frombuffer(octets, dtype, above), unit, usual,
            None if places < 0 else np.frombuffer(octets, np.uint16, offset=above * dtype.itemsize),
        ).read(into, 0, self._size)  # fmt: skip

    def _read_options(self, into: npt.NDArray[Any]) -> None:
        (long,) = (self._numbers("options_length") > _USUAL.itemsize).nonzero()
        kept = self._read(self._options)
        into.view(_OPTIONS)["usual"] = np.frombuffer(kept, _USUAL, self._size)
        into[long] = np.frombuffer(kept, ROW["options"], offset=self._size * _USUAL.itemsize)


def _signed(kind: np.dtype[Any]) -> np.dtype[Any]:
    """What numbers of this type are packed as."""
    return np.dtype(np.int64) if kind == np.uint64 else kind
