"""The TCP options of many headers at once, as columns: what decode/options.py says of one header."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pcapcheck.decode.options import FAST_OPEN_IDENTIFIER, LENGTHS, REPEATABLE, Kind
from pcapcheck.decode.segment import OPTIONS_UNSEEN

Bools = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]

ROOM: Final = 40  # octets of options in the longest header

# What is wrong with the form of the options, as bits.
MALFORMED: Final = 1
FAST_OPEN_LENGTH: Final = 2  # a Fast Open option of a length that it cannot have

# So many headers are walked at a time: their octets and positions stay in the cache.
_CHUNK: Final = 1 << 16
# Nearly every segment has its timestamps just so (RFC 7323, appendix A).
_USUAL_TIMESTAMP: Final = int.from_bytes(bytes([1, 1, Kind.TIMESTAMPS, 10]))


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


@dataclass(frozen=True)
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
    for start in range(0, len(options), _CHUNK):
        end = start + _CHUNK
        part = OptionColumns(**{field.name: getattr(columns, field.name)[start:end] for field in fields(columns)})
        octets = np.ascontiguousarray(options[start:end]).view(np.uint8).reshape(-1, ROOM)
        size = lengths[start:end].astype(np.int64)
        usual = size == 12
        usual[usual] = octets[usual, :4].copy().view(">u4")[:, 0] == _USUAL_TIMESTAMP
        stamps = octets[usual, 4:12].copy().view(">u4")
        part.tsval[usual], part.tsecr[usual] = stamps[:, 0], stamps[:, 1]
        part.kinds[usual] = KIND_BIT[Kind.NO_OPERATION] | KIND_BIT[Kind.TIMESTAMPS]
        (others,) = ((size > 0) & ~usual).nonzero()
        if len(others):
            _walk(part, octets, others, size, unseen[start:end] & OPTIONS_UNSEEN == 0)
    return columns


def _walk(columns: OptionColumns, octets: npt.NDArray[np.uint8], row: Indices, size: Indices, complete: Bools) -> None:
    """Reads the options of all these rows side by side: the n-th step reads the n-th option of each."""
    at = np.zeros(len(row), np.int64)
    seen = np.zeros((len(octets), 4), np.uint64)  # of each row the kinds so far, 64 to a word
    while len(row):
        kind = octets[row, at]
        columns.kinds[row] |= KIND_BIT[kind]
        end = kind == Kind.END
        if end.any():
            stopped = row[end]
            behind = np.arange(ROOM) >= at[end][:, None]
            behind &= np.arange(ROOM) < size[stopped][:, None]
            _fault(columns, stopped[(behind & (octets[stopped] != 0)).any(axis=1)])
        row, at, kind = row[~end], at[~end], kind[~end]
        step = np.ones(len(row), np.int64)
        (long,) = (kind != Kind.NO_OPERATION).nonzero()
        step[long] = _read(columns, octets, row[long], at[long], kind[long], size[row[long]], complete[row[long]], seen)
        at += step
        going = (step > 0) & (at < size[row])
        row, at = row[going], at[going]


def _read(
    columns: OptionColumns,
    octets: npt.NDArray[np.uint8],
    row: Indices,
    at: npt.NDArray[np.int64],
    kind: npt.NDArray[np.uint8],
    size: npt.NDArray[np.int64],
    complete: Bools,
    seen: npt.NDArray[np.uint64],
) -> npt.NDArray[np.int64]:
    """Reads one option with a length octet of each row; gives its length, 0 where reading cannot go on."""
    left = size - at
    length = np.where(left > 1, octets[row, np.minimum(at + 1, ROOM - 1)], 0).astype(np.int64)
    _fault(columns, row[(left == 1) & complete])
    possible = length >= 2
    _fault(columns, row[(left > 1) & ~possible])
    word, bit = kind >> 6, np.left_shift(np.uint64(1), (kind & 63).astype(np.uint64))
    _fault(columns, row[possible & _ONCE[kind] & (seen[row, word] & bit != 0)])
    seen[row[possible], word[possible]] |= bit[possible]
    right = _RIGHT[kind, length]
    whole = length <= left
    wrong = possible & (~right | (~whole & complete))
    fast_open = wrong & (kind == Kind.FAST_OPEN) & ~right
    _fault(columns, row[wrong & ~fast_open])
    columns.faults[row[fast_open]] |= FAST_OPEN_LENGTH
    good = possible & right & whole
    _take(columns, octets, row[good], at[good], kind[good], length[good])
    return np.where(possible & whole, length, 0)


def _take(
    columns: OptionColumns,
    octets: npt.NDArray[np.uint8],
    row: Indices,
    at: npt.NDArray[np.int64],
    kind: npt.NDArray[np.uint8],
    length: npt.NDArray[np.int64],
) -> None:
    """Enters options of a right length. Of a kind that is repeated the last counts, of MPTCP the first."""

    def number(of: Bools, offset: int, width: int) -> npt.NDArray[np.int64]:
        value = np.zeros(int(of.sum()), np.int64)
        for octet in range(offset, offset + width):
            value = value << 8 | octets[row[of], at[of] + octet]
        return value

    for flag, wanted in (
        (columns.sack_permitted, Kind.SACK_PERMITTED),
        (columns.sack, Kind.SACK),
        (columns.md5, Kind.MD5),
        (columns.ao, Kind.AUTHENTICATION),
    ):
        flag[row[kind == wanted]] = True
    of = kind == Kind.MSS
    columns.mss[row[of]] = number(of, 2, 2)
    of = kind == Kind.WINDOW_SCALE
    columns.wscale[row[of]] = number(of, 2, 1)
    of = kind == Kind.TIMESTAMPS
    columns.tsval[row[of]], columns.tsecr[row[of]] = number(of, 2, 4), number(of, 6, 4)
    of = kind == Kind.FAST_OPEN
    columns.fast_open[row[of]] = length[of] - 2
    of = (kind == Kind.EXPERIMENT_1) | (kind == Kind.EXPERIMENT_2)
    of[of] = number(of, 2, 2) == int.from_bytes(FAST_OPEN_IDENTIFIER)
    columns.fast_open[row[of]] = length[of] - 4
    of = (kind == Kind.MPTCP) & (columns.mptcp[row] < 0)
    columns.mptcp[row[of]] = at[of]


def _fault(columns: OptionColumns, row: Indices) -> None:
    columns.faults[row] |= MALFORMED
