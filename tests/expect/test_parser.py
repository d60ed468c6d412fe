"""What the language takes, and what it says of what it does not take."""

from __future__ import annotations

from fractions import Fraction
from ipaddress import ip_network

import pytest

from pcapcheck.errors import ExpressionError
from pcapcheck.expect.parser import parse
from pcapcheck.expect.tree import (
    ALL,
    Arithmetic,
    Comparison,
    Count,
    Expectation,
    Filters,
    Has,
    Is,
    Number,
    Offers,
    Statement,
    Statistic,
)
from pcapcheck.tables import FAILED

MS = 10**6


def statistic(text: str, name: str, percent: str = "50", measure: str = "server_rtt") -> Statistic:
    return Statistic(text, name, Fraction(percent), measure, ALL, is_time=name != "count")


def of_outcome(name: str, filters: Filters = ALL, text: str = "") -> Count:
    return Count(text or name, (name,), filters)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (
            'p95(server_rtt) < "80ms"',
            Comparison(
                statistic("p95(server_rtt)", "quantile", "95"), "<", Number('"80ms"', Fraction(80 * MS), is_time=True)
            ),
        ),
        ("refused == 0", Comparison(of_outcome("refused"), "==", Number("0", Fraction(0)))),
        ("half-open>=10", Comparison(of_outcome("half-open"), ">=", Number("10", Fraction(10)))),
        (
            "P99.9( client_rtt )<=1.5s",
            Comparison(
                statistic("P99.9( client_rtt )", "quantile", "99.9", "client_rtt"),
                "<=",
                Number("1.5s", Fraction(1500 * MS), is_time=True),
            ),
        ),
        (
            "median(handshake_rtt) != 1 us",
            None,  # a unit stands beside its number
        ),
        (
            "count(server_rtt) > 3",
            Comparison(statistic("count(server_rtt)", "count"), ">", Number("3", Fraction(3))),
        ),
        (
            "failed / handshakes < 1%",
            Comparison(
                Arithmetic("/", Count("failed", FAILED, ALL), Count("handshakes", (), ALL), is_time=False),
                "<",
                Number("1%", Fraction(1, 100)),
                in_percent=True,
            ),
        ),
        (
            "refused + aborted * 2 - 1 < (refused + aborted) * 3",
            Comparison(
                Arithmetic(
                    "-",
                    Arithmetic(
                        "+",
                        of_outcome("refused"),
                        Arithmetic("*", of_outcome("aborted"), Number("2", Fraction(2)), is_time=False),
                        is_time=False,
                    ),
                    Number("1", Fraction(1)),
                    is_time=False,
                ),
                "<",
                Arithmetic(
                    "*",
                    Arithmetic("+", of_outcome("refused"), of_outcome("aborted"), is_time=False),
                    Number("3", Fraction(3)),
                    is_time=False,
                ),
            ),
        ),
        (
            'unanswered to "10.0.0.0/8", "2001:db8::/32" from "192.0.2.1" port 443, 8443 == 0',
            Comparison(
                of_outcome(
                    "unanswered",
                    Filters(
                        (ip_network("192.0.2.1/32"),),
                        (ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")),
                        (443, 8443),
                    ),
                    'unanswered to "10.0.0.0/8", "2001:db8::/32" from "192.0.2.1" port 443, 8443',
                ),
                "==",
                Number("0", Fraction(0)),
            ),
        ),
        (
            "every handshake to port 443 offers SACK",
            Statement("every", "handshake", Filters(ports=(443,)), Offers("sack")),
        ),
        (
            "some client offers window scaling >= 7",
            Statement("some", "client", ALL, Offers("window scaling", ">=", Number("7", Fraction(7)))),
        ),
        (
            'No handshake from "10.0.0.0/8" is not established',
            Statement("no", "handshake", Filters((ip_network("10.0.0.0/8"),)), Is(("established",), negated=True)),
        ),
        (
            "every handshake has client_rtt < '2ms'",
            Statement(
                "every", "handshake", ALL, Has("client_rtt", "<", Number("'2ms'", Fraction(2 * MS), is_time=True))
            ),
        ),
    ],
)
def test_meaning(text: str, what: Comparison | Statement | None) -> None:
    if what is None:
        with pytest.raises(ExpressionError):
            parse(text)
    else:
        assert parse(text) == Expectation(" ".join(text.split()), what)


