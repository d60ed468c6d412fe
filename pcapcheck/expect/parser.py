"""Reads an expectation: a parser by recursive descent, one function a rule of the grammar in docs/expectations.md."""

from __future__ import annotations

from fractions import Fraction
from ipaddress import ip_network
from typing import Final

from pcapcheck.expect.scanner import Scanner
from pcapcheck.expect.tree import (
    Arithmetic,
    Comparison,
    Count,
    Expectation,
    Filters,
    Has,
    Is,
    Network,
    Number,
    Offers,
    Predicate,
    Quantity,
    Statement,
    Statistic,
)
from pcapcheck.expect.words import COUNTS, MEASURES, OPERATORS, OPTIONS, QUANTIFIERS, STATISTICS, SUBJECTS, VALUED

_DEEPEST: Final = 20  # brackets in brackets
_MOST: Final = 50  # quantities in one expectation
_OPERATOR: Final = "a comparison (<, <=, >, >=, == or !=)"
_OPTION: Final = "an option: SACK, timestamps, window scaling, MSS, ECN, fast open or MPTCP"


def parse(text: str) -> Expectation:
    """What the text says. Raises ExpressionError, with the column, where it is not in the language."""
    return _Parser(text).expectation()


class _Parser:
    def __init__(self, text: str) -> None:
        self._scan = Scanner(text)
        self._depth = 0
        self._quantities = 0
        self._percent = False

    def expectation(self) -> Expectation:
        scan = self._scan
        overall = bool(scan.accept("overall"))
        quantifier = scan.accept(*QUANTIFIERS)
        what = self._statement(quantifier) if quantifier else self._comparison()
        within = tuple(self._strings("a pattern of file names")) if scan.accept("in") else ()
        if scan.token.kind != "end":
            scan.unexpected('the end, or in "captures/*.pcap"')
        return Expectation(" ".join(scan.text.split()), what, overall, within)

    # A comparison of quantities.

    def _comparison(self) -> Comparison:
        scan = self._scan
        left = self._sum()
        at = scan.token.at
        operator = scan.expect(OPERATORS, _OPERATOR)
        right = self._sum()
        if left.is_time != right.is_time:
            scan.fail(at, "two times or two numbers", f"{_kind(left)} and {_kind(right)}", 'a time is written "80ms"')
        return Comparison(left, operator, right, self._percent)

    def _sum(self) -> Quantity:
        scan = self._scan
        left = self._product()
        while True:
            at = scan.token.at
            operator = scan.accept("+", "-")
            if not operator:
                return left
            right = self._product()
            if left.is_time != right.is_time:
                scan.fail(at, "two times or two numbers", f"{_kind(left)} and {_kind(right)}")
            left = Arithmetic(operator, left, right, left.is_time)

    def _product(self) -> Quantity:
        scan = self._scan
        left = self._factor()
        while True:
            at = scan.token.at
            operator = scan.accept("*", "/")
            if not operator:
                return left
            right = self._factor()
            if operator == "*" and left.is_time and right.is_time:
                scan.fail(at, "a time and a number", "two times")
            if operator == "/" and right.is_time and not left.is_time:
                scan.fail(at, "a time before the stroke, or none behind it", "a number and a time")
            if operator == "/" and isinstance(right, Number) and not right.value:
                scan.fail(at, "a number other than 0 behind the stroke", right.text)
            left = Arithmetic(operator, left, right, left.is_time != right.is_time)

    def _factor(self) -> Quantity:
        scan = self._scan
        token = scan.token
        self._quantities += 1
        if self._quantities > _MOST:
            scan.fail(token.at, f"at most {_MOST} quantities", "one more")
        if token.kind == "number":
            scan.take()
            self._percent |= token.unit == "%"
            return Number(token.text, scan.number(token), token.unit not in ("", "%"))
        if token.kind == "string":
            scan.take()
            return Number(token.text, scan.time(token), True)
        if token.text == "(":
            return self._bracketed()
        if token.kind == "quantile" or token.text.lower() in STATISTICS:
            return self._statistic()
        name = (
            scan.expect(COUNTS, "a number, a time, a count as refused, or a statistic as p95(server_rtt)")
            if token.kind == "word"
            else scan.unexpected("a quantity, as refused, p95(server_rtt) or 80ms")
        )
        filters = self._filters()
        return Count(self._since(token.at), COUNTS[name], filters)

    def _bracketed(self) -> Quantity:
        scan = self._scan
        if self._depth == _DEEPEST:
            scan.fail(scan.token.at, f"at most {_DEEPEST} brackets in each other", "one more")
        scan.take()
        self._depth += 1
        inner = self._sum()
        self._depth -= 1
        scan.expect(")", "a closing bracket")
        return inner

    def _statistic(self) -> Statistic:
        scan = self._scan
        token = scan.take()
        name, percent = token.text.lower(), Fraction(50)
        if token.kind == "quantile":
            name, percent = "quantile", scan.number(token)
            if not 0 < percent < 100:
                scan.fail(token.at, "a quantile above p0 and below p100", repr(token.text), "there are min and max")
        elif name == "median":
            name = "quantile"
        scan.expect("(", "( and a round-trip time")
        measure = scan.expect(MEASURES, "server_rtt, client_rtt or handshake_rtt")
        scan.expect(")", "a closing bracket")
        filters = self._filters()
        return Statistic(self._since(token.at), name, percent, measure, filters, is_time=name != "count")

    # A statement about handshakes.

    def _statement(self, quantifier: str) -> Statement:
        scan = self._scan
        subject = scan.expect(SUBJECTS, "handshake, client or server")
        filters = self._filters()
        verb = scan.expect(("is", "has", "offers"), "a filter (from, to, port), or is, has or offers")
        predicate: Predicate
        if verb == "is":
            negated = bool(scan.accept("not"))
            name = scan.expect(
                [name for name in COUNTS if name != "handshakes"], "an outcome, as established or refused"
            )
            predicate = Is(COUNTS[name], negated)
        elif verb == "has":
            measure = scan.expect(MEASURES, "server_rtt, client_rtt or handshake_rtt")
            predicate = Has(measure, scan.expect(OPERATORS, _OPERATOR), self._time())
        else:
            predicate = self._offers()
        return Statement(quantifier, subject, filters, predicate)

    def _time(self) -> Number:
        scan = self._scan
        token = scan.token
        if token.kind == "string":
            scan.take()
            return Number(token.text, scan.time(token), True)
        if token.kind == "number" and token.unit not in ("", "%"):
            scan.take()
            return Number(token.text, scan.number(token), True)
        scan.unexpected('a time, as "80ms"')

    def _offers(self) -> Offers:
        scan = self._scan
        first = {option.split()[0] for option in OPTIONS}
        word = scan.expect(first, _OPTION)
        second = [option.split()[1] for option in OPTIONS if option.startswith(f"{word} ")]
        option = " ".join([word, *(scan.expect([follows], f"{word} {follows}") for follows in second)])
        operator = scan.accept(*OPERATORS)
        if not operator:
            return Offers(option)
        if option not in VALUED:
            scan.fail(
                scan.previous_end - len(operator), "no comparison: only MSS and window scaling have a number", operator
            )
        token = scan.token
        if token.kind != "number" or token.unit:
            scan.unexpected("a number")
        scan.take()
        return Offers(option, operator, Number(token.text, scan.number(token)))

    # Which handshakes are meant.

    def _filters(self) -> Filters:
        scan = self._scan
        said: dict[str, tuple[Network, ...]] = {}
        ports: tuple[int, ...] = ()
        while True:
            token = scan.token
            word = scan.accept("from", "to", "port")
            if not word:
                return Filters(said.get("from", ()), said.get("to", ()), ports)
            if word == "to" and scan.token.text.lower() == "port":
                token, word = scan.token, scan.accept("port")
            if word in said or (word == "port" and ports):
                scan.fail(token.at, f"{word} once", "it again", "several are separated by commas")
            if word == "port":
                ports = tuple(self._ports())
            else:
                said[word] = tuple(self._networks())

    def _ports(self) -> list[int]:
        scan = self._scan
        ports: list[int] = []
        while not ports or scan.accept(","):
            token = scan.token
            if token.kind != "number" or not token.text.isdigit() or len(token.text) > 5 or int(token.text) > 0xFFFF:
                scan.unexpected("a port, 0 to 65535")
            ports.append(int(scan.take().text))
        return ports

    def _networks(self) -> list[Network]:
        found = []
        for text, at in self._quoted('an address or a network, as "10.0.0.0/8"'):
            try:
                found.append(ip_network(text, strict=False))
            except ValueError:
                self._scan.fail(at, 'an address or a network, as "10.0.0.0/8"', f'"{text}"')
        return found

    def _strings(self, needed: str) -> list[str]:
        return [text for text, _ in self._quoted(needed)]

    def _quoted(self, needed: str) -> list[tuple[str, int]]:
        """Texts in quotation marks, separated by commas, each with its place."""
        scan = self._scan
        found: list[tuple[str, int]] = []
        while not found or scan.accept(","):
            if scan.token.kind != "string" or len(scan.token.text) == 2:
                scan.unexpected(f"{needed}, in quotation marks")
            token = scan.take()
            found.append((token.text[1:-1], token.at))
        return found

    def _since(self, start: int) -> str:
        return self._scan.text[start : self._scan.previous_end]


def _kind(quantity: Quantity) -> str:
    return "a time" if quantity.is_time else "a number"
