"""Large captures in processes of their own: the same report as in threads, and an end when one is asked for."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import Any, Final

import pytest

import pcapcheck
from pcapcheck import processes
from pcapcheck.capture.frame import Damage
from pcapcheck.cli import main
from pcapcheck.errors import PcapcheckError
from pcapcheck.processes import Processes
from pcapcheck.report.report import Report

LAB: Final = Path(__file__).parent / "lab"
PATHS: Final = sorted(map(str, LAB.glob("*.pcap")))[:12]


@pytest.fixture(autouse=True)
def every_capture_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "LARGE", 0)


def nobody(octets: int) -> None:
    """Is told."""


def checked(**options: Any) -> Report:
    return pcapcheck.check(PATHS, keep="findings", map=Processes(2, nobody), **options)


def test_the_report_is_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    printed = []
    for jobs in ("1", "2", "5"):
        assert main(["check", *PATHS, "--exit-zero", "--jobs", jobs, "--verbose"]) == 0
        printed.append(capsys.readouterr().out)
    assert "12 captures" in printed[0]
    assert printed.count(printed[0]) == 3


def test_they_are_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[int] = []
    pool = processes.ProcessPoolExecutor

    def begin(*arguments: Any) -> Any:
        begun.append(arguments[0])
        return pool(*arguments)

    monkeypatch.setattr(processes, "ProcessPoolExecutor", begin)
    assert checked().summary() == pcapcheck.check(PATHS).summary()
    assert begun == [2]
    # Not where all handshakes would be copied, and not for a single file.
    pcapcheck.check(PATHS, map=Processes(2, nobody))
    pcapcheck.check(PATHS[:1], keep="totals", map=Processes(2, nobody))
    assert begun == [2]


def test_files_that_may_be_parts_of_one_are_put_together(tmp_path: Path) -> None:
    paths = [str(shutil.copy(PATHS[0], tmp_path / f"x.pcap{number}")) for number in ("", "1")]
    one, two = (pcapcheck.check(paths, keep="totals", map=map) for map in (map, Processes(2, nobody)))
    assert one.summary() == two.summary()


def test_what_is_read_is_told() -> None:
    told: list[int] = []
    pcapcheck.check(PATHS, keep="totals", map=Processes(2, told.append))
    assert sum(told) == sum(os.path.getsize(path) for path in PATHS)


def test_it_ends_when_it_is_asked_to() -> None:
    def stop(octets: int) -> None:
        raise KeyboardInterrupt

    report = pcapcheck.check(PATHS * 20, keep="totals", map=Processes(2, stop))
    assert report.interrupted
    assert len(report.capture_facts) < len(PATHS * 20)


def test_what_progress_raises_is_raised() -> None:
    def fail(octets: int) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        pcapcheck.check(PATHS, keep="totals", map=Processes(2, fail))


def test_a_damaged_file_does_not_end_the_others(tmp_path: Path) -> None:
    (tmp_path / "cut.pcap").write_bytes(Path(PATHS[0]).read_bytes()[:-3])
    (tmp_path / "none.pcap").write_bytes(b"nothing of the kind")
    paths = [*PATHS[:2], *map(str, sorted(tmp_path.iterdir()))]
    report = pcapcheck.check(paths, keep="totals", map=Processes(2, nobody))
    assert [error.path for error in report.errors] == [str(tmp_path / "none.pcap")]
    assert [isinstance(facts.damage, Damage) for facts in report.capture_facts] == [False, False, True, False]


class Killed:
    """What ends the process that it comes to."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _end, ()


def _end() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_a_process_that_is_ended_from_outside_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PcapcheckError, match="fewer --jobs"):
        pcapcheck.check(PATHS, keep="totals", map=Processes(2, nobody), decoder=Killed())  # type: ignore[arg-type]