def test_of_which_captures() -> None:
    found = parse('overall  refused == 0 in "captures/**", "*.pcapng"')
    assert (found.overall, found.within) == (True, ("captures/**", "*.pcapng"))
    assert found.text == 'overall refused == 0 in "captures/**", "*.pcapng"'


@pytest.mark.parametrize(
    ("text", "column", "needed", "found", "advice"),
    [
        ("", 1, "a quantity, as refused, p95(server_rtt) or 80ms", "the end", ""),
        ("refused", 8, "a comparison (<, <=, >, >=, == or !=)", "the end", ""),
        ("refused = 0", 9, "a comparison", "'='", "equality is written =="),
        (
            "refusd == 0", 1, "a number, a time, a count as refused, or a statistic as p95(server_rtt)", "'refusd'",
            "did you mean refused?",
        ),
        (
            "half_open == 0", 1, "a number, a time, a count as refused, or a statistic as p95(server_rtt)",
            "'half_open'", "did you mean half-open?",
        ),
        ("p95(rtt) < 1ms", 5, "server_rtt, client_rtt or handshake_rtt", "'rtt'", ""),
        ("p95(server_rtt < 1ms", 16, "a closing bracket", "'<'", ""),
        ("p100(server_rtt) < 1ms", 1, "a quantile above p0 and below p100", "'p100'", "there are min and max"),
        ("p95(server_rtt) < 80", 17, "two times or two numbers", "a time and a number", 'a time is written "80ms"'),
        ('refused < "80 parsec"', 11, 'a time in ns, us, µs, ms, s, min, as "80ms"', '"80 parsec"', ""),
        ("max(server_rtt) + 1 < 1s", 17, "two times or two numbers", "a time and a number", ""),
        ("refused / 0 == 1", 9, "a number other than 0 behind the stroke", "0", ""),
        ("1 / min(server_rtt) > 1", 3, "a time before the stroke, or none behind it", "a number and a time", ""),
        ("80msx < 1s", 1, "a number, or a time in ns, us, µs, ms, s, min", "'80msx'", ""),
        ("refused to 10.0.0.1 == 0", 12, "a number, or a time in ns, us, µs, ms, s, min", "'10.0.0.1'", ""),
        ('refused to "10.0.0.300" == 0', 12, 'an address or a network, as "10.0.0.0/8"', '"10.0.0.300"', ""),
        ("refused port 70000 == 0", 14, "a port, 0 to 65535", "'70000'", ""),
        ("refused port 1 port 2 == 0", 16, "port once", "it again", "several are separated by commas"),
        ('refused == 0 in "a', 17, "the end of the text in quotation marks", "none", ""),
        ('refused == 0 in ""', 17, "a pattern of file names, in quotation marks", '""', ""),
        ("refused == 0 and aborted == 0", 14, 'the end, or in "captures/*.pcap"', "'and'", ""),
        ("every server", 13, "a filter (from, to, port), or is, has or offers", "the end", ""),
        ("every handshake is open", 20, "an outcome, as established or refused", "'open'", "did you mean half-open?"),
        ("every client offers window", 27, "window scaling", "the end", ""),
        (
            "every client offers SACK > 1", 26, "no comparison: only MSS and window scaling have a number", ">", "",
        ),
        ("every client has server_rtt < 80", 31, 'a time, as "80ms"', "'80'", ""),
        ("refused == 0;", 13, "a word, a number or a sign", "';'", ""),
        ("refused == 1234567890123456", 12, "a number of at most 15 digits", "16", ""),
    ],
)  # fmt: skip
def test_refused_with_a_column(text: str, column: int, needed: str, found: str, advice: str) -> None:
    with pytest.raises(ExpressionError) as raised:
        parse(text)
    error = raised.value
    assert (error.text, error.column, error.needed, error.found, error.advice) == (text, column, needed, found, advice)


def test_what_is_too_large_is_refused_before_it_costs_anything() -> None:
    for text, column in (
        ("(" * 900 + "refused" + ")" * 900 + " == 0", 21),
        ("1" + "+1" * 900 + " == 0", 101),
        (" " * 3000 + "refused == 0", 2001),
    ):
        with pytest.raises(ExpressionError) as raised:
            parse(text)
        assert raised.value.column == column
