"""Any text either is an expectation that can be asked, or an error with its column. There is nothing else."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pcapcheck.errors import ExpressionError
from pcapcheck.expect import words
from pcapcheck.expect.ask import Asked, ask
from pcapcheck.expect.evaluate import evaluate
from pcapcheck.expect.parser import parse
from pcapcheck.expect.population import Population
from pcapcheck.rules import Findings
from pcapcheck.stretch import CaptureFacts
from pcapcheck.traffic import Traffic
from tests.expect.traffic import TRAFFIC
from tests.rows import traffic_of_exchange

WORDS = [
    *words.COUNTS, *words.MEASURES, *words.STATISTICS, *words.OPTIONS, *words.QUANTIFIERS, *words.SUBJECTS,
    *words.OPERATORS, "p95", "p0.1", "overall", "from", "to", "port", "in", "is", "not", "has", "offers", "(", ")",
    ",", "+", "-", "*", "/", "0", "1", "443", "3.5", "1%", "80ms", "2s", '"80ms"', '"192.0.2.0/24"', '"*.pcap"',
    "'1us'", "=", '"', "'", "µs", "\n", "999999999999999min",
]  # fmt: skip

SOUP = st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join)

numbers = st.sampled_from(["0", "1", "3", "12.5", "1%", "250%"])
times = st.sampled_from(["0ms", "20ms", '"1.5 s"', "999999999999999min", "1ns"])
filters = st.sampled_from(
    ["", ' to "198.51.100.0/24"', ' from "192.0.2.1", "2001:db8::/32"', " port 443", " to port 80, 443"]
)
counts = st.builds("{}{}".format, st.sampled_from(list(words.COUNTS)), filters)
statistics = st.builds(
    "{}({}){}".format,
    st.sampled_from(["p1", "p50", "p99.9", "median", "mean", "min", "max"]),
    st.sampled_from(words.MEASURES),
    filters,
)


def put_together(kind: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.recursive(kind, lambda one: st.builds("({} {} {})".format, one, st.sampled_from("+-"), one), max_leaves=5)


operators = st.sampled_from(words.OPERATORS)
comparisons = st.one_of(
    st.builds("{} {} {}".format, side, operators, side)
    for side in (
        put_together(st.one_of(numbers, counts)),
        put_together(st.one_of(times, statistics)),
        st.builds("{} / {} * {}".format, put_together(counts), put_together(counts), numbers),
        st.builds("{} / {}".format, put_together(statistics), put_together(statistics)),
    )
)
predicates = st.one_of(
    st.builds("is {}{}".format, st.sampled_from(["", "not "]), st.sampled_from([*words.COUNTS][1:])),
    st.builds("has {} {} {}".format, st.sampled_from(words.MEASURES), operators, times),
    st.builds("offers {}".format, st.sampled_from(list(words.OPTIONS))),
    st.builds(
        "offers {} {} {}".format, st.sampled_from(words.VALUED), operators, st.sampled_from(["0", "7.5", "1400"])
    ),
)
statements = st.builds(
    "{} {}{} {}".format, st.sampled_from(words.QUANTIFIERS), st.sampled_from(words.SUBJECTS), filters, predicates
)
SENTENCES = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "overall "]),
    st.one_of(comparisons, statements),
    st.sampled_from(["", ' in "*"']),
)


@pytest.fixture(scope="module")
def traffics() -> list[Traffic]:
    return [traffic_of_exchange(text) for text in ("+0 arp", *TRAFFIC)]


def asked(text: str, traffics: list[Traffic]) -> None:
    """It has an answer for every capture, and its findings can be written."""
    expectation = parse(text)
    for traffic in traffics:
        outcome = evaluate(expectation, Population([traffic], [0]))
        assert outcome.holds in (True, False, None)
        assert outcome.found
    facts = [CaptureFacts(f"{number}.pcap") for number in range(len(traffics))]
    for finding in Findings(ask([Asked(expectation)], traffics, facts, lambda path, patterns: True)):
        assert "\n" not in finding.message
        assert expectation.text in finding.message


@given(st.one_of(st.text(), SOUP, SENTENCES.map(lambda text: text[:-1]), SENTENCES.map(lambda text: text[1:])))
@example('refused to "fe80::1%eth0/64" == 0')
@example("p0(server_rtt) < 1ms")
@example("\x00")
@example("1" * 3000)
@example("every handshake to port")
def test_any_text(traffics: list[Traffic], text: str) -> None:
    refused = None
    try:
        asked(text, traffics)
    except ExpressionError as error:
        refused = error
    if refused is not None:
        assert 1 <= refused.column <= len(text) + 1
        assert refused.needed
        assert refused.found
        assert f"column {refused.column}: " in str(refused)


@given(SENTENCES)
def test_every_sentence_of_the_grammar_is_understood(traffics: list[Traffic], text: str) -> None:
    asked(text, traffics)


@given(SENTENCES)
def test_what_is_read_back_is_the_same(text: str) -> None:
    once = parse(text)
    assert parse(once.text) == once
