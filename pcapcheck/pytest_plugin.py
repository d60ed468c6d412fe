"""The pytest plugin: the fixture ``pcapcheck``, and captures as tests with ``pytest --pcapcheck captures``.

pytest loads it in every run of every project in whose environment pcapcheck is installed. So nothing of pcapcheck is
imported before it is used, and nothing is collected, asked or said without the option or the fixture.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from pcapcheck.policy.settings import Settings
    from pcapcheck.report.report import Report

_NAMED_SO: Final = re.compile(r".*\.(pcap|pcapng|cap|snoop)(\.(gz|bz2|xz|zst|lz4))?", re.IGNORECASE)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("pcapcheck", "packet captures")
    group.addoption(
        "--pcapcheck", action="store_true", help="Collect captures too: one test a file, its handshakes must be right."
    )
    parser.addini("pcapcheck_ignore", "Rules that are not asked, instead of those of the policy file.", type="args")
    parser.addini("pcapcheck_fail_on", "The least severity that fails: error, warning, note, info or never.")


class Captures:
    """What the fixture ``pcapcheck`` gives: the project's policy, applied to captures."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def check(
        self,
        paths: str | PathLike[str] | Sequence[str | PathLike[str]],
        *,
        select: Sequence[str] = (),
        ignore: Sequence[str] = (),
        expect: Sequence[str] = (),
        require_handshakes: int = 1,
    ) -> Report:
        """Fail the test, with findings and ladders, unless every handshake is right; gives the report.

        The policy file that is found from pytest's root folder counts, then the ini options; ``select`` and ``ignore``
        take the place of theirs, ``expect`` is asked besides.
        """
        __tracebackhide__ = True
        from pcapcheck.testing import assert_handshakes_ok

        found = _settings(self._config, select, ignore)
        return assert_handshakes_ok(
            paths,
            policy=found.policy,
            expect=expect,
            fail_on=found["fail-on"],
            baseline=found["baseline"],
            require_handshakes=require_handshakes,
        )


@pytest.fixture
def pcapcheck(pytestconfig: pytest.Config) -> Captures:
    """Checks captures: ``pcapcheck.check(path, select=..., expect=...)`` fails the test where a handshake is wrong."""
    return Captures(pytestconfig)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> CaptureFile | None:
    if not parent.config.getoption("--pcapcheck") or not _is_capture(file_path):
        return None
    found: CaptureFile = CaptureFile.from_parent(parent, path=file_path)
    return found


class CaptureFile(pytest.File):
    """A capture."""

    def collect(self) -> Iterable[pytest.Item]:
        yield HandshakesItem.from_parent(self, name="handshakes")


class HandshakesItem(pytest.Item):
    """All handshakes of a capture."""

    def runtest(self) -> None:
        from pcapcheck.testing import assert_handshakes_ok

        found = _settings(self.config)
        assert_handshakes_ok(self._name(), policy=found.policy, fail_on=found["fail-on"], baseline=found["baseline"])

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        from pcapcheck.errors import PcapcheckError

        # Where in pcapcheck it was raised is of no interest.
        if isinstance(excinfo.value, AssertionError | PcapcheckError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, f"{self._name()}: handshakes"

    def _name(self) -> str:
        """As seen from the working directory, where it is below."""
        try:
            return self.path.relative_to(Path.cwd()).as_posix()
        except ValueError:
            return str(self.path)


def _is_capture(path: Path) -> bool:
    """By its first octets, or by its name: a file that is called a capture and is none must fail."""
    if _NAMED_SO.fullmatch(path.name):
        return True
    from pcapcheck.capture import open_capture
    from pcapcheck.errors import CaptureError

    try:
        open_capture(str(path)).close()
    except CaptureError:
        return False
    return True


def _settings(config: pytest.Config, select: Sequence[str] = (), ignore: Sequence[str] = ()) -> Settings:
    from pcapcheck.policy.settings import settings

    return settings(dict(_options(config, select, ignore)), start=str(config.rootpath))


def _options(config: pytest.Config, select: Sequence[str], ignore: Sequence[str]) -> Iterator[tuple[str, Any]]:
    from pcapcheck.policy import values

    if select:
        yield "select", tuple(select)
    if ignore or config.getini("pcapcheck_ignore"):
        yield (
            "ignore",
            tuple(ignore) or values.inside("pcapcheck_ignore", values.rules, config.getini("pcapcheck_ignore")),
        )
    if config.getini("pcapcheck_fail_on"):
        yield "fail-on", values.inside("pcapcheck_fail_on", values.fail_on, config.getini("pcapcheck_fail_on"))
