"""The pytest plugin, as other projects meet it: a pytest of its own in a folder of its own."""

from __future__ import annotations

import shutil
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from pcapcheck.testing import parse_exchange

pytest_plugins = ["pytester"]

SAMPLES = Path(__file__).resolve().parents[2] / "sample_captures"
WRONG = "+0 > S 0\n+.02 < S. 0 ack 7"


@pytest.fixture(autouse=True)
def project(pytester: pytest.Pytester) -> Path:
    """captures/good.pcap, captures/bad.pcap, and a test that knows nothing of captures."""
    folder = pytester.path / "captures"
    folder.mkdir()
    shutil.copy(SAMPLES / "close_four_way.pcap", folder / "good.pcap")
    parse_exchange(WRONG).write_pcap(folder / "bad.pcap")
    pytester.makepyfile(test_other="def test_other(): pass")
    return folder


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return pytester.runpytest_subprocess("-p", "no:cacheprovider", *arguments)


def test_it_is_installed_under_its_name() -> None:
    (found,) = entry_points(group="pytest11", name="pcapcheck")
    assert found.value == "pcapcheck.pytest_plugin"


def test_captures_are_collected_only_when_asked_for(pytester: pytest.Pytester) -> None:
    run(pytester).assert_outcomes(passed=1)
    run(pytester, "captures").assert_outcomes()
    run(pytester, "--pcapcheck").assert_outcomes(passed=2, failed=1)
    run(pytester, "--pcapcheck", "captures").assert_outcomes(passed=1, failed=1)
    run(pytester, "--pcapcheck", "captures/good.pcap").assert_outcomes(passed=1)


def test_what_a_failed_capture_shows(pytester: pytest.Pytester) -> None:
    result = run(pytester, "--pcapcheck", "captures", "-v")
    result.stdout.fnmatch_lines(
        [
            "captures/bad.pcap::handshakes FAILED *",
            "captures/good.pcap::handshakes PASSED *",
            "*_ captures/bad.pcap: handshakes _*",
            "captures/bad.pcap:frame 2: error HS02 192.0.2.1:49152 -> 198.51.100.2:80 SYN-ACK acknowledges 1007,"
            " expected 1001 (6 too high)",
            "handshake 1: *",
            "*ack 1007 (7) !!*",
        ]
    )
    result.stdout.no_fnmatch_line("*assertions.py*")


def test_a_file_that_is_called_a_capture_and_is_none(pytester: pytest.Pytester, project: Path) -> None:
    (project / "pointer.pcap").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    shutil.copy(project / "good.pcap", project / "no_suffix")
    (project / "notes.txt").write_text("nothing\n")
    result = run(pytester, "--pcapcheck", "captures", "--deselect", "captures/bad.pcap::handshakes")
    result.assert_outcomes(passed=2, failed=1, deselected=1)
    result.stdout.fnmatch_lines(["*captures/pointer.pcap: *git lfs pull*"])


def test_the_policy_file_counts(pytester: pytest.Pytester) -> None:
    (pytester.path / "pcapcheck.toml").write_text('ignore = ["HS02", "OC"]\nexpect = ["established >= 1"]\n')
    result = run(pytester, "--pcapcheck", "captures")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["captures/bad.pcap:*error EX01 expected established >= 1, found 0*"])
    (pytester.path / "pcapcheck.toml").write_text('[severity]\nHS02 = "note"\n')
    run(pytester, "--pcapcheck", "captures").assert_outcomes(passed=2)
    (pytester.path / "pcapcheck.toml").write_text('[severity]\nHS99 = "note"\n')
    result = run(pytester, "--pcapcheck", "captures/good.pcap")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*pcapcheck.toml: severity.HS99: needed a rule, *did you mean HS*"])


def test_ini_options(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\npcapcheck_ignore = HS02 OC\n")
    run(pytester, "--pcapcheck", "captures").assert_outcomes(passed=2)
    pytester.makeini("[pytest]\npcapcheck_fail_on = never\n")
    run(pytester, "--pcapcheck", "captures").assert_outcomes(passed=2)
    pytester.makeini("[pytest]\npcapcheck_fail_on = eror\n")
    result = run(pytester, "--pcapcheck", "captures/good.pcap")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["pcapcheck_fail_on: needed one of *did you mean error?"])


def test_the_fixture(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        def test_good(pcapcheck):
            report = pcapcheck.check("captures/good.pcap", expect=["max(server_rtt) < 1s"])
            assert report.outcomes() == {"established": 1}

        def test_bad(pcapcheck):
            pcapcheck.check("captures/bad.pcap", select=["HS02"])

        def test_ignored(pcapcheck):
            pcapcheck.check("captures/bad.pcap", ignore=["HS", "OC"])

        def test_expectation(pcapcheck):
            pcapcheck.check("captures/good.pcap", expect=["refused > 0"])
        """
    )
    result = run(pytester)
    result.assert_outcomes(passed=3, failed=2)
    result.stdout.fnmatch_lines(
        [
            "E * captures/bad.pcap:frame 2: error HS02 *",
            "E * captures/good.pcap:frame 1: error EX01 expected refused > 0, *",
        ]
    )


def test_it_can_be_left_out(pytester: pytest.Pytester) -> None:
    result = run(pytester, "-p", "no:pcapcheck", "--pcapcheck")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*unrecognized arguments: --pcapcheck*"])
    run(pytester, "-p", "no:pcapcheck").assert_outcomes(passed=1)


def test_another_projects_run_imports_nothing_of_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_modules():
            loaded = {name for name in sys.modules if name.partition(".")[0] == "pcapcheck"}
            assert loaded == {"pcapcheck", "pcapcheck._version", "pcapcheck.pytest_plugin"}
            assert "numpy" not in sys.modules
        """
    )
    run(pytester, "-p", "no:hypothesispytest").assert_outcomes(passed=2)


def test_strict_projects_are_not_disturbed(pytester: pytest.Pytester) -> None:
    run(pytester, "--strict-markers", "--strict-config", "-W", "error").assert_outcomes(passed=1)
