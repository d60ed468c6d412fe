"""Quantities that may be known only between two bounds, and comparisons that may be undecidable.

A capture may end before an attempt is settled, and a repeated SYN leaves a round-trip time open (Karn's ambiguity).
So a quantity is the least and the most that it can have been, and a comparison answers yes, no or None: it cannot be
told. Bounds are sound, not always tight: two quantities that depend on the same unsettled attempt vary as if apart.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple


class Bounds(NamedTuple):
    """The least and the most, both possible."""

    least: Fraction
    most: Fraction

    @property
    def exact(self) -> bool:
        """Whether it is known."""
        return self.least == self.most


# None: it has no value, as a quantile of nothing.
Value = Bounds | None


def known(value: int | Fraction) -> Bounds:
    """A value that is known."""
    return Bounds(Fraction(value), Fraction(value))


def arithmetic(operator: str, left: Value, right: Value) -> Value:
    """The bounds of a sum, difference, product or quotient; none where the divisor may be 0."""
    if left is None or right is None:
        return None
    if operator == "+":
        return Bounds(left.least + right.least, left.most + right.most)
    if operator == "-":
        return Bounds(left.least - right.most, left.most - right.least)
    if operator == "*":
        corners = [one * other for one in left for other in right]
    elif right.least <= 0 <= right.most:
        return None
    else:
        corners = [one / other for one in left for other in right]
    return Bounds(min(corners), max(corners))


def compare(left: Value, operator: str, right: Value) -> bool | None:
    """Whether the comparison holds, whatever the quantities were between their bounds; None where that matters."""
    if left is None or right is None:
        return None
    if operator in (">", ">="):
        left, operator, right = right, {">": "<", ">=": "<="}[operator], left
    if operator == "<":
        return _told(left.most < right.least, left.least >= right.most)
    if operator == "<=":
        return _told(left.most <= right.least, left.least > right.most)
    apart = left.most < right.least or right.most < left.least
    same = left.exact and right.exact and left == right
    return _told(same, apart) if operator == "==" else _told(apart, same)


def _told(holds: bool, fails: bool) -> bool | None:
    return True if holds else False if fails else None
