"""Rows as columns: what is taken of them is what would be taken of whole records."""

from __future__ import annotations

import pickle
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from pcapcheck.rows import FIELDS, ROW, Rows
from pcapcheck.rows_on_disk import RowsOnDisk
from pcapcheck.scratch import Scratch


def some(size: int, seed: int) -> npt.NDArray[np.void]:
    """Records of any octets."""
    return np.random.default_rng(seed).integers(0, 256, size * ROW.itemsize, np.uint8).view(ROW)


@given(st.lists(st.integers(0, 20), max_size=4), st.integers(0, 2**32), st.data())
def test_rows_are_records(sizes: list[int], seed: int, data: st.DataObject) -> None:
    records = some(sum(sizes), seed)
    ends = np.cumsum([0, *sizes]).tolist()
    rows = Rows.together([Rows.of(records)[start:end] for start, end in pairwise(ends)])
    assert rows.records().tobytes() == records.tobytes()
    for _ in range(data.draw(st.integers(0, 3))):
        mask = np.random.default_rng(seed).integers(0, 2, len(rows)).astype(bool)
        order = np.random.default_rng(seed).permutation(int(mask.sum()))
        start, stop = (data.draw(st.integers(-len(order), len(order))) for _ in range(2))
        records = records[mask][order][start:stop].copy()
        rows = rows.take(mask).take(order)[start:stop]
        records["flow"] = flow = np.arange(len(records))
        rows = rows.having(flow=flow)
        assert len(rows) == len(records)
    for name in FIELDS:
        assert rows[name].dtype == ROW[name]
        assert rows[name].tobytes() == records[name].tobytes()
    copy = pickle.loads(pickle.dumps(rows))
    assert copy.records().tobytes() == records.tobytes()
    assert rows.octets() == Rows.of(records).octets()


def test_what_goes_elsewhere_is_no_more_than_what_was_taken() -> None:
    whole = Rows.of(some(1000, 1))
    assert len(pickle.dumps(whole.take(np.array([7])))) < len(pickle.dumps(Rows.of(some(100, 1))))


def test_tuples() -> None:
    records = some(3, 2)
    assert Rows.of(map(tuple, records.tolist())).octets() == Rows.of(records).octets()


@given(st.integers(0, 40), st.integers(0, 2**32), st.sampled_from([0, 1, 8, 20, 63]))
def test_rows_on_disk(size: int, seed: int, bits: int) -> None:
    """They come back, be their values near each other or as far apart as can be."""
    records, random = some(size, seed), np.random.default_rng(seed)
    for name in FIELDS:
        kind = ROW[name]
        if kind.kind in "iu":
            least = random.integers(np.iinfo(kind).min, np.iinfo(kind).max, dtype=kind, endpoint=True)
            records[name] = least + random.integers(0, 1 << bits, size, np.uint64, endpoint=True).astype(kind)
    records["options_length"] %= 41
    octets = records["options"].copy().view(np.uint8).reshape(size, 40)
    octets[np.arange(40) >= records["options_length"][:, None]] = 0
    records["options"] = octets.view("V40")[:, 0]
    scratch = Scratch()
    scratch.write(b"something else")
    away = RowsOnDisk(Rows.of(records), scratch)
    assert away.size == size
    for name in reversed(FIELDS):
        assert away.column(name).dtype == ROW[name]
        assert away.column(name).tobytes() == records[name].tobytes()
    assert away.rows().octets() == Rows.of(records).octets()
