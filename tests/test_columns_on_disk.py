"""Columns on disk come back as they were, whatever their type, each by itself, and what was put behind them."""

from __future__ import annotations

from typing import Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapcheck.columns_on_disk import ColumnsOnDisk
from pcapcheck.packed import STRETCH
from pcapcheck.scratch import Scratch

KIND: Final = np.dtype([("flag", "?"), ("small", "i1"), ("port", "<u2"), ("time", "<i8"), ("hash", "<u8")])


@given(st.integers(0, 50), st.integers(0, 2**32), st.sampled_from([0, 1, 7, 64]), st.binary())
def test_come_back(size: int, seed: int, bits: int, rest: bytes) -> None:
    random = np.random.default_rng(seed)
    octets = random.integers(0, 256, size * KIND.itemsize, np.uint8)
    columns = octets.view(KIND).copy()
    columns["flag"] = random.integers(0, 2, size)
    if bits < 64:
        for name in ("small", "port", "time", "hash"):
            columns[name] >>= max(8 * KIND[name].itemsize - bits, 0)
    scratch = Scratch()
    scratch.write(b"before")
    away = ColumnsOnDisk(KIND, {name: columns[name] for name in KIND.names or ()}, scratch, [rest, np.arange(3)])
    scratch.write(b"behind")
    assert away.size == size
    for name in ("time", "flag", "hash", "small", "port"):
        assert away[name].dtype == KIND[name]
        assert away[name].tolist() == columns[name].tolist()
    assert away.rest() == rest + np.arange(3).tobytes()


def test_values_are_of_the_kind_that_is_named() -> None:
    kind = np.dtype([("port", "<u2")])
    away = ColumnsOnDisk(kind, {"port": np.array([443, 80], np.int64)}, Scratch())
    assert away["port"].dtype == np.uint16
    assert away["port"].tolist() == [443, 80]


def test_no_more_than_are_packed_together() -> None:
    column = np.arange(STRETCH + 1)
    with pytest.raises(AssertionError):
        ColumnsOnDisk(np.dtype([("time", "<i8")]), {"time": column}, Scratch())
