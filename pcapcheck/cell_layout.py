"""What the words of cells hold: the rows and folds of the table (decode/compiled.py), octet by octet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pcapcheck.decode.compiled import WORDS, read_octets

Column = npt.NDArray[Any]
Words = npt.NDArray[np.uint64]  # of cells, one a line
Texts = npt.NDArray[np.uint8]  # options that are not just the usual timestamps, one behind the other

# A row with a column for each of its fields.
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

# Where a type holds more than a cell does: the least and the greatest value.
LIMITS: Final = {
    "side": (0, 1), "kind": (0, 1), "frame": (1, 2**40 - 1), "tcp_flags": (0, 0xFFF), "ip_id": (-1, 0xFFFF),
    "ecn": (0, 3), "unseen": (0, 3), "checksum": (0, 3), "vlan": (-1, 0xFFF), "options_length": (0, 40),
}  # fmt: skip

# Distances that are folded saturate here: beyond it nothing is asked but "much further".
FAR: Final = 1 << 30

# What the words of a row hold, octet by octet, the least first; the rest of them is the table's own.
CELL: Final = np.dtype(
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
FOLD: Final = np.dtype(
    {
        "names": ["signs", "folded", "octets", "until", "ack", "end", "largest", "least", "tsval"],
        "formats": ["u1", "u4", "u8", "u8", "u4", "u4", "u4", "u4", "u8"],
        "offsets": [0, 4, 8, 16, 24, 28, 32, 36, 40],
        "itemsize": 8 * WORDS,
    }
)
_BIAS: Final = np.uint64(1 << 63)  # added to times
_HALF: Final = 1 << 31  # added to the least distance
FRAME: Final = np.uint64((1 << 40) - 1)
LENGTH: Final = 0x3F  # of ``options``
USUAL: Final = 0x40  # nothing but timestamps, which are the word, laid out as RFC 7323, appendix A, has them
_USUAL_OCTETS: Final = bytes([1, 1, 8, 10])

_COLUMNS: Final[dict[str, Callable[[Column], Column]]] = {
    "side": lambda cell: cell["bits"] & 1,
    "kind": lambda cell: cell["bits"] >> 1 & 1,
    "checksum": lambda cell: cell["bits"] >> 2 & 3,
    "unseen": lambda cell: cell["bits"] >> 4 & 3,
    "ecn": lambda cell: cell["bits"] >> 6,
    "frame": lambda cell: cell["header"] & FRAME,
    "time": lambda cell: cell["time"] ^ _BIAS,
    "tcp_flags": lambda cell: cell["tcp_flags"] & 0xFFF,
    "ip_id": lambda cell: (cell["place"] >> 8 & 0x1FFFF).astype(np.int32) - 1,
    "vlan": lambda cell: (cell["place"] >> 25 & 0x1FFF).astype(np.int32) - 1,
    "options_length": lambda cell: cell["options"] & LENGTH,
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


def as_records(kind: np.dtype[Any], words: Words) -> Column:
    """Cells as records of CELL or FOLD: a view."""
    return words.view(kind)[:, 0]


def buffer(column: Column) -> memoryview:
    """The values of an array one after the other, as the loops of Cython take them."""
    flat: Any = column.reshape(-1)
    return memoryview(flat)


def column_of(name: str, words: Words, folds: Words, texts: Texts) -> Column:
    """The column of a field of ROW, of its type, but for ``flow``."""
    cell, kind = as_records(CELL, words), ROW[name]
    if name == "options":
        octets = np.zeros(len(words), kind)
        read_octets(buffer(words), buffer(texts), buffer(octets.view(np.uint8)))
        return octets
    if name not in _FOLDED:
        made = _COLUMNS[name](cell) if name in _COLUMNS else cell[name]
        return np.ascontiguousarray(made).astype(kind, copy=False)
    if name == "folded_until":
        column = column_of("time", words, folds, texts)
    else:
        column = np.full(len(words), _NOTHING_FOLDED[name], kind)
    if len(folds):
        number = cell["fold"]
        (having,) = number.nonzero()
        column[having] = _FOLDED[name](as_records(FOLD, folds)[number[having] - 1]).astype(kind)
    return column


def cells_of(whole: Column) -> tuple[Words, Words, Texts]:
    """Rows, folds and texts of an array of ROW, the values of which are within LIMITS."""
    words = np.zeros((len(whole), WORDS), np.uint64)
    cell = as_records(CELL, words)
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
    cell["options"] = length | np.where(usual, USUAL, 0)
    cell["text"][usual] = np.ascontiguousarray(octets[usual, 4:12]).view(">u8")[:, 0]
    of_text = np.where(usual, 0, length)
    cell["text"][~usual] = (of_text.cumsum() - of_text)[~usual]
    texts = octets[np.arange(octets.shape[1]) < of_text[:, None]]
    nothing = _NOTHING_FOLDED | {"folded_until": whole["time"]}
    (having,) = np.logical_or.reduce([whole[name] != none for name, none in nothing.items()]).nonzero()
    cell["fold"][having] = np.arange(1, len(having) + 1)
    folds, folded = np.zeros((len(having), WORDS), np.uint64), whole[having]
    fold = as_records(FOLD, folds)
    for name in ("end", "ack", "largest", "octets", "signs"):
        fold[name] = folded[f"folded_{name}"]
    fold["folded"], fold["until"] = folded["folded"], folded["folded_until"].astype(np.uint64) ^ _BIAS
    fold["least"] = folded["folded_least"].astype(np.int64) + _HALF
    fold["tsval"] = folded["folded_tsval"].astype(np.uint64) + np.uint64(1)
    return words, folds, texts
