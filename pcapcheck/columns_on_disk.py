"""Columns of integers on disk: each packed, in as few octets as its values need.

That takes about twice the room of compressed octets, in a third of the time, and each column is read by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pcapcheck.packed import STRETCH, Stretch, pack
from pcapcheck.scratch import Scratch

# What is known of each column: packed.Stretch, without its arrays.
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


class ColumnsOnDisk:
    """Columns that were put away, as long as each other, and octets behind them."""

    __slots__ = ("_kind", "_read", "_rest", "size")

    def __init__(
        self,
        kind: np.dtype[Any],
        columns: Mapping[str, npt.NDArray[Any]],
        scratch: Scratch,
        rest: Sequence[bytes | npt.NDArray[Any]] = (),
    ) -> None:
        """At most packed.STRETCH values of each field of ``kind``; ``rest`` is any octets."""
        names = kind.names or ()
        self.size = len(columns[names[0]])
        assert self.size <= STRETCH
        self._kind = kind
        known = np.zeros(len(names), _PACKED)
        parts: list[Any] = [known]
        start = known.nbytes
        for number, name in enumerate(names if self.size else ()):
            stretch = pack(columns[name].astype(kind[name], copy=False).view(_signed(kind[name])))
            above, places = stretch.above, stretch.places
            known[number] = (
                start, stretch.least, stretch.unit, stretch.usual, "" if above is None else above.dtype.str[1:],
                0 if above is None else len(above), -1 if places is None else len(places),
            )  # fmt: skip
            parts += [part for part in (above, places) if part is not None]
            start += stretch.nbytes
        self._rest = start
        self._read = scratch.write(b"".join(parts + list(rest)))

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        """One column."""
        column = np.empty(self.size, self._kind[name])
        self.read(name, column)
        return column

    def read(self, name: str, into: npt.NDArray[Any]) -> None:
        """Write a column over this one."""
        into = into.view(_signed(into.dtype))
        known = self._read((self._kind.names or ()).index(name) * _PACKED.itemsize, _PACKED.itemsize)
        start, least, unit, usual, kind, above, places = np.frombuffer(known, _PACKED)[0].tolist()
        if not kind:
            into[:] = least
            return
        dtype = np.dtype(kind.decode())
        octets = self._read(start, above * dtype.itemsize + 2 * max(places, 0))
        Stretch(
            self.size, least, np.frombuffer(octets, dtype, above), unit, usual,
            None if places < 0 else np.frombuffer(octets, np.uint16, offset=above * dtype.itemsize),
        ).read(into, 0, self.size)  # fmt: skip

    def rest(self) -> bytes:
        """The octets behind the columns."""
        return self._read(self._rest)


def _signed(kind: np.dtype[Any]) -> np.dtype[Any]:
    """What numbers of this type are packed as."""
    return np.dtype(np.int64) if kind == np.uint64 else kind
