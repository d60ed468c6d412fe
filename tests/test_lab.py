"""Captures of real Linux hosts, and what really happened in them (tests/lab/NAME.json), against the verdicts.

The truth was written by the scripts that made the traffic, never by pcapcheck. `tests/lab/README.md` explains it.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

import pcapcheck
from pcapcheck import tables
from tests.rows import Row, rows

LAB: Final = Path(__file__).parent / "lab"

# Which outcomes a word of the truth allows.
ALLOWED: Final[dict[str, set[str | None]]] = {
    "complete": {"established"},
    "complete-retried": {"established"},
    "complete-by-data": {"established"},
    "complete-tfo": {"established"},
    "complete-simultaneous": {"established"},
    "complete-out-of-order": {"established"},
    "reset-after-ack": {"established"},
    "refused": {"refused"},
    "refused-icmp": {"unreachable"},
    "no-answer": {"unanswered", "pending"},
    "half-open": {"half-open", "pending"},
    "half-open or no-answer": {"half-open", "unanswered", "pending"},
    "client-only-open": {"client-only"},
    "client-only-open or half-open": {"client-only", "half-open", "established", "pending"},
    "aborted-by-client": {"aborted"},
    "invalid-ack": {"invalid"},
    "invalid-synack": {"invalid"},
    "midstream": {"midstream"},
    "partial": {"partial"},
    "one-sided": {"one-sided"},
    "pending-at-end": {"pending"},
    "not-a-handshake": {"stray", "midstream", None},
}
SHAPES: Final = {
    "complete-simultaneous": {"simultaneous-open", "split", "self-connect"},
    "complete-tfo": {"fast-open"},
}
# What these are wrapped in, on their way or at the capture.
TUNNELS: Final = {"erspan": "erspan", "ipip": "ipip", "mpls": "mpls", "vxlan_kernel": "vxlan"}
# Rows beside the attempts themselves.
BESIDE: Final = {"stray", "midstream"}


class Case(NamedTuple):
    """One 4-tuple of one capture: its true connections in order, and the rows that pcapcheck gives for it."""

    truth: list[dict[str, Any]]
    found: list[Row]
    document: dict[str, Any]
    tag: str

    @property
    def attempts(self) -> list[Row]:
        return [row for row in self.found if row["outcome"] not in BESIDE]

    @property
    def hints(self) -> dict[str, Any]:
        return self.document.get("judge", {})  # type: ignore[no-any-return]

    @property
    def pairs(self) -> Iterator[tuple[dict[str, Any], str, Row | None]]:
        """Each connection, its word, and the row that answers to it."""
        for index, connection in enumerate(self.truth):
            word = connection["word"]
            pool = self.found if ALLOWED[word] & BESIDE else self.attempts
            yield connection, word, pool[index] if index < len(pool) else None


def endpoints(row: Row) -> tuple[tuple[str, int], tuple[str, int]]:
    return (row["client_address"], row["client_port"]), (row["server_address"], row["server_port"])


@cache
def cases(capture: Path) -> list[Case]:
    name, _, tag = capture.stem.partition(".")
    document = json.loads((LAB / f"{name}.json").read_text(encoding="utf-8"))
    described = next(one for one in document["captures"] if one["file"] == capture.name)
    tag = described.get("tag", described["where"])
    report = pcapcheck.check(str(capture))
    found: dict[frozenset[object], list[Row]] = defaultdict(list)
    all_rows = rows(report.traffics[0])
    for row in all_rows:
        row["errors"] = []
        found[frozenset(endpoints(row))].append(row)
    for finding in report.all_findings:
        if finding.severity == "error" and finding.handshake >= 0:
            all_rows[finding.handshake]["errors"].append(finding.rule.id)
    truth: dict[frozenset[object], list[dict[str, Any]]] = defaultdict(list)
    for connection in document["connections"]:
        at = connection["at"].get(tag, {})
        want = {**connection["expect"], **at.get("expect", {})}
        word = at.get("verdict", connection["verdict"])
        unseen = want.get("syn") == want.get("synack") == 0 and word not in ("not-a-handshake", "midstream")
        if unseen and "verdict" not in at:
            word = "absent"
        if word == "client-only-open" and _least(want.get("synack", 0)) < 2:
            word = "complete"  # without a second SYN-ACK nothing in this capture shows it
        ends = frozenset((tuple(connection["c"]), tuple(connection["s"])))
        truth[ends].append({**connection, "word": word, "want": want})
    return [
        Case(sorted(truth[key], key=lambda one: one.get("instance", 0)), found[key], document, tag)
        for key in sorted({**truth, **found}, key=lambda key: sorted(map(str, key)))
    ]


def _least(count: int | list[int]) -> int:
    return count if isinstance(count, int) else count[0]


def _shown(case: Case) -> bool:
    return bool(case.truth) and not any(connection["word"] == "absent" for connection in case.truth)


CAPTURES: Final = sorted(LAB.glob("*.pcap"))
each_capture = pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.stem)


def test_truth_is_there() -> None:
    assert len(CAPTURES) >= 60
    assert {path.stem.partition(".")[0] for path in CAPTURES} == {path.stem for path in LAB.glob("*.json")}
    assert sum(path.stat().st_size for path in LAB.iterdir()) < 1_500_000
    assert max(path.stat().st_size for path in LAB.iterdir()) < 300_000


@pytest.mark.parametrize("name", sorted(TUNNELS))
def test_what_is_in_a_tunnel_is_judged(name: str) -> None:
    [traffic] = pcapcheck.check(str(LAB / f"{name}.pcap")).traffics
    assert len(traffic.handshakes)
    assert {tables.TUNNELS[number] for number in traffic.handshakes.tunnel} == {TUNNELS[name]}


@each_capture
def test_outcomes(capture: Path) -> None:
    for case in cases(capture):
        if any(connection["word"] == "absent" for connection in case.truth):
            assert {row["outcome"] for row in case.found} <= BESIDE
        if not _shown(case):
            continue
        for connection, word, row in case.pairs:
            assert (row["outcome"] if row else None) in ALLOWED[word], connection["words"]
            if row is None:
                continue
            assert row["shape"] in SHAPES.get(word, {row["shape"]})
            if row["outcome"] not in BESIDE and word != "complete-simultaneous":
                assert endpoints(row) == (tuple(connection["c"]), tuple(connection["s"]))
            if word == "aborted-by-client":
                assert row["aborted_by"] == "client"


@each_capture
def test_no_row_too_many(capture: Path) -> None:
    for case in filter(_shown, cases(capture)):
        if {connection["word"] for connection in case.truth} & {"not-a-handshake", "midstream"}:
            continue
        if "rows" in case.hints:
            assert len(case.attempts) == case.hints["rows"]
        else:
            assert len(case.attempts) <= len(case.truth)


@each_capture
def test_numbers(capture: Path) -> None:
    for case in filter(_shown, cases(capture)):
        for connection, _, row in case.pairs:
            want = connection["want"]
            if row is None:
                continue
            if want.get("syn_seq") is not None:
                assert row["client_isn"] == want["syn_seq"]
            if want.get("synack_seq") is not None:
                assert row["server_isn"] == want["synack_seq"]
            if "synack_acks_syn_data" in want and row["outcome"] == "established":
                assert (row["synack_ack"] - row["client_isn"] - 1) % 2**32 == want["synack_acks_syn_data"]


@each_capture
def test_counts(capture: Path) -> None:
    for case in filter(_shown, cases(capture)):
        if len(case.truth) != 1 or "network_copies" in case.hints or case.truth[0]["word"] == "not-a-handshake":
            continue
        counted: Counter[str] = Counter()
        for row in case.found:
            counted.update({"syn": row["syn_count"], "synack": row["synack_count"]})
        for name in ("syn", "synack"):
            want = case.truth[0]["want"].get(name)
            if want is not None and case.found:
                least, most = want if isinstance(want, list) else (want, want)
                if "captured_twice" in case.hints:
                    least = most = 1
                assert least <= counted[name] <= most


@each_capture
def test_round_trip_times(capture: Path) -> None:
    """The configured delay is the least; the wire adds noise. The kernel's own measure is closer."""
    for case in filter(_shown, cases(capture)):
        for connection, word, row in case.pairs:
            if row is None or row["outcome"] != "established" or word != "complete" or "no_exact_rtt" in case.hints:
                continue
            if connection["want"].get("syn") == connection["want"].get("synack") == 1:
                assert row["rtt_status"] == "exact"
            configured = connection.get("rtt_ms", {}).get(case.tag)
            if row["rtt_status"] != "exact" or not configured:
                continue
            kernel = {} if "kernel_rtt_unreliable" in connection else connection.get("kernel", {})
            slack = case.document.get("rtt_slack_ms", 12)
            for name, span, side, measured_by in (
                ("server_rtt", "syn_to_synack", "client", "client_after_connect"),
                ("client_rtt", "synack_to_ack", "server", "server_after_accept"),
            ):
                milliseconds = row[name] / 1e6
                most = configured[span] + max(slack, configured[span] * 0.15)
                assert configured[span] - 0.5 <= milliseconds <= most
                if case.tag == side and kernel.get(measured_by, {}).get("rtt_us", 0) > 1000:
                    assert milliseconds == pytest.approx(kernel[measured_by]["rtt_us"] / 1e3, abs=1.0)


@each_capture
def test_no_error_is_found_where_a_kernel_opened_the_connection(capture: Path) -> None:
    for case in filter(_shown, cases(capture)):
        for _, word, row in case.pairs:
            if row is None or case.document["synthetic"] or "wrong_segment_first" in case.hints:
                continue
            if word.startswith("complete") and row["outcome"] == "established":
                assert row["errors"] == []
