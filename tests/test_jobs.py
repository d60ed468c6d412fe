"""Several captures at the same time: the results in order, and no more begun than are asked for."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Final

import pytest

import pcapcheck
from pcapcheck.cli import main
from pcapcheck.jobs import in_order

SAMPLES: Final = Path(__file__).parent.parent / "sample_captures"


@pytest.mark.parametrize("jobs", [1, 2, 3, 10])
def test_results_are_in_order_whoever_is_done_first(jobs: int) -> None:
    done = [threading.Event() for _ in range(6)]

    def work(number: int) -> int:
        if jobs > 1 and number % 2 == 0 and number + 1 < len(done):
            done[number + 1].wait(10)  # the next one is done before it
        done[number].set()
        return number * number

    assert list(in_order(work, range(6), jobs)) == [0, 1, 4, 9, 16, 25]


def test_no_more_are_begun_than_jobs_ahead() -> None:
    begun: list[int] = []
    results = in_order(lambda number: begun.append(number) or number, range(100), 3)
    assert next(results) == 0
    results.close()
    assert len(begun) <= 3


def test_what_one_raises_is_raised_in_its_place() -> None:
    def work(number: int) -> int:
        if number == 1:
            raise ValueError("1")
        return number

    results = in_order(work, range(5), 2)
    assert next(results) == 0
    with pytest.raises(ValueError, match="1"):
        next(results)


def test_the_report_is_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    printed = []
    for jobs in ("1", "2", "8"):
        assert main(["check", str(SAMPLES), "--exit-zero", "--jobs", jobs, "--format", "jsonl"]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0]
    assert printed.count(printed[0]) == 3
    one, two = (pcapcheck.check(SAMPLES, jobs=jobs).summary() for jobs in (1, 2))
    assert one == two


def test_no_jobs_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(SAMPLES), "--jobs", "0"]) == 2
    assert "--jobs" in capsys.readouterr().err
