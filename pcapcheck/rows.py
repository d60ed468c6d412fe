"""Rows: what is kept of segments, in cells as the table has them (decode/compiled.py): eight 64-bit words a row.

Most rows are kept for what may be asked of them and never looked at. So they stay in cells, a line of the processor's
cache each, wherever they go; a column of one field is made when it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, overload

import numpy as np
import numpy.typing as npt

from pcapcheck.decode.compiled import WORDS, read_octets
from pcapcheck.decode.option_columns import option_columns

Column = npt.NDArray[Any]
Words = npt.NDArray[np.uint64]  # of cells, one a line

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

# Where no more than one in so many is left out of rows on disk, they need not be put there again.
_FEW: Final = 8

# Where a type holds more than a cell does: the least and the greatest value.
LIMITS: Final = {
    "side": (0, 1), "kind": (0, 1), "frame": (1, 2**40 - 1), "tcp_flags": (0, 0xFFF), "ip_id": (-1, 0xFFFF),
    "ecn": (0, 3), "unseen": (0, 3), "checksum": (0, 3), "vlan": (-1, 0xFFF), "options_length": (0, 40),
}  # fmt: skip

# Distances that are folded saturate here: beyond it nothing is asked but "much further".
FAR: Final = 1 << 30

# What the words of a row hold, octet by octet, the least first; the rest of them is the table's own.
_CELL: Final = np.dtype(
    {
        "names": [
            "time", "header", "bits", "tunnel", "options", "ack", "seq", "tcp_flags", "window", "payload_length",
            "ttl", "place", "text", "tsecr", "tsval", "fold",
        ],
        "formats": [
            "u8", "u8", "u1", "u1", "u1", "u4", "u4", "u2", "u2", "u4", "u1", "u8", "u8", "u4", "u4", "u4",
        ],
        "offsets": [0, 8, 13, 14, 15, 16, 20, 24, 26, 28, 32, 32, 40, 40, 44, 52],
        "itemsize": 8 * WORDS,
    }
)  # fmt: skip
_FOLD: Final = np.dtype(
    {
        "names": ["signs", "folded", "octets", "until", "ack", "end", "largest", "least", "tsval"],
        "formats": ["u1", "u4", "u8", "u8", "u4", "u4", "u4", "u4", "u8"],
        "offsets": [0, 4, 8, 16, 24, 28, 32, 36, 40],
        "itemsize": 8 * WORDS,
    }
)
_BIAS: Final = np.uint64(1 << 63)  # added to times
_HALF: Final = 1 << 31  # added to the least distance
_FRAME: Final = np.uint64((1 << 40) - 1)
_LENGTH: Final = 0x3F  # of ``options``
_USUAL: Final = 0x40  # nothing but timestamps, which are the word, laid out as RFC 7323, appendix A, has them
_USUAL_OCTETS: Final = bytes([1, 1, 8, 10])

_COLUMNS: Final[dict[str, Callable[[Column], Column]]] = {
    "side": lambda cell: cell["bits"] & 1,
    "kind": lambda cell: cell["bits"] >> 1 & 1,
    "checksum": lambda cell: cell["bits"] >> 2 & 3,
    "unseen": lambda cell: cell["bits"] >> 4 & 3,
    "ecn": lambda cell: cell["bits"] >> 6,
    "frame": lambda cell: cell["header"] & _FRAME,
    "time": lambda cell: cell["time"] ^ _BIAS,
    "tcp_flags": lambda cell: cell["tcp_flags"] & 0xFFF,
    "ip_id": lambda cell: (cell["place"] >> 8 & 0x1FFFF).astype(np.int32) - 1,
    "vlan": lambda cell: (cell["place"] >> 25 & 0x1FFF).astype(np.int32) - 1,
    "options_length": lambda cell: cell["options"] & _LENGTH,
}
_FOLDED: Final[dict[str, Callable[[Column], Column]]] = {
    "folded": lambda fold: fold["folded"],
    "folded_octets": lambda fold: fold["octets"],
    "folded_until": lambda fold: fold["until"] ^ _BIAS,
    "folded_end": lambda fold: fold["end"],
    "folded_ack": lambda fold: fold["ack"],
    "folded_least": lambda fold: fold["least"].astype(np.int64) - _HALF,
    "folded_largest": lambda fold: fold["largest"],
    "folded_tsval": lambda fold: fold["tsval"] - np.uint64(1),
    "folded_signs": lambda fold: fold["signs"],
}
# Of rows into which nothing was folded; ``folded_until`` is their time.
_NOTHING_FOLDED: Final = dict.fromkeys(_FOLDED, 0) | {"folded_least": FAR, "folded_tsval": -1}


class Rows:
    """Any number of rows. Nobody writes into what they are made of."""

    __slots__ = ("_columns", "away", "flow", "folds", "texts", "words")

    def __init__(self, flow: Column, words: Words, folds: Words, texts: npt.NDArray[np.uint8]) -> None:
        """``flow`` is that column. In their words stand the number of their fold, from 1, and where their text begins:
        options that are not just the usual timestamps.
        """
        self.flow, self.words, self.folds, self.texts = flow, words, folds, texts
        self._columns: dict[str, Column] = {"flow": flow}
        self.away: Any = None  # the same on disk (rows_on_disk.py) but for numbers of flows, where they come from there

    @classmethod
    def of(cls, records: Column | Iterable[tuple[object, ...]] = ()) -> Rows:
        """The rows of an array of ROW, or of tuples of its fields; their values are within LIMITS."""
        whole = records if isinstance(records, np.ndarray) else np.array(list(records), ROW)
        words = np.zeros((len(whole), WORDS), np.uint64)
        cell = _as(_CELL, words)
        for name in ("tunnel", "ack", "seq", "tcp_flags", "window", "payload_length"):
            cell[name] = whole[name]
        cell["time"] = whole["time"].astype(np.uint64) ^ _BIAS
        cell["header"] |= whole["frame"].astype(np.uint64)
        for place, name in enumerate(("side", "kind", "checksum", "unseen", "ecn")):
            cell["bits"] |= whole[name] << (0, 1, 2, 4, 6)[place]
        where = whole["ttl"] + (whole["ip_id"].astype(np.int64) + 1 << 8) + (whole["vlan"].astype(np.int64) + 1 << 25)
        cell["place"] = where
        octets = np.ascontiguousarray(whole["options"]).view(np.uint8).reshape(-1, ROW["options"].itemsize)
        length = whole["options_length"].astype(np.int64)
        usual = (length == 12) & (octets[:, :4] == np.frombuffer(_USUAL_OCTETS, np.uint8)).all(axis=1)
        cell["options"] = length | np.where(usual, _USUAL, 0)
        cell["text"][usual] = np.ascontiguousarray(octets[usual, 4:12]).view(">u8")[:, 0]
        of_text = np.where(usual, 0, length)
        cell["text"][~usual] = (of_text.cumsum() - of_text)[~usual]
        texts = octets[np.arange(octets.shape[1]) < of_text[:, None]]
        nothing = _NOTHING_FOLDED | {"folded_until": whole["time"]}
        (having,) = np.logical_or.reduce([whole[name] != none for name, none in nothing.items()]).nonzero()
        cell["fold"][having] = np.arange(1, len(having) + 1)
        folds, folded = np.zeros((len(having), WORDS), np.uint64), whole[having]
        fold = _as(_FOLD, folds)
        for name in ("end", "ack", "largest", "octets", "signs"):
            fold[name] = folded[f"folded_{name}"]
        fold["folded"], fold["until"] = folded["folded"], folded["folded_until"].astype(np.uint64) ^ _BIAS
        fold["least"] = folded["folded_least"].astype(np.int64) + _HALF
        fold["tsval"] = folded["folded_tsval"].astype(np.uint64) + np.uint64(1)
        return cls(whole["flow"].copy(), words, folds, texts)

    @classmethod
    def together(cls, parts: Sequence[Rows]) -> Rows:
        """The rows of all parts, one after the other."""
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return cls.of()
        words = np.concatenate([part.words for part in parts])
        cell, start, folds, texts = _as(_CELL, words), 0, 0, 0
        for part in parts:
            own = cell[start : start + len(part)]
            own["fold"] += folds * (own["fold"] > 0).astype(np.uint32)
            own["text"] += texts * (own["options"] & _USUAL == 0).astype(np.uint64)
            start, folds, texts = start + len(part), folds + len(part.folds), texts + len(part.texts)
        return cls(
            np.concatenate([part.flow for part in parts]),
            words,
            np.concatenate([part.folds for part in parts]),
            np.concatenate([part.texts for part in parts]),
        )

    def __len__(self) -> int:
        return len(self.flow)

    @overload
    def __getitem__(self, key: str) -> Column: ...
    @overload
    def __getitem__(self, key: slice) -> Rows: ...
    def __getitem__(self, key: str | slice) -> Column | Rows:
        if isinstance(key, slice):
            return Rows(self.flow[key], self.words[key], self.folds, self.texts)
        column = self._columns.get(key)
        if column is None:
            column = self._columns[key] = self._made(key)
        return column

    def column(self, name: str) -> Column:
        """As ``rows[name]``, for one who asks once: it is not kept."""
        column = self._columns.get(name)
        return self._made(name) if column is None else column

    def _made(self, name: str) -> Column:
        """A column of a field of ROW, of its type."""
        cell, kind = _as(_CELL, self.words), ROW[name]
        if name == "options":
            octets = np.zeros(len(self), kind)
            read_octets(buffer(self.words), buffer(self.texts), buffer(octets.view(np.uint8)))
            return octets
        if name not in _FOLDED:
            made = _COLUMNS[name](cell) if name in _COLUMNS else cell[name]
            return np.ascontiguousarray(made).astype(kind, copy=False)
        column = (
            self.column("time").copy() if name == "folded_until" else np.full(len(self), _NOTHING_FOLDED[name], kind)
        )
        if len(self.folds):
            number = cell["fold"]
            (having,) = number.nonzero()
            column[having] = _FOLDED[name](_as(_FOLD, self.folds)[number[having] - 1]).astype(kind)
        return column

    def usual_timestamps(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """TSval and TSecr of those whose options are timestamps and nothing else; -1 of the others."""
        cell = _as(_CELL, self.words)
        usual = cell["options"] & _USUAL != 0
        tsval, tsecr = (np.where(usual, cell[name], np.int64(-1)) for name in ("tsval", "tsecr"))
        return tsval, tsecr

    def tsvals(self) -> npt.NDArray[np.int64]:
        """The TSval of each, -1 where there is none."""
        tsval, _ = self.usual_timestamps()
        cell = _as(_CELL, self.words)
        (others,) = ((cell["options"] & _LENGTH > 0) & (cell["options"] & _USUAL == 0)).nonzero()
        others = others[cell["bits"][others] >> 1 & 1 == 0]  # an ICMP error has an address there
        if len(others):
            rows = self.take(others)
            tsval[others] = option_columns(rows["options"], rows["options_length"], rows["unseen"]).tsval
        return tsval

    def take(self, at: Column) -> Rows:
        """Those at these indices, or those that meet this mask."""
        places = at.nonzero()[0] if at.dtype == bool else at
        rows = Rows(self.flow[places], self.words.take(places, axis=0), self.folds, self.texts)
        if self.away is not None and at.dtype == bool and _FEW * (len(at) - len(places)) < len(at):
            rows.away = self.away.without((~at).nonzero()[0])
        return rows

    def having(self, *, flow: Column | None = None, frame: Column | None = None) -> Rows:
        """The same rows with other numbers of flows or frames."""
        words, flow = self.words, self.flow if flow is None else flow.astype(np.uint32, copy=False)
        if frame is not None:
            words = words.copy()
            words[:, 1] = words[:, 1] & ~_FRAME | frame.astype(np.uint64)
        rows = Rows(flow, words, self.folds, self.texts)
        rows.away = self.away if frame is None else None
        return rows

    @property
    def are_part(self) -> bool:
        """Whether they hold on to much of others, with which they were, that is not of them."""
        folds, texts = np.count_nonzero(_as(_CELL, self.words)["fold"]), int(self._text_lengths().sum())
        return bool(2 * folds < len(self.folds) or 2 * texts < len(self.texts))

    def by_themselves(self) -> Rows:
        """The same, without those that they were taken from."""
        words = self.words.copy()
        cell, length = _as(_CELL, words), self._text_lengths()
        (having,) = length.nonzero()
        start, length = cell["text"][having].astype(np.int64), length[having]
        begin = length.cumsum() - length
        texts = self.texts[np.repeat(start - begin, length) + np.arange(length.sum())]
        cell["text"][having] = begin
        (folded,) = cell["fold"].nonzero()
        folds = self.folds[cell["fold"][folded] - 1]
        cell["fold"][folded] = np.arange(1, len(folded) + 1)
        return Rows(self.flow.copy(), words, folds, texts)

    def _text_lengths(self) -> npt.NDArray[np.int64]:
        options = _as(_CELL, self.words)["options"]
        return np.where(options & _USUAL, 0, options & _LENGTH).astype(np.int64)

    def records(self) -> Column:
        """An array of ROW."""
        whole = np.empty(len(self), ROW)
        for name in FIELDS:
            whole[name] = self.column(name)
        return whole

    def octets(self) -> bytes:
        """Column by column."""
        return b"".join(self.column(name).tobytes() for name in FIELDS)

    def __getstate__(self) -> tuple[Column, ...]:
        """Elsewhere they go without those that they were taken from."""
        alone = self.by_themselves()
        return alone.flow, alone.words, alone.folds, alone.texts

    def __setstate__(self, parts: tuple[Any, ...]) -> None:
        self.__init__(*parts)  # type: ignore[misc]


def buffer(column: Column) -> memoryview:
    """The values of an array one after the other, as the loops of Cython take them."""
    flat: Any = column.reshape(-1)
    return memoryview(flat)


def _as(kind: np.dtype[Any], words: Words) -> Column:
    """Cells as records of this type: a view."""
    return words.view(kind)[:, 0]
