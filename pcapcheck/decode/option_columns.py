"""The TCP options of many headers at once, as columns: what decode/options.py says of one header."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pcapcheck.decode.compiled import read_options
from pcapcheck.decode.options import LENGTHS, REPEATABLE, Kind
from pcapcheck.decode.segment import OPTIONS_UNSEEN

Bools = npt.NDArray[np.bool_]

ROOM: Final = 40  # octets of options in the longest header

# What is wrong with the form of the options, as bits.
MALFORMED: Final = 1
FAST_OPEN_LENGTH: Final = 2  # a Fast Open option of a length that it cannot have


def _right_lengths() -> npt.NDArray[np.bool_]:
    """Whether an option of a kind (first axis) may have a length (second)."""
    right = np.zeros((256, 256), np.bool_)
    right[:, 2 : ROOM + 1] = True
    for kind, lengths in LENGTHS.items():
        right[kind] = False
        right[kind, [length for length in range(ROOM + 1) if length in lengths]] = True
    return right


_RIGHT: Final = _right_lengths()
_ONCE: Final = np.array([kind not in REPEATABLE for kind in range(256)])


def _bits() -> npt.NDArray[np.int64]:
    """One bit of an int64 for each kind: those that nobody knows share the last."""
    bits = np.full(256, 1 << 62, np.int64)
    bits[:60] = 1 << np.arange(60, dtype=np.int64)
    bits[[Kind.ACC_ECN_0, Kind.ACC_ECN_1]] = 1 << 60
    bits[[Kind.EXPERIMENT_1, Kind.EXPERIMENT_2]] = 1 << 61
    return bits


KIND_BIT: Final = _bits()


@dataclass(frozen=True, eq=False)
class OptionColumns:
    """One entry a header in every column: -1 or False where the option is absent or has a wrong length."""

    mss: npt.NDArray[np.int32]
    wscale: npt.NDArray[np.int16]
    sack_permitted: Bools
    tsval: npt.NDArray[np.int64]
    tsecr: npt.NDArray[np.int64]
    fast_open: npt.NDArray[np.int8]  # the cookie's length
    mptcp: npt.NDArray[np.int8]  # where the first MPTCP option stands
    md5: Bools
    ao: Bools
    sack: Bools
    kinds: npt.NDArray[np.int64]  # KIND_BIT of every option
    faults: npt.NDArray[np.int8]  # MALFORMED, FAST_OPEN_LENGTH

    @classmethod
    def empty(cls, size: int) -> OptionColumns:
        """Columns of headers without options."""
        absent = {"mss": np.int32, "wscale": np.int16, "tsval": np.int64, "tsecr": np.int64}
        absent |= {"fast_open": np.int8, "mptcp": np.int8}
        columns: dict[str, npt.NDArray[Any]] = {name: np.full(size, -1, dtype) for name, dtype in absent.items()}
        columns |= {name: np.zeros(size, bool) for name in ("sack_permitted", "md5", "ao", "sack")}
        return cls(**columns, kinds=np.zeros(size, np.int64), faults=np.zeros(size, np.int8))


def option_columns(options: npt.NDArray[Any], lengths: npt.NDArray[Any], unseen: npt.NDArray[Any]) -> OptionColumns:
    """The options of headers: of each its first ``lengths`` octets of ``options`` (V40). ``unseen`` as in Segment."""
    columns = OptionColumns.empty(len(options))
    if not len(options):
        return columns
    octets = np.require(options, requirements=["C", "W"]).view(np.uint8)
    given = (octets, lengths.astype(np.int64), unseen & OPTIONS_UNSEEN == 0, _RIGHT.ravel(), _ONCE, KIND_BIT)
    read_options(*map(_words, (*given, *(getattr(columns, field.name) for field in fields(columns)))))
    return columns


def _words(column: npt.NDArray[Any]) -> memoryview:
    words: Any = column.view(np.uint8) if column.dtype == bool else column
    return memoryview(words)
