"""Rows as columns: what is taken of them is what would be taken of whole records."""

from __future__ import annotations

import pickle
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapcheck.cell_layout import buffer
from pcapcheck.rows import FAR, FIELDS, LIMITS, ROW, Rows
from pcapcheck.rows_on_disk import RowsOnDisk
from pcapcheck.scratch import Scratch


def some(size: int, seed: int) -> npt.NDArray[np.void]:
    """Records of any values; half of them have the usual options, and half have nothing folded into them."""
    random = np.random.default_rng(seed)
    records = random.integers(0, 256, size * ROW.itemsize, np.uint8).view(ROW)
    for name, (least, most) in LIMITS.items():
        records[name] = random.integers(least, most, size, endpoint=True)
    records["options_length"][random.integers(0, 2, size) == 0] = 12
    octets = records["options"].copy().view(np.uint8).reshape(size, 40)
    octets[random.integers(0, 2, size) == 0, :4] = 1, 1, 8, 10
    octets[np.arange(40) >= records["options_length"][:, None]] = 0
    records["options"] = octets.view("V40")[:, 0]
    alone = random.integers(0, 2, size) == 0
    for name in FIELDS[FIELDS.index("folded") :]:
        records[name][alone] = 0
    records["folded_until"][alone] = records["time"][alone]
    records["folded_least"][alone], records["folded_tsval"][alone] = FAR, -1
    return records


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


@given(st.integers(0, 1000), st.integers(0, 2**32), st.floats(0, 1))
def test_rows_on_disk(size: int, seed: int, part: float) -> None:
    """They come back: all of them, and some of them, near each other or not."""
    records, scratch = some(size, seed), Scratch()
    scratch.write(b"some", b"thing else")
    rows = Rows.of(records)
    away = RowsOnDisk(rows, scratch)
    assert away.size == size
    assert away.rows().records().tobytes() == records.tobytes()
    (at,) = (np.random.default_rng(seed).random(size) < part**4).nonzero()
    assert away.some(at).records().tobytes() == records[at].tobytes()
    mask = np.ones(size, bool)
    mask[at] = False
    most = away.rows().take(mask)
    again = RowsOnDisk.of(most, scratch)
    assert (most.away is again) == (8 * len(at) < size or not len(at))
    some_of_most = np.arange(0, len(most), 3)
    assert again.some(some_of_most).records().tobytes() == records[mask][some_of_most].tobytes()
    assert RowsOnDisk(rows.take(at), scratch).rows().records().tobytes() == records[at].tobytes()


@pytest.mark.parametrize("name", [name for name in FIELDS if name != "options"])
def test_each_field_is_kept_by_itself(name: str) -> None:
    """Its least and its greatest value change no other field."""
    usual = np.zeros(1, ROW)
    usual["frame"], usual["ip_id"], usual["vlan"] = 1, -1, -1
    usual["folded_least"], usual["folded_tsval"] = FAR, -1
    for value in LIMITS.get(name, (np.iinfo(ROW[name]).min, np.iinfo(ROW[name]).max)):
        record = usual.copy()
        record[name] = value
        assert Rows.of(record).records().tobytes() == record.tobytes()


def test_rows_from_disk_are_gone_through_where_nothing_is_compiled() -> None:
    """An odd number of rows: memoryviews of Python take no words that begin in the middle of another."""
    records = some(3, 5)
    records["folded"] = 7
    rows = RowsOnDisk(Rows.of(records), Scratch()).rows()
    assert [buffer(column)[0] for column in (rows.words, rows.folds)] == [rows.words[0, 0], rows.folds[0, 0]]
    assert buffer(rows.flow)[2] == records["flow"][2]
