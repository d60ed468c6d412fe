"""Rows as columns: what is kept of segments, with the octets of each field side by side.

To go through one field of records of 137 octets means to fetch them all from memory. So each field has an array of its
own, and what is taken of it is taken when it is asked for: most who take rows look at few of their fields.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, overload

import numpy as np
import numpy.typing as npt

Column = npt.NDArray[Any]

ROW: Final = np.dtype(
    [
        ("flow", "<u4"),  # index into Openings.flows
        ("side", "u1"),  # 0: sent by the flow's low endpoint, 1: by its high one (of the quoted segment for ICMP)
        ("kind", "u1"),  # openings.SEGMENT or ICMP
        ("frame", "<i8"),
        ("time", "<i8"),  # ns, or capture.frame.NO_TIME
        ("seq", "<u4"),
        ("ack", "<u4"),  # for ICMP: type * 256 + code, IPv6's type + 65536
        ("tcp_flags", "<u2"),
        ("window", "<u2"),
        ("payload_length", "<u4"),
        ("ttl", "u1"),
        ("ip_id", "<i4"),  # -1 where there is none
        ("ecn", "u1"),
        ("unseen", "u1"),
        ("checksum", "u1"),
        ("vlan", "<i4"),
        ("tunnel", "u1"),  # index into tables.TUNNELS
        ("options_length", "u1"),
        ("options", "V40"),  # for ICMP: the reporter's address
        ("folded", "<u4"),  # segments of this side folded into this row
        ("folded_octets", "<u8"),  # their payload
        ("folded_until", "<i8"),  # time of the last of them
        ("folded_end", "<u4"),  # how far beyond this row's end they reach, at most openings.FAR
        ("folded_ack", "<u4"),  # how far beyond this row's ack they acknowledge, at most FAR
        ("folded_least", "<i4"),  # the least distance from this row's end to payload of theirs, FAR if they have none
        ("folded_largest", "<u4"),  # the largest payload among them
        ("folded_tsval", "<i8"),  # TSval of the last of them, -1 if it has none
        ("folded_signs", "u1"),  # what some of them show: bits of openings
    ]
)

FIELDS: Final = ROW.names or ()


class Rows:
    """Any number of rows. Nobody writes into their columns: ``having`` gives rows with others."""

    __slots__ = ("_columns", "_make", "_size")

    def __init__(self, columns: Mapping[str, Column]) -> None:
        """``columns``: one of each field of ROW, of its type."""
        self._columns = dict(columns)
        self._size = len(self._columns["flow"])
        self._make: Callable[[str], Column] = self._columns.__getitem__

    @classmethod
    def of(cls, records: Column | Iterable[tuple[object, ...]] = ()) -> Rows:
        """The rows of an array of ROW, or of tuples of its fields."""
        whole = records if isinstance(records, np.ndarray) else np.array(list(records), ROW)
        return cls({name: whole[name].copy() for name in FIELDS})

    @classmethod
    def made(cls, size: int, make: Callable[[str], Column], **columns: Column) -> Rows:
        """So many rows, of which ``make`` makes a column when it is asked for, but for those that are given."""
        rows = cls.__new__(cls)
        rows._columns, rows._make, rows._size = columns, make, size
        return rows

    @classmethod
    def together(cls, parts: Sequence[Rows]) -> Rows:
        """The rows of all parts, one after the other."""
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return cls.of()
        # Not kept by the parts: then they would be in memory twice.
        return cls.made(sum(map(len, parts)), lambda name: np.concatenate([part.column(name) for part in parts]))

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, key: str) -> Column: ...
    @overload
    def __getitem__(self, key: slice) -> Rows: ...
    def __getitem__(self, key: str | slice) -> Column | Rows:
        if isinstance(key, slice):
            return self.made(len(range(*key.indices(self._size))), lambda name: self[name][key])
        column = self._columns.get(key)
        if column is None:
            column = self._columns[key] = self._make(key)
        return column

    def column(self, name: str) -> Column:
        """As ``rows[name]``, for one who asks once: it is not kept."""
        column = self._columns.get(name)
        return self._make(name) if column is None else column

    def take(self, at: Column) -> Rows:
        """Those at these indices, or those that meet this mask."""
        places = at.nonzero()[0] if at.dtype == bool else at
        return self.made(len(places), lambda name: self[name].take(places))

    def having(self, **columns: Column) -> Rows:
        """The same rows with other columns."""
        others = {name: column.astype(ROW[name], copy=False) for name, column in columns.items()}
        return self.made(self._size, self.__getitem__, **others)

    def by_themselves(self) -> Rows:
        """The same, without those that they were taken from."""
        return Rows(self.__getstate__())

    def records(self) -> Column:
        """An array of ROW."""
        whole = np.empty(self._size, ROW)
        for name in FIELDS:
            whole[name] = self.column(name)
        return whole

    def octets(self) -> bytes:
        """Column by column."""
        return b"".join(self.column(name).tobytes() for name in FIELDS)

    def __getstate__(self) -> dict[str, Column]:
        """Elsewhere go these columns, and not those that they were taken from."""
        return {name: self.column(name) for name in FIELDS}

    def __setstate__(self, columns: dict[str, Column]) -> None:
        self.__init__(columns)  # type: ignore[misc]
