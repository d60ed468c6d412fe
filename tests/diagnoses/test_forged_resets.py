"""Which RSTs may be forged is told without their rows: whoever looks at the rows of all of them finds the same."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random
from typing import Final
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapcheck.diagnoses import forged_resets
from pcapcheck.diagnoses.injection import segment_injected
from pcapcheck.judge import judge
from pcapcheck.openings import Openings
from pcapcheck.select import select
from pcapcheck.stretch import CaptureFacts, summarise
from pcapcheck.tables import CERTAINTIES
from pcapcheck.testing import parse_exchange
from tests.test_every_value import exchanges
from tests.test_smooth import CAPTURES, LATE
from tests.traffic import Captured, captures

Found = list[tuple[int, str, tuple[int, ...], str]]


def forged(openings: Openings, end_time: int, *, narrowed: bool) -> Found:
    """What D14 says, with the rows of those that may be concerned, or of all handshakes."""
    traffic, facts = judge(openings, 0, end_time), CaptureFacts("any", end_time=end_time)
    asked = forged_resets._may_be_forged if narrowed else lambda whole: np.ones(len(whole.handshakes), bool)
    with patch.object(forged_resets, "_may_be_forged", asked):
        said = segment_injected(traffic, facts)
    assert said.detail is not None or not said.certainty.any()
    return [
        (at, CERTAINTIES[said.certainty[at]], tuple(int(frame[at]) for frame in said.evidence), (said.detail or "")[at])
        for at in said.certainty.nonzero()[0].tolist()
    ]


def differs(openings: Openings, end_time: int = LATE) -> bool:
    return forged(openings, end_time, narrowed=True) != forged(openings, end_time, narrowed=False)


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_every_capture(path: Path) -> None:
    summary = summarise(str(path))
    assert not differs(summary.openings, summary.facts.end_time)


def test_every_exchange() -> None:
    assert [name for name, text in exchanges() if differs(select(parse_exchange(text).segments()))] == []


@given(captures())
def test_any_traffic(captured: Captured) -> None:
    assert not differs(select(captured))


OPEN: Final = "+0 > S 0 win 64240\n+.0{late} < S. 0 ack 1 win 65160 ttl 6{near}\n+0 > . 1 ack 1\n"
REFUSED: Final = "+0 > S 0 win 64240\n+.0{soon} < R. =0 ack 1 win {window} ttl 6{far} id {id}\n"
KINDS: Final = [
    OPEN,
    OPEN + "+.1 < R 1 win {window} ttl 6{far} id {id}",
    REFUSED,
    REFUSED,
    REFUSED + "+.0{soon} < R. =0 ack 1 win {window} ttl 6{near} id 7",
    REFUSED + "+.0{late} < S. 0 ack 1 win 65160 ttl 6{near}",
    "+0 > R 1 win {window} ttl 6{far} id {id}\n+0 > R 900 win {window} ttl 6{far} id {id}",
    "+0 > S 0 win 64240\n+1 > R 1 win {window} ttl 6{far} id {id}",
]  # fmt: skip
TOLD: Final = {
    "near": [0, 3, 5], "far": [0, 3, 5], "late": [2, 4, 5], "soon": [1, 2, 3], "window": [0, 64240], "id": [0, 1, 900]
}  # fmt: skip


def refusals(seed: int) -> Openings:
    """Connections with two servers that open, are refused or reset: from near or far, soon or late."""
    random, text = Random(seed), []
    for number in range(random.randint(1, 6)):
        told = {name: random.choice(values) for name, values in TOLD.items()}
        server = f"server 198.51.100.{random.randint(1, 2)}:80"
        text.append(f"flow {number}\nclient 192.0.2.1:{5000 + number}\n{server}\n{random.choice(KINDS).format(**told)}")
    return select(parse_exchange("\n".join(text)).segments())


@given(st.integers(0, 2**32))
def test_any_refusals(seed: int) -> None:
    assert not differs(refusals(seed))


def test_refusals_of_these_servers_are_told_apart() -> None:
    said = Counter(why for seed in range(200) for _, why, *_ in forged(refusals(seed), LATE, narrowed=True))
    assert set(said) == {"compatible", "strong", "proved"}


def test_usual_refusals_are_not_looked_at() -> None:
    """Where the server is known from another connection, and where it is not."""
    told = {"near": 3, "far": 3, "late": 2, "soon": 2, "window": 0, "id": 0}
    flow = "flow {0}\nclient 192.0.2.1:500{0}\nserver 198.51.100.{1}:80\n"
    known, unknown = (flow.format(*which) + REFUSED.format(**told) for which in ((1, 1), (2, 2)))
    text = flow.format(0, 1) + OPEN.format(**told) + known + unknown
    whole = judge(select(parse_exchange(text).segments()), 0, LATE)
    assert forged_resets._own_weight(whole).tolist() == [-1, 0, 0]
    assert forged_resets._may_be_forged(whole).tolist() == [False, False, False]
