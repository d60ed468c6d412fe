"""What is kept of a judged capture: less than everything gives the same outputs, here and in another process."""

from __future__ import annotations

import io
import pickle
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pcapcheck
from pcapcheck.diagnoses import DIAGNOSES
from pcapcheck.expect.ask import Asked
from pcapcheck.expect.parser import parse
from pcapcheck.judged import Part, cut, folded, together
from pcapcheck.policy.policy import ALL_RULES, Policy
from pcapcheck.report.formats import FORMATS
from pcapcheck.report.output import keep_for, writer
from pcapcheck.report.report import Report
from pcapcheck.report.terms import Terms
from pcapcheck.run import check
from pcapcheck.tables import ABSENT, KEEPS

SAMPLES: Final = Path(__file__).parent.parent / "sample_captures"
# Each format, and the least that it needs to be kept.
NEEDS: Final = {name: format.keep for name, format in FORMATS.items()}


def written(report: Report, format: str, *, verbose: bool = False) -> str:
    out = io.StringIO()
    writer(format, Terms(verbose=verbose))(report, out)
    return out.getvalue()


@pytest.fixture(scope="module")
def whole() -> Report:
    return check(SAMPLES)


@pytest.mark.parametrize(
    ("format", "keep"),
    [(format, keep) for format, least in NEEDS.items() for keep in KEEPS[KEEPS.index(least) :]],
)
def test_outputs_are_the_same(whole: Report, format: str, keep: str) -> None:
    assert written(check(SAMPLES, keep=keep), format) == written(whole, format)


@pytest.mark.parametrize("format", ["sarif", "junit", "github", "gitlab"])
def test_outputs_with_all_severities_are_the_same(whole: Report, format: str) -> None:
    assert keep_for([format], Terms(verbose=True)) == keep_for([format], Terms(fail_on="info")) == "findings"
    report = check(SAMPLES, keep="findings")
    assert written(report, format, verbose=True) == written(whole, format, verbose=True)


def test_what_several_formats_need() -> None:
    assert keep_for(["text", "dataset"], Terms(quiet=True, fail_on="info")) == "totals"
    assert keep_for(["text"], Terms(quiet=True), baseline=True) == "shown"
    assert keep_for(["text", "sarif"]) == keep_for(["text", "sarif"], Terms(quiet=True)) == "shown"
    assert keep_for(["text", "markdown"]) == "findings"
    assert keep_for(["json", "github-summary"]) == "causes"
    assert keep_for(["text", "parquet"]) == "everything"
    assert keep_for(["json"], Terms(with_handshakes=True)) == "everything"
    assert keep_for(["junit"], Terms(junit_per="connection")) == "everything"


def test_findings_of_severity_info_are_only_counted(whole: Report) -> None:
    report = check(SAMPLES, keep="shown")
    assert {one.severity for one in report.all_findings if one.handshake != ABSENT} == {"error", "warning", "note"}
    assert report.all_findings.counts == whole.all_findings.counts
    assert report.all_findings.count("info") > 10
    with pytest.raises(pcapcheck.UsageError, match="keep='findings'"):
        report.findings  # noqa: B018


@pytest.mark.parametrize("before", KEEPS)
def test_totals_are_enough_for_a_summary(whole: Report, before: str) -> None:
    part = together([cut(part, before) for part in parts_of_samples("everything")])
    report = Report(cut(part, "totals"), ignored=whole.ignored)
    assert [len(one.kept.at) for one in report.judged] == [0] * len(whole.capture_facts)
    assert report.all_findings.counts == whole.all_findings.counts
    assert report.summary() == whole.summary()
    for format in ("text", "sarif", "junit", "gitlab"):
        with pytest.raises(pcapcheck.UsageError, match="keep='shown'"):
            written(report, format)


