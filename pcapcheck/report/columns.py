"""The handshakes as columns, a batch at a time in order of ``handshake_id``: what tables of any size are written from.

There is no Python object for a row. Integers are int64 (ABSENT where there is none, NO_TIME of a time), categories and
booleans their numbers; words are numbers too, and the list in which these count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np

from pcapcheck.report.community_id import community_id
from pcapcheck.report.identify import address_text, wireshark_filter
from pcapcheck.report.report import Report
from pcapcheck.tables import ABSENT, HANDSHAKES
from pcapcheck.traffic import Ints

# Handshakes of one batch: as many as DuckDB puts into a row group of Parquet.
BATCH: Final = 122_880


class Words(NamedTuple):
    """A column of words: of each row the index into ``words``, ABSENT where there is none."""

    at: Ints
    words: Sequence[str]


class WordLists(NamedTuple):
    """A column of lists of words: those of row i are ``at[starts[i]:starts[i + 1]]``."""

    starts: Ints
    at: Ints
    words: Sequence[str]


HandshakeColumn = Ints | Words | WordLists


class Batch(NamedTuple):
    """Handshakes ``start`` to before ``stop`` of one capture, with the columns that were asked for."""

    capture: int
    start: int
    stop: int
    columns: dict[str, HandshakeColumn]


def handshake_batches(
    report: Report, names: Sequence[str] = tuple(HANDSHAKES), size: int | None = BATCH
) -> Iterator[Batch]:
    """The handshakes of a run; without ``size`` a batch is a whole capture. What is not asked for is not made."""
    report.need("everything")
    for capture, one in enumerate(report.judged):
        total = one.size
        source = _Source(report, capture)
        for start in range(0, total, size or total or 1):
            stop = min(start + (size or total), total)
            yield Batch(capture, start, stop, {name: source.column(name, slice(start, stop)) for name in names})


class _Source:
    """One capture: what its columns are made from, each worked out once."""

    def __init__(self, report: Report, capture: int) -> None:
        self.judged = report.judged[capture]
        self.handshakes = self.judged.traffic.handshakes
        self.capture, self.before = capture, report.before[capture]
        self.paths = [facts.path for facts in report.capture_facts]
        self.files = report.files
        self.facts = report.capture_facts[capture]
        self.files_before = report.files_before[capture]
        self._report = report

    def column(self, name: str, part: slice) -> HandshakeColumn:
        if name in _MADE:
            return _MADE[name](self, part)
        return self.handshakes.read(name, part)

    @cached_property
    def hosts(self) -> list[str]:
        return [address_text(address) for address in self.handshakes.hosts]

    def places(self, name: str, part: slice) -> tuple[Ints, Ints]:
        """Of the frames of a column the files, counted over all captures, and the numbers in them."""
        file, number = self.facts.places(self.handshakes.read(name, part))
        return np.where(file == ABSENT, ABSENT, file + self.files_before), number

    @cached_property
    def histories(self) -> Words:
        return Words(self.handshakes.history_code, self.handshakes.histories)

    @cached_property
    def first_causes(self) -> tuple[Ints, Ints]:
        return self.judged.causes.first

    @cached_property
    def rules(self) -> WordLists:
        """The rules that found something in each handshake, in the order in which findings are written."""
        checked = [
            one
            for one in self._report.all_findings.checked
            if one.capture == self.capture and not one.rule.per_capture and len(one.failed)
        ]
        found = [one.handshakes(one.failed) for one in checked]
        rows = np.concatenate([np.empty(0, np.int64), *found])
        rules = np.repeat(np.arange(len(found)), [len(one) for one in found])
        starts = np.append(0, np.bincount(rows, minlength=len(self.handshakes)).cumsum())
        return WordLists(starts, rules[np.argsort(rows, kind="stable")], [one.rule.id for one in checked])

    def flows(self, part: slice) -> list[tuple[bytes, int, bytes, int]]:
        """Client and server, each an address and a port."""
        handshakes = self.handshakes
        return list(
            zip(
                handshakes.client_address[part],
                handshakes.client_port[part].tolist(),
                handshakes.server_address[part],
                handshakes.server_port[part].tolist(),
                strict=True,
            )
        )


def _addresses(source: _Source, part: slice, offset: int) -> Words:
    return Words(source.handshakes.addresses[part.start + offset : part.stop + offset], source.hosts)


def _frame(name: str) -> Callable[[_Source, slice], Ints]:
    return lambda source, part: source.places(f"{name}_frame", part)[1]


def _file(name: str) -> Callable[[_Source, slice], Words]:
    return lambda source, part: Words(source.places(f"{name}_frame", part)[0], source.files)


def _history(source: _Source, part: slice) -> Words:
    return Words(source.histories.at[part], source.histories.words)


def _community_id(source: _Source, part: slice) -> Words:
    return _different([community_id(*flow) for flow in source.flows(part)])


def _wireshark_filter(source: _Source, part: slice) -> Words:
    first, last = source.judged.kept.filter_from[part].tolist(), source.judged.kept.filter_to[part].tolist()
    bounded = zip(source.flows(part), first, last, strict=True)
    by_time = bool(source.facts.parts)
    return _different([wireshark_filter(*flow, one, other, by_time=by_time) for flow, one, other in bounded])


def _different(words: list[str]) -> Words:
    return Words(np.arange(len(words)), words)


def _findings(source: _Source, part: slice) -> WordLists:
    starts = source.rules.starts[part.start : part.stop + 1]
    return WordLists(starts - starts[0], source.rules.at[starts[0] : starts[-1]], source.rules.words)


# The columns that are not fields of Handshakes.
_MADE: Final[dict[str, Callable[[_Source, slice], HandshakeColumn]]] = {
    "handshake_id": lambda source, part: np.arange(source.before + part.start + 1, source.before + part.stop + 1),
    "capture": lambda source, part: Words(np.full(part.stop - part.start, source.capture), source.paths),
    "client_ip": lambda source, part: _addresses(source, part, 0),
    "server_ip": lambda source, part: _addresses(source, part, len(source.handshakes)),
    **{f"{name}_frame": _frame(name) for name in ("syn", "synack", "ack")},
    **{f"{name}_file": _file(name) for name in ("syn", "synack", "ack")},
    "history": _history,
    "community_id": _community_id,
    "wireshark_filter": _wireshark_filter,
    "findings": _findings,
    "cause": lambda source, part: source.first_causes[0][part],
    "certainty": lambda source, part: source.first_causes[1][part],
}
