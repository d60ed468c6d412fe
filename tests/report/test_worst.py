"""Which findings are shown, of many: all kinds before the second of one, the same on every run."""

from __future__ import annotations

from typing import Final

import pytest

import pcapcheck
from pcapcheck.report.report import Report
from pcapcheck.report.servers import servers
from pcapcheck.report.worst import worst_findings
from pcapcheck.testing import parse_exchange

WRONG: Final = "+.001 > S 0:0(0) win 64240\n+.001 < S. 0:0(0) ack 7 win 65160"
REFUSED: Final = "+.001 > S 0:0(0) win 64240\n+.001 < R. 0:0(0) ack 1 win 0"
RIGHT: Final = "+.001 > S 0:0(0) win 64240\n+.001 < S. 0:0(0) ack 1 win 65160\n+.001 > . 1:1(0) ack 1"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Of server 1 fifty wrong answers, of server 2 five, of server 3 one; server 4 refuses, 5 and 6 are right."""
    kinds = [(1, WRONG)] * 50 + [(2, WRONG)] * 5 + [(3, WRONG)] + [(4, REFUSED)] * 9 + [(5, RIGHT)] * 2 + [(6, RIGHT)]
    text = "\n".join(
        f"flow f{number}\nclient 192.0.2.1:{1024 + number}\nserver 198.51.100.{server}:80\n{lines}"
        for number, (server, lines) in enumerate(kinds)
    )
    path = tmp_path_factory.mktemp("worst") / "x.pcap"
    parse_exchange(text).write_pcap(path)
    return pcapcheck.check(str(path), select=["HS02", "OC01"])


def servers_of(report: Report, rule: str, **most: int) -> list[int]:
    (group,) = [one for one in worst_findings(report, **most) if one.rule.id == rule]
    handshakes = report.traffics[0].handshakes
    return [handshakes.server_address[finding.handshake][-1] for finding in group.shown]


def test_one_of_each_kind_comes_before_the_second_of_any(report: Report) -> None:
    assert servers_of(report, "HS02", most=8) == [1, 2, 3, 1, 2, 1, 2, 1]


def test_of_each_rule_some_are_shown_and_errors_take_the_rest(report: Report) -> None:
    shown = {one.rule.id: (len(one.shown), one.total, one.hidden) for one in worst_findings(report, total=20)}
    assert shown == {"HS02": (17, 56, 39), "OC01": (3, 9, 6)}
    shown = {one.rule.id: (len(one.shown), one.total, one.hidden) for one in worst_findings(report, total=4)}
    assert shown == {"HS02": (3, 56, 53), "OC01": (1, 9, 8)}


def test_all_where_there_is_room(report: Report) -> None:
    assert [(one.rule.id, one.hidden) for one in worst_findings(report, most=100)] == [("HS02", 0), ("OC01", 0)]
    assert sum(len(one.shown) for one in worst_findings(report, most=100)) == len(report.all_findings)


def test_a_finding_by_itself_is_the_one_of_the_list(report: Report) -> None:
    listed = set(report.all_findings)
    assert {finding for one in worst_findings(report, most=100) for finding in one.shown} == listed


def test_servers_with_the_most_failures_come_first(report: Report) -> None:
    found, total = servers(report)
    assert total == 6
    assert [(one.name, one.failed, one.established) for one in found] == [
        ("198.51.100.1:80", 50, 0), ("198.51.100.4:80", 9, 0), ("198.51.100.2:80", 5, 0), ("198.51.100.3:80", 1, 0),
        ("198.51.100.5:80", 0, 2), ("198.51.100.6:80", 0, 1),
    ]  # fmt: skip
    assert (found[0].mostly, found[1].mostly, found[4].mostly) == ("invalid", "refused", "")
    assert (found[4].rtts, found[4].p50, found[4].p95) == (2, 1_000_000, 1_000_000)
    assert len(servers(report, most=2)[0]) == 2
