"""Numbers of one host that follow from each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random

import pytest

from pcapcheck.report.report import Report

Examine = Callable[[str | bytes], Report]

RANDOM = Random(9293)
ISNS = [RANDOM.randrange(2**32) for _ in range(40)]
PORTS = RANDOM.sample(range(1024, 65536), 40)


def syns(isns: Iterable[int], ports: Iterable[int] = PORTS, servers: int = 1, gap: float = 1) -> str:
    """One SYN for each number, each on a 4-tuple of its own."""
    return "\n".join(
        f"flow f{number} client 192.0.2.1:{port} server 198.51.100.{1 + number % servers}:80 isn {isn} 0\n"
        f"{number * gap} > S 0:0(0)"
        for number, (isn, port) in enumerate(zip(isns, ports, strict=False))
    )


def found(report: Report, rule: str) -> list[str]:
    return [finding.actual for finding in report.all_findings if finding.rule.id == rule]


@pytest.mark.parametrize(
    ("isns", "actual"),
    [
        ([77] * 20, ["the same number, 77"]),
        ([0] * 20, ["the same number, 0"]),
        ([77] * 19, []),
        (ISNS[:20], []),
        ([(n * 64000 - 300_000) % 2**32 for n in range(20)], ["a fixed step of 64000"]),
        ([isn & 0xFFFF0000 | 1234 for isn in ISNS[:20]], ["the same low 16 bits, 1234"]),
        ([n * 1_000_000 + isn % 4096 for n, isn in enumerate(ISNS[:20])], ["a counter: steps of 1000"]),
        (ISNS[:9] + [77] * 11, ["the same number, 77"]),  # a scanner beside the host's own stack
        (ISNS[:14] + [77] * 6, []),
    ],
)
def test_isns(isns: list[int], actual: list[str], examine: Examine) -> None:
    patterns = [text.partition(": ")[2] for text in found(examine(syns(isns)), "IS01")]
    assert [pattern[: len(wanted)] for pattern, wanted in zip(patterns, actual, strict=True)] == actual


def test_one_4_tuple_may_count(examine: Examine) -> None:
    """RFC 6528: on the same 4-tuple the number grows with the clock."""
    text = "\n".join(f"+200 > S {n * 50_000_000}:{n * 50_000_000}(0)" for n in range(25))
    assert found(examine(text), "IS01") == []


def test_two_roles_of_one_host(examine: Examine) -> None:
    text = "\n".join(
        f"flow f{n} client 192.0.2.{n + 1}:40000 isn {isn} 5\n{n} > S 0:0(0)\n+.02 < S. 0:0(0) ack 1\n+0 > . 1 ack 1"
        for n, isn in enumerate(ISNS[:20])
    )
    assert found(examine(text), "IS01") == ["198.51.100.2 as server, 20 of them: the same number, 5"]


@pytest.mark.parametrize(
    ("isns", "gap", "actual"),
    [
        ([5, 5], 1, ["192.0.2.1 as client on 2 4-tuples: 5"]),
        ([5, 5], 0.5, []),  # may be one SYN, captured before and after an address translation
        ([5, 5, 5], 0.1, ["192.0.2.1 as client on 3 4-tuples: 5"]),
        ([5, 6], 1, []),
    ],
)
def test_used_twice(isns: list[int], gap: float, actual: list[str], examine: Examine) -> None:
    assert found(examine(syns(isns, gap=gap)), "IS02") == actual


@pytest.mark.parametrize(
    ("ports", "servers", "actual"),
    [
        (range(50000, 50022), 2, ["192.0.2.1: 21 of 21 just above the one before"]),
        (range(50000, 50044, 2), 2, ["192.0.2.1: 21 of 21 just above the one before"]),
        (range(50000, 50022), 1, []),  # RFC 6056, algorithms 3 and 4: in a row towards one server
        (range(50000, 50019), 2, []),
        (PORTS[:22], 2, []),
        ([40000] * 22, 22, []),  # a fixed port
    ],
)
def test_ports(ports: Iterable[int], servers: int, actual: list[str], examine: Examine) -> None:
    assert found(examine(syns(ISNS, ports, servers)), "PT01") == actual
