"""What is written on the command line: times to the nanosecond, addresses, ports, outputs."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapcheck.arguments import Moment, moment, octets, outputs, window, words
from pcapcheck.errors import UsageError
from pcapcheck.window import EVERYTHING, Window


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:01Z", Moment(10**9)),
        ("1970-01-01", Moment(0)),
        ("1970-01-01 00:01", Moment(60 * 10**9)),
        ("1970-01-01T01:00:00+01:00", Moment(0)),
        ("2026-01-31T12:00:00.123456789Z", Moment(1769860800123456789)),
        ("2026-01-31T12:00:00.123456789", Moment(1769860800123456789)),
        ("2026-01-31T12:00:00,5+02:00", Moment(1769853600500000000)),
        ("1969-12-31T23:59:59.9Z", Moment(-(10**8))),
        ("0", Moment(0)),
        ("1769860800.000000001", Moment(1769860800000000001)),
        ("+10s", Moment(10 * 10**9, after_start=True)),
        ("+0.000000001s", Moment(1, after_start=True)),
        ("+1.5m", Moment(90 * 10**9, after_start=True)),
        ("+100ms", Moment(10**8, after_start=True)),
        ("+2h", Moment(7200 * 10**9, after_start=True)),
    ],
)
def test_moment(text: str, expected: Moment) -> None:
    assert moment(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1", 1), ("500k", 500_000), ("500K", 500_000), ("2.5G", 2_500_000_000), ("1T", 10**12), ("0.0005k", None)]
    + [(text, None) for text in ("", "0", "-1", "1e3", "10MB", "10 M", "1,5M", "k", "\u0661", "9" * 30)],
)
def test_octets(text: str, expected: int | None) -> None:
    if expected is None:
        with pytest.raises(UsageError, match="is no number of octets"):
            octets(text)
    else:
        assert octets(text) == expected


@given(st.integers(0, 2**63 - 1))
def test_seconds_since_the_epoch_are_exact(ns: int) -> None:
    assert moment(f"{ns // 10**9}.{ns % 10**9:09}") == Moment(ns)


@pytest.mark.parametrize("text", ["", "10s", "-5", "+10", "+s", "+10 s", "2026-13-01", "noon", "1.0000000001", "nan"])
def test_no_moment(text: str) -> None:
    with pytest.raises(UsageError, match="is no time"):
        moment(text)


def test_window() -> None:
    assert window() is EVERYTHING
    assert window("+1s", "1970-01-01T00:00:05Z", ["192.0.2.7/24,2001:db8::1"], ["80, 443", "8080"]) == Window(
        until=5 * 10**9,
        since_start=10**9,
        hosts=(ip_network("192.0.2.0/24"), ip_network("2001:db8::1/128")),
        ports=(80, 443, 8080),
    )


@pytest.mark.parametrize("port", ["65536", "-1", "80-90", "http", "٣"])
def test_no_port(port: str) -> None:
    with pytest.raises(UsageError, match="a port is a number"):
        window(ports=[port])


def test_words() -> None:
    assert words(["HS02, OC", "", "CAP01,"]) == ["HS02", "OC", "CAP01"]


def test_outputs() -> None:
    assert outputs(["csv:a.csv", "text:b:c"]) == [("csv", "a.csv"), ("text", "b:c")]
    with pytest.raises(UsageError, match=r"a\.csv is written already"):
        outputs(["csv:a.csv", "jsonl:a.csv"])