def test_what_is_left_out_is_told(whole: Report) -> None:
    report = check(SAMPLES, keep="findings")
    assert sum(len(one.kept.at) for one in report.judged) < report.outcomes().total() == len(whole.handshakes)
    for asked in (lambda: report.handshakes, lambda: report.hosts, lambda: report.traffics, lambda: report.all_causes):
        with pytest.raises(
            pcapcheck.UsageError,
            match=r"keep='everything'.*has keep='findings'",
        ):
            asked()
    assert report.findings.equals(whole.findings)
    assert report.captures.equals(whole.captures)
    with pytest.raises(pcapcheck.UsageError, match="keep='nothing': needed one of totals, shown, "):
        check(SAMPLES, keep="nothing")


@pytest.mark.parametrize("keep", KEEPS)
def test_it_travels(whole: Report, keep: str) -> None:
    with ProcessPoolExecutor(1) as pool:
        report = check(SAMPLES, keep=keep, map=pool.map)
    for format, least in NEEDS.items():
        if KEEPS.index(keep) >= KEEPS.index(least):
            assert written(report, format) == written(whole, format)


def test_rules_and_diagnoses_travel_by_id() -> None:
    for one in (*ALL_RULES.values(), *DIAGNOSES.values()):
        assert pickle.loads(pickle.dumps(one)) is one
        assert len(pickle.dumps(one)) < 100


def test_an_unreadable_capture_travels(tmp_path: Path) -> None:
    path = tmp_path / "broken.pcap"
    path.write_bytes(b"\xd4\xc3\xb2\xa1")
    with ProcessPoolExecutor(1) as pool:
        there, here = check(path, map=pool.map), check(path)
    assert [str(error) for error in there.errors] == [str(error) for error in here.errors] != []
    assert written(there, "json") == written(here, "json")


@given(st.randoms(use_true_random=False))
def test_neighbours_are_put_together_in_any_tree(order: object) -> None:
    parts: list[Part] = list(PARTS)
    while len(parts) > 1:
        at = order.randrange(len(parts) - 1)  # type: ignore[attr-defined]
        parts[at : at + 2] = [together(parts[at : at + 2])]
    report = Report(parts[0])
    for format in ("text", "json", "markdown"):
        assert written(report, format) == EXPECTED[format]


def parts_of_samples(keep: str) -> list[Part]:
    found: list[Part] = []

    def collecting(work, paths):  # type: ignore[no-untyped-def]
        found.extend(map(work, paths))
        return found

    check(SAMPLES, keep=keep, sequence=False, map=collecting)
    return found


PARTS: Final = parts_of_samples("causes")
EXPECTED: Final = {format: written(Report(together(PARTS)), format) for format in ("text", "json", "markdown")}


@pytest.mark.parametrize("number", [0, 1, 7, 8, 9, 64, 65, 200])
def test_parts_are_put_together_as_they_come(number: int) -> None:
    parts = [part for _ in range(20) for part in PARTS][:number]
    found, at_once = folded(parts), together(parts)
    assert found.captures == at_once.captures == tuple(one for part in parts for one in part.captures)
    assert Report(found).summary() == Report(at_once).summary()


@pytest.mark.parametrize("keep", KEEPS)
def test_expectations_are_asked_of_all_handshakes(keep: str) -> None:
    texts = ("overall handshakes == 1", "handshakes == 2", "overall max(server_rtt) < 1us")
    policy = Policy(select=("HS",), expectations=tuple(Asked(parse(text)) for text in texts))
    report, everything = (check(SAMPLES, policy=policy, keep=one) for one in (keep, "everything"))
    assert report.summary() == everything.summary()
    assert [one for one in report.all_findings if one.rule.id == "EX01"] == [
        one for one in everything.all_findings if one.rule.id == "EX01"
    ]
    assert "overall handshakes == 1" in written(everything, "text")


def test_the_reduced_capture_has_no_more_addresses_than_handshakes() -> None:
    for one in check(SAMPLES, keep="findings").judged:
        handshakes = one.traffic.handshakes
        assert len(handshakes.hosts) == len(set(handshakes.client_address) | set(handshakes.server_address))
        assert np.unique(handshakes.history_code).tolist() == list(range(len(handshakes.histories)))
