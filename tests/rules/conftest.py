"""A capture made of an exchange, checked as `pcapcheck check` does it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pcapcheck.report.report import Report
from pcapcheck.run import check
from pcapcheck.testing import parse_exchange


@pytest.fixture
def examine(tmp_path: Path) -> Callable[[str | bytes], Report]:
    """Checks a capture, given as an exchange or as the octets of a pcap file."""

    def report(capture: str | bytes) -> Report:
        path = tmp_path / "exchange.pcap"
        octets = parse_exchange(capture).pcap(nanoseconds=True) if isinstance(capture, str) else capture
        path.write_bytes(octets)
        return check(str(path))

    return report
