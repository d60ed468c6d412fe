"""Whatever pcapcheck can say is said of some capture of the tests: counted here.

The captures are the files of the tests and samples, and every exchange of the tests, written to a file and read again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

from pcapcheck.diagnoses import DIAGNOSES, EVENTS
from pcapcheck.rules import RULES
from pcapcheck.run import check
from pcapcheck.tables import CAUSE, CERTAINTIES, HANDSHAKES, SEVERITIES
from pcapcheck.testing import parse_exchange
from tests.rules.test_examples import DAMAGE
from tests.test_handshake import CASES
from tests.test_history import COURSES

ROOT = Path(__file__).parent

# Columns of the handshakes, and all their values. Causes are counted below; of tunnels the decoder's tests have all.
COLUMNS = {
    name: column.categories
    for name, column in HANDSHAKES.items()
    if column.categories and name not in ("tunnel", "cause", "certainty")
}


def files() -> list[Path]:
    """The captures that lie in the tree."""
    return sorted([*ROOT.glob("lab/*.pcap"), *ROOT.glob("kernel/*.pcap"), *ROOT.parent.glob("sample_captures/*.pcap")])


def exchanges() -> list[tuple[str, str]]:
    """The exchanges of the tests of rows, and both examples of every rule and every diagnosis, each with a name."""
    examples = [(one.id, text) for one in (*RULES.values(), *DIAGNOSES.values()) for text in (one.fires, one.silent)]
    courses = ((name, course[0]) for name, course in COURSES.items())
    return [*((name, case.exchange) for name, case in CASES.items()), *courses, *examples]


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Counter[str]]:
    """For each column, and for rules, severities, causes and certainties, how often each value occurs."""
    counts = {name: Counter[str]() for name in (*COLUMNS, "rule", "severity", "cause", "certainty")}
    for path in chain(files(), _written(tmp_path_factory.mktemp("said") / "exchange.pcap")):
        report = check(path)
        for traffic, causes in zip(report.traffics, report.all_causes, strict=True):
            for column, values in COLUMNS.items():
                counts[column].update(values[number] for number in getattr(traffic.handshakes, column).tolist())
            for number in range(len(traffic.handshakes)):
                for cause in causes.of(number):
                    counts["cause"][cause.diagnosis.slug] += 1
                    counts["certainty"][cause.certainty] += 1
        for finding in report.all_findings:
            counts["rule"][finding.rule.id] += 1
            counts["severity"][finding.severity] += 1
    return counts


def _written(path: Path) -> Iterator[Path]:
    """Every exchange in turn, as this file."""
    for name, text in exchanges():
        path.write_bytes(DAMAGE.get(name, bytes)(parse_exchange(text).pcap(nanoseconds=True)))
        yield path


def test_files_are_there() -> None:
    assert len(files()) >= 130


@pytest.mark.parametrize("column", COLUMNS)
def test_every_value_of_a_column(column: str, said: dict[str, Counter[str]]) -> None:
    assert [value for value in COLUMNS[column] if not said[column][value]] == []


def test_every_rule(said: dict[str, Counter[str]]) -> None:
    assert [id for id in (*RULES, *EVENTS) if not said["rule"][id]] == []
    assert set(said["severity"]) == set(SEVERITIES)


def test_every_cause(said: dict[str, Counter[str]]) -> None:
    assert [name for name in CAUSE[1:] if not said["cause"][name]] == []
    assert set(said["certainty"]) == set(CERTAINTIES[1:])


def test_nothing_else(said: dict[str, Counter[str]]) -> None:
    assert set(said["cause"]) <= set(CAUSE)
    assert set(said["rule"]) == {*RULES, *EVENTS}
