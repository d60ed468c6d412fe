"""Records are moved as they are, octet for octet."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pcapcheck import records
from pcapcheck.openings import ROW

SIZES = st.integers(0, 20)


def some(size: int, seed: int) -> records.Records:
    return np.random.default_rng(seed).integers(0, 256, size * ROW.itemsize, np.uint8).view(ROW)


@given(st.lists(SIZES, min_size=1, max_size=4), st.integers(0, 1000), st.data())
def test_moved(sizes: list[int], seed: int, data: st.DataObject) -> None:
    parts = [some(size, seed + number) for number, size in enumerate(sizes)]
    whole = records.together(parts)
    assert whole.dtype == ROW
    assert whole.tobytes() == b"".join(part.tobytes() for part in parts)
    copy = records.copied(whole)
    assert copy.tobytes() == whole.tobytes()
    assert not np.shares_memory(copy, whole)
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=len(whole), max_size=len(whole))), bool)
    assert records.taken(whole, mask).tobytes() == b"".join(whole[at].tobytes() for at in mask.nonzero()[0].tolist())
    order = np.array(data.draw(st.permutations(range(len(whole)))), np.int64)
    turned = records.taken(whole, order)
    assert [one.tobytes() for one in turned] == [whole[at].tobytes() for at in order.tolist()]
    records.put(copy, order, turned)
    assert copy.tobytes() == whole.tobytes()


def test_part_of_an_array() -> None:
    """Also of every second record, which lie apart in memory."""
    whole = some(10, 1)
    assert records.copied(whole[::2]).tobytes() == b"".join(one.tobytes() for one in whole[::2])
    records.put(whole, slice(0, 2), whole[4:6].copy())
    assert whole[0].tobytes() == whole[4].tobytes()
