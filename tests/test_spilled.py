"""More connections than are tracked at once: what waits on disk comes back as what it would have been."""

from __future__ import annotations

import pickle
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapcheck import spilled
from pcapcheck.decode.compiled import COMPILED
from pcapcheck.fingerprints import fingerprints
from pcapcheck.gather import traffic_of
from pcapcheck.judge import judge
from pcapcheck.neighbours import merge
from pcapcheck.openings import Openings, beside
from pcapcheck.select import select
from pcapcheck.spilled import Spilled, joined
from pcapcheck.stretch import Summary, summarise
from pcapcheck.testing import parse_exchange
from tests.rows import rows
from tests.traffic import Captured, captures

TESTS: Final = Path(__file__).parent
CAPTURES: Final = sorted([*(TESTS / "lab").glob("*.pcap*"), *(TESTS.parent / "sample_captures").glob("*.pcap*")])


def handshakes_of(summary: Summary) -> list[dict[str, object]]:
    return rows(traffic_of(summary.openings, 0, summary.facts.end_time))


@pytest.mark.parametrize("decoder", ["compiled", "dpkt"] if COMPILED else ["dpkt"])
@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_every_capture(path: Path, decoder: str) -> None:
    whole = summarise(str(path))
    for most in (0, 1, 3):
        summary = summarise(str(path), decoder=decoder, max_tracked=most)
        assert handshakes_of(summary) == handshakes_of(whole)


def test_that_connections_were_set_aside_is_counted() -> None:
    path = str(TESTS / "lab/clean_many_interleaved.pcap")
    assert summarise(path).facts.set_aside == 0
    assert summarise(path, decoder="dpkt", max_tracked=10).facts.set_aside >= 200


def test_one_that_is_used_again_and_again_is_not_set_aside(tmp_path: Path) -> None:
    """Its attempts are judged together: they would be read back at once."""
    lines = [f"+1 > S ={number * 10**6}:{number * 10**6}(0) win 64240" for number in range(1200)]
    parse_exchange("\n".join(["flow a client 192.0.2.1:40000", *lines])).write_pcap(tmp_path / "x.pcap")
    assert summarise(str(tmp_path / "x.pcap"), max_tracked=100).facts.set_aside == 0


def pieces(captured: Captured, cuts: list[int]) -> Spilled:
    """Set aside at each of these hundredths of the capture."""
    edges = [0, *sorted(cut * len(captured) // 100 for cut in cuts), len(captured)]
    apart = Spilled()
    for begin, end in pairwise(edges):
        apart.add(select(captured[begin:end]))
    return apart


CUTS: Final = st.lists(st.integers(0, 100), max_size=4)


def assert_same(found: Openings, whole: Openings) -> None:
    assert list(found.flows) == list(whole.flows)
    assert found.rows.octets() == whole.rows.octets()


@given(captures(), CUTS, st.sampled_from([1, 2, 100]), st.sampled_from([0, 1, 2**63, 2**64 - 1]))
def test_any_traffic_in_pieces(captured: Captured, cuts: list[int], most: int, bits: int) -> None:
    """Also where several flows have the same fingerprint, of which there are these bits alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spilled, "fingerprints", lambda flows: fingerprints(flows) & np.uint64(bits))
        patch.setattr(spilled, "PIECE", most)
        apart = pieces(captured, cuts)
        whole = select(captured)
        assert_same(apart.whole(), whole)
        batches = list(apart.batches(most))
        assert all(0 < len(batch.flows) <= most for batch in batches)
        assert_same(beside(batches).in_order(), whole)


@given(captures(), st.integers(0, 100), st.integers(0, 5))
def test_joined_on_disk_and_in_memory(captured: Captured, cut: int, most: int) -> None:
    at = cut * len(captured) // 100
    first, then = select(captured[:at]), select(captured[at:])
    there = joined(joined(Openings(), first, most), then, most)
    openings = there if isinstance(there, Openings) else there.whole()
    assert openings.rows.octets() == merge(first, then).rows.octets()


def test_elsewhere_it_is_in_memory() -> None:
    summary = summarise(str(TESTS / "lab/clean_many_interleaved.pcap"), max_tracked=10)
    assert isinstance(summary.openings, Spilled)
    there = pickle.loads(pickle.dumps(summary.openings))
    assert isinstance(there, Openings)
    assert rows(judge(there, 0, summary.facts.end_time)) == handshakes_of(summary)
