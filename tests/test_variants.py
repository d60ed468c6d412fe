"""Other captures of the lab's traffic: no host is blamed for what a capture did wrong, or for where its numbers begin.

`tests/variants.py` makes them. Here is tried what one of SHARE of them gives; for all of them set SHARE to 1.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

import pcapcheck
from tests.rows import rows
from tests.test_lab import CAPTURES
from tests.variants import (
    CAPTURED,
    Records,
    Variant,
    cut_off,
    delayed,
    doubled,
    dropped,
    merged,
    one_way,
    read,
    renumbered,
    reordered,
    without_timestamps,
    write,
)

SHARE: Final = 41

# One side was written by hand, and sends wrong numbers.
WRONG: Final = {"ack3_wrong_ack", "synack_wrong_ack"}
# In these two SYNs cross, or an old one goes before: in which order they pass makes another exchange of it.
CROSSING: Final = {"old_syn_first", "simultaneous_open"}
# Too long to make a thousand captures of.
LONG: Final = {"clean_many_interleaved", "tso_gro_v6", "jitter", "syn_flood"}

KERNELS: Final = [path for path in CAPTURES if path.stem.partition(".")[0] not in WRONG | LONG]
each_capture = pytest.mark.parametrize("capture", KERNELS, ids=lambda path: path.stem)

# What a connection that opened can look like where frames are missing: the opening is partly or not seen.
LACKING: Final = {
    "established",
    "client-only",
    "partial",
    "one-sided",
    "midstream",
    "pending",
    "half-open",
    "unanswered",
}
# What is left where nothing but a SYN-ACK, or an ACK and its RST, was captured.
SCRAPS: Final = {"stray", "aborted", "refused"}

Outcomes = dict[frozenset[object], list[str]]


def some(variants: Iterator[Variant], capture: Path) -> Iterator[Variant]:
    """One of SHARE, others for each capture."""
    for number, variant in enumerate(variants, start=sum(capture.stem.encode())):
        if number % SHARE == 0:
            yield variant


def judged(records: Records, path: Path) -> tuple[Outcomes, list[str]]:
    """For each pair of endpoints the outcomes in order, and what is called an error."""
    write(path, records)
    report = pcapcheck.check(path)
    found: Outcomes = defaultdict(list)
    for row in rows(report.traffics[0]):
        ends = (row["client_address"], row["client_port"]), (row["server_address"], row["server_port"])
        found[frozenset(ends)].append(row["outcome"])
    return dict(found), [finding.message for finding in report.all_findings if finding.severity == "error"]


@each_capture
def test_no_error(capture: Path, tmp_path: Path) -> None:
    records = read(capture)
    for kind in CAPTURED:
        for name, variant in some(kind(records), capture):
            _, errors = judged(variant, tmp_path / "variant.pcap")
            assert errors == [], name


@each_capture
@pytest.mark.parametrize("kind", [renumbered, doubled, without_timestamps], ids=lambda kind: kind.__name__)
def test_same_outcomes(kind, capture: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    records = read(capture)
    before, _ = judged(records, tmp_path / "whole.pcap")
    for name, variant in some(kind(records), capture):
        assert judged(variant, tmp_path / "variant.pcap")[0] == before, name


@each_capture
@pytest.mark.parametrize("kind", [dropped, cut_off, one_way], ids=lambda kind: kind.__name__)
def test_missing_frames_turn_no_open_connection_into_a_wrong_one(
    kind,
    capture: Path,
    tmp_path: Path,  # type: ignore[no-untyped-def]
) -> None:
    records = read(capture)
    before, _ = judged(records, tmp_path / "whole.pcap")
    opened = {ends for ends, outcomes in before.items() if outcomes == ["established"]}
    if capture.stem.partition(".")[0] in CROSSING:
        return
    for name, variant in some(kind(records), capture):
        found, _ = judged(variant, tmp_path / "variant.pcap")
        for ends in opened & set(found):
            assert set(found[ends]) <= LACKING | SCRAPS, name


@each_capture
def test_a_late_frame_refuses_nothing_and_opens_nothing(capture: Path, tmp_path: Path) -> None:
    """A refusal stays one, and what opened stays open: whichever of two frames was recorded first."""
    records = read(capture)
    before, _ = judged(records, tmp_path / "whole.pcap")
    if capture.stem.partition(".")[0] in CROSSING | {"rst_injected_syn_sent", "refused_then_open", "capture_reordered"}:
        return
    for kind in (reordered, delayed):
        for name, variant in some(kind(records), capture):
            found, _ = judged(variant, tmp_path / "variant.pcap")
            for ends, outcomes in before.items():
                if outcomes in (["established"], ["refused"], ["unreachable"]):
                    assert found[ends] == outcomes, name


def test_merged_captures_give_the_rows_of_each(tmp_path: Path) -> None:
    """Two captures of other hosts, merged by time. (Those of the lab have the same addresses: one is renumbered.)"""
    lab = CAPTURES[0].parent
    for one, other in (("refused_v4", "clean_v6_50ms_split"), ("icmp6_admin_prohibited", "syn_dropped_once")):
        first, then = read(lab / f"{one}.pcap"), read(lab / f"{other}.pcap")
        expected = judged(first, tmp_path / "first.pcap")[0] | judged(then, tmp_path / "then.pcap")[0]
        assert judged(merged(first, then), tmp_path / "merged.pcap")[0] == expected
