"""Which files are one capture without being asked: their names say so, and their times confirm it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

import pcapcheck
from pcapcheck.rotation import NUMBERED_GAP, STAMPED_GAP, gap_between, series
from tests.variants import SECOND, Record, write

MILLISECOND: Final = SECOND // 1000
NIGHT, MORNING = "x-20260101-0000.pcap", "x-20260101-0001.pcap"
ARP: Final = bytes(12) + b"\x08\x06" + bytes(28)


@pytest.mark.parametrize(
    "names",
    [
        ["x.pcap", "x.pcap1", "x.pcap2", "x.pcap10"],  # tcpdump -C
        ["x.pcap0", "x.pcap1", "x.pcap2"],  # with -W
        ["x.pcap00", "x.pcap01", "x.pcap11"],
        ["x.pcap.gz", "x.pcap1.gz"],  # with -z
        ["dump", "dump1", "dump2"],
        ["x-20260131-235959.pcap", "x-20260201-000000.pcap"],  # tcpdump -G
        ["x_2026-01-31_23:59:59.pcap", "x_2026-02-01_00:00:00.pcap"],
        ["20260131T235959", "20260201T000000"],
        ["x.1769900399.pcap", "x.1769900400.pcap"],
        ["x-202601312359.pcap1", "x-202601312359.pcap2"],
        ["x-20260131-2359.pcap", "x-20260131-2359.pcap1", "x-20260201-0000.pcap"],  # with -C
        ["x_00001_20260131235959.pcapng", "x_00002_20260201000000.pcapng"],  # dumpcap -b
        ["x_20260131235959_00001.pcapng", "x_20260201000000_00002.pcapng"],  # with -b nametimenum:2
        ["x_99999_20260131235959.pcapng", "x_100000_20260201000000.pcapng"],
    ],
)
def test_names_of_one_series(names: list[str]) -> None:
    paths = [f"captures/{name}" for name in names]
    assert series(paths[::-1]) == [paths]


@pytest.mark.parametrize(
    "names",
    [
        ["x.pcap", "y.pcap"],
        ["x1.pcap", "x2.pcap"],
        ["test1", "test2"],  # "test" is not there
        ["x.pcap", "x.pcapng"],
        ["a/x.pcap", "b/x.pcap1"],
        ["run_1_20260131.pcap", "run_2_20260131.pcap"],
        ["10.0.0.1.pcap", "10.0.0.2.pcap"],
        ["-", "x.pcap"],
    ],
)
def test_names_of_none(names: list[str]) -> None:
    assert series(names) == [[name] for name in names]


@pytest.mark.parametrize(
    ("names", "gap"),
    [
        (["x.pcap", "x.pcap1"], NUMBERED_GAP),
        (["x.pcap1", "x.pcap3"], None),
        (["x.pcap1", "x.pcap"], STAMPED_GAP),  # a ring of two that began anew
        (["x-20260131-2359.pcap9", "x-20260201-0000.pcap"], STAMPED_GAP),
        (["x-20260131-2359.pcap9", "x-20260201-0000.pcap1"], None),
        (["x-20260201-0000.pcap", "x-20260131-2359.pcap"], None),
        (["x.pcap", "x.pcap.gz"], None),
    ],
)
def test_which_file_may_follow(names: list[str], gap: int | None) -> None:
    assert gap_between(*names, names) == gap


def captures(folder: Path, times: Mapping[str, list[float]]) -> list[list[str]]:
    """The captures that files with frames at these times, in seconds, are taken for."""
    for name, seconds in times.items():
        write(folder / name, [Record(round(one * 1000) * MILLISECOND, len(ARP), ARP, 1) for one in seconds])
    report = pcapcheck.check(folder)
    assert all(facts.path.endswith(min(times)) or len(report.captures) > 1 for facts in report.capture_facts)
    return [[Path(file.path).name for file in facts.files] for facts in report.capture_facts]


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ({"x.pcap": [0, 9], "x.pcap1": [9, 20], "x.pcap2": [140, 150]}, [["x.pcap", "x.pcap1", "x.pcap2"]]),
        ({"x.pcap": [0, 9], "x.pcap1": [140, 150]}, [["x.pcap"], ["x.pcap1"]]),  # nothing for more than 130 s
        ({"x.pcap": [0, 9], "x.pcap1": [8, 20]}, [["x.pcap"], ["x.pcap1"]]),  # they overlap
        ({"x.pcap": [0, 9], "x.pcap2": [9, 20]}, [["x.pcap"], ["x.pcap2"]]),  # one is missing
        ({"x.pcap0": [20, 30], "x.pcap1": [0, 9], "x.pcap2": [9, 20]}, [["x.pcap1", "x.pcap2", "x.pcap0"]]),
        # Left by an earlier run of the ring.
        ({"x.pcap0": [60, 70], "x.pcap1": [70, 80], "x.pcap2": [0, 9]}, [["x.pcap0", "x.pcap1"], ["x.pcap2"]]),
        ({"x.pcap": [0, 9], "x.pcap1": [], "x.pcap2": [9, 20]}, [["x.pcap", "x.pcap1", "x.pcap2"]]),
        ({"x.pcap": [], "x.pcap1": []}, [["x.pcap", "x.pcap1"]]),
        ({NIGHT: [0, 60], MORNING: [62, 70]}, [[NIGHT, MORNING]]),
        # Two runs of one script.
        ({NIGHT: [0, 9], MORNING: [60, 70]}, [[NIGHT], [MORNING]]),
    ],
    ids=["rotated", "idle", "overlapping", "missing", "wrapped", "left over", "empty", "all empty", "stamped", "apart"],
)  # fmt: skip
def test_times_confirm_it(times: dict[str, list[float]], expected: list[list[str]], tmp_path: Path) -> None:
    assert captures(tmp_path, times) == expected
