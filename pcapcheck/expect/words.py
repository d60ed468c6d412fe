"""The words of the language. `docs/expectations.md` lists them; a test holds it to this file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pcapcheck.tables import FAILED, OUTCOMES

# What can be counted: a name and the outcomes that it covers; no outcome: every handshake.
COUNTS: Final[Mapping[str, tuple[str, ...]]] = {
    "handshakes": (),
    **{name: (name,) for name in OUTCOMES},
    "failed": FAILED,
    "decided": ("established", *FAILED),
    "undecided": tuple(name for name in OUTCOMES if name != "established" and name not in FAILED),
}

# What an attempt of an undecided outcome may have come to outside this capture. The flow of a `midstream` row was
# opened before the capture and a `stray` belongs to no attempt: these came to nothing else.
_ANY: Final = frozenset({"established", *FAILED})
MAY_BE: Final[Mapping[str, frozenset[str]]] = {
    "pending": _ANY,
    "one-sided": _ANY,
    "partial": frozenset({"established", "client-only"}),
}

MEASURES: Final = ("server_rtt", "client_rtt", "handshake_rtt")

# `p` with a number is a quantile: p95, p99.9.
STATISTICS: Final = ("median", "mean", "min", "max", "count")

# What can be offered: the words, in lower case, and the column after `client_` or `server_`.
OPTIONS: Final[Mapping[str, str]] = {
    "sack": "sack_permitted",
    "timestamps": "timestamps",
    "window scaling": "wscale",
    "mss": "mss",
    "ecn": "ecn",
    "fast open": "fast_open",
    "mptcp": "mptcp",
}
# Those with a number that can be compared.
VALUED: Final = ("mss", "window scaling")

QUANTIFIERS: Final = ("every", "no", "some")
SUBJECTS: Final = ("handshake", "client", "server")
OPERATORS: Final = ("<", "<=", ">", ">=", "==", "!=")

# Nanoseconds.
UNITS: Final[Mapping[str, int]] = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "min": 60 * 10**9}
