"""What the tests of outputs for CI share: captures as traffic, and what is written of them."""

from __future__ import annotations

import io
from pathlib import Path

import pcapcheck
from pcapcheck.report.output import writer
from pcapcheck.report.report import Report
from pcapcheck.report.terms import Terms
from pcapcheck.testing import parse_exchange

ROOT = Path(__file__).resolve().parents[2]

CLEAN = """
    client 192.0.2.1:40000
    server 198.51.100.2:443
    isn 1000 2000
    +0    > S  0 win 64240
    +.02  < S. 0 ack 1 win 65160
    +0    > .  1 ack 1
    +0    > F. 1 ack 1
    +.02  < F. 1 ack 2
    +0    > .  2 ack 2
"""
WRONG = """
    client 192.0.2.1:40001
    server 198.51.100.2:443
    isn 1000 2000
    +0    > S  0 win 64240
    +.02  < S. 0 ack 7 win 65160
    +4    > S  0 win 64240
"""
REFUSED = """
    client [2001:db8::1]:40002
    server [2001:db8::2]:80
    isn 1000 2000
    +0    > S  0 win 64240
    +.02  < R. 0 ack 1 win 0
"""


def capture(text: str, path: Path | str) -> str:
    """The traffic as a capture."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    parse_exchange(text).write_pcap(Path(path))
    return str(path)


def refused(attempts: int) -> str:
    """So many refused attempts, of 250 clients and a minute apart: neither a scan nor a loop of retries."""
    lines = ["server 198.51.100.2:80"]
    for number in range(attempts):
        client = f"client 192.0.2.{1 + number % 250}:{20000 + number // 250}"
        lines += [f"flow f{number}", client, f"+{60 * number} > S 0 win 64240", "+.01 < R. 0 ack 1"]
    return "\n".join(lines)


def written(report: Report, format: str, terms: Terms | None = None) -> str:
    """The report in one of the formats."""
    out = io.StringIO()
    writer(format, terms or Terms())(report, out)
    return out.getvalue()


def check(*paths: str, select: str = "HS02,OC") -> Report:
    """The report on some captures, by rules that do not change with every new one."""
    return pcapcheck.check(list(paths), select=[one for one in select.split(",") if one])
