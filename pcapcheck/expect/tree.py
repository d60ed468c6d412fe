"""What an expectation says, as a tree."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from ipaddress import IPv4Network, IPv6Network

Network = IPv4Network | IPv6Network


@dataclass(frozen=True)
class Filters:
    """Which handshakes are meant; an empty part lets all through."""

    clients: tuple[Network, ...] = ()
    servers: tuple[Network, ...] = ()
    ports: tuple[int, ...] = ()  # of the server


ALL = Filters()


@dataclass(frozen=True)
class Number:
    """A number, or a time in nanoseconds."""

    text: str
    value: Fraction
    is_time: bool = False


@dataclass(frozen=True)
class Count:
    """How many handshakes came to one of these outcomes; all of them, if there is none."""

    text: str
    outcomes: tuple[str, ...]
    filters: Filters
    is_time: bool = False


@dataclass(frozen=True)
class Statistic:
    """A statistic of one round-trip time over the handshakes of which it was measured."""

    text: str
    name: str  # of words.STATISTICS, or "quantile"
    percent: Fraction  # of a quantile
    measure: str
    filters: Filters
    is_time: bool = True


@dataclass(frozen=True)
class Arithmetic:
    """Two quantities put together by one of + - * /."""

    operator: str
    left: Quantity
    right: Quantity
    is_time: bool


Quantity = Number | Count | Statistic | Arithmetic


@dataclass(frozen=True)
class Comparison:
    """Two quantities compared by one of < <= > >= == !=."""

    left: Quantity
    operator: str
    right: Quantity
    in_percent: bool = False  # how the numbers are to be shown


@dataclass(frozen=True)
class Is:
    """The handshake came to one of these outcomes."""

    outcomes: tuple[str, ...]
    negated: bool = False


@dataclass(frozen=True)
class Has:
    """A round-trip time of the handshake, where it was measured, compares so with this one."""

    measure: str
    operator: str
    bound: Number


@dataclass(frozen=True)
class Offers:
    """The SYN or SYN-ACK offers an option, with a value that compares so."""

    option: str  # of words.OPTIONS
    operator: str = ""
    bound: Number | None = None


Predicate = Is | Has | Offers


@dataclass(frozen=True)
class Statement:
    """``every``, ``no`` or ``some`` handshake, client or server of those meant is, has or offers something."""

    quantifier: str
    subject: str
    filters: Filters
    predicate: Predicate


@dataclass(frozen=True)
class Expectation:
    """One expectation, as it was written and as it is understood."""

    text: str
    what: Comparison | Statement
    overall: bool = False  # asked once, of all captures together
    within: tuple[str, ...] = ()  # patterns of file names; of all captures, if there is none
