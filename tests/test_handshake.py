"""Exchanges and the rows that they give, literally. The exchanges stand in tests/handshakes/."""

from __future__ import annotations

from itertools import chain

import pytest

from pcapcheck.handshake import OUTCOME_OF, SHAPE_OF, Decision
from tests.handshakes import capturing, completing, figures, outcomes, shapes, timing
from tests.rows import rows, traffic_of_exchange

MODULES = (outcomes, figures, shapes, completing, capturing, timing)
CASES = {name: case for module in MODULES for name, case in module.CASES.items()}
FACTS = list(
    chain.from_iterable(traffic_of_exchange(case.exchange).handshakes.facts.tolist() for case in CASES.values())
)


@pytest.mark.parametrize("name", CASES)
def test_rows(name: str) -> None:
    case = CASES[name]
    found = rows(traffic_of_exchange(case.exchange))
    assert [row["outcome"] for row in found] == [row["outcome"] for row in case.rows]
    for row, expected in zip(found, case.rows, strict=True):
        assert {column: row[column] for column in expected} == expected


def test_no_two_cases_have_one_name() -> None:
    assert len(CASES) == sum(len(module.CASES) for module in MODULES)


@pytest.mark.parametrize(
    "line", [*OUTCOME_OF, *SHAPE_OF], ids=lambda line: f"{line.verdict or 'no shape'}: {line.because}"
)
def test_each_line_of_the_tables_is_reached(line: Decision) -> None:
    table = OUTCOME_OF if line in OUTCOME_OF else SHAPE_OF
    before = table[: table.index(line)]
    assert any(fits(line, facts) and not any(fits(one, facts) for one in before) for facts in FACTS)


def fits(line: Decision, facts: int) -> bool:
    return facts & line.shown == line.shown and not facts & line.not_shown


@pytest.mark.parametrize("name", CASES)
def test_no_time_is_negative(name: str) -> None:
    for row in rows(traffic_of_exchange(CASES[name].exchange)):
        for span in ("server_rtt", "client_rtt", "handshake_rtt"):
            least, most = row[f"{span}_min"], row[f"{span}_max"]
            assert (least is None) == (most is None)
            assert least is None or 0 <= least <= most
            assert row[span] in (None, least)
            assert (row[span] is None) == (least is None or least != most)
