"""Answers of rules, and the findings that they become."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from pcapcheck.rules.catalogue import Answer, Bools, Rule, Shown
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import Ints


class Finding(NamedTuple):
    """One failed check, ready to be written."""

    capture: int  # index into the captures of the run
    handshake: int  # index into its handshakes (those that are kept), ABSENT where it is about the capture
    rule: Rule
    severity: str
    frames: tuple[int, ...]
    expected: str
    actual: str
    message: str


class Checked(NamedTuple):
    """One rule's answer about one capture."""

    rule: Rule
    capture: int
    answer: Answer
    at: Ints | None = None  # of each entry of the answer its handshake; None: there is one for every handshake

    @classmethod
    def joined(cls, pieces: Sequence[Checked]) -> Checked:
        """The answers about several handshakes of one rule in one, in the order of the handshakes."""
        rule, capture = pieces[0].rule, pieces[0].capture
        at = np.concatenate([one.handshakes(np.arange(len(one.answer.fails))) for one in pieces])
        answer = _joined([one.answer for one in pieces])
        return cls(rule, capture, answer, at).take(np.argsort(at, kind="stable"))

    @property
    def failed(self) -> Ints:
        """Index of each entry that fails where the rule applies and can be decided."""
        return self._failed.nonzero()[0].astype(np.int64)

    @property
    def undecided(self) -> Ints:
        """Each handshake to which the rule applies but for which it cannot be decided."""
        return self.handshakes(self._undecided.nonzero()[0].astype(np.int64))

    def handshakes(self, entries: Ints) -> Ints:
        """The handshakes that some entries are about."""
        return entries if self.at is None else self.at[entries]

    @property
    def undecidable(self) -> int:
        """To how many handshakes the rule applies but cannot be decided."""
        return int(self._undecided.sum())

    def severity(self, entry: int) -> str:
        """How much the finding of one entry weighs."""
        return _text(self.answer.severities, entry) or self.rule.severity

    def counts(self) -> Counter[str]:
        """How many findings have each severity."""
        if isinstance(self.answer.severities, str):
            return +Counter({self.severity(0): len(self.failed)})
        found: Counter[str] = Counter()
        for severity, number in Counter(self.answer.severities[self.failed].tolist()).items():
            found[severity or self.rule.severity] += number
        return found

    def take(self, entries: Ints) -> Checked:
        """The answer with these entries alone."""
        return self._replace(answer=self.answer.take(entries), at=self.handshakes(entries))

    def unsettled(self) -> Checked:
        """The answer about those that fail or are undecidable."""
        return self.take((self._failed | self._undecided).nonzero()[0])

    @property
    def _undecided(self) -> Bools:
        if self.answer.decidable is None:
            return np.zeros(len(self.answer.fails), bool)
        undecided: Bools = ~self.answer.decidable
        return undecided if self.answer.applies is None else undecided & self.answer.applies

    @property
    def _failed(self) -> Bools:
        failed = self.answer.fails
        for other in (self.answer.applies, self.answer.decidable):
            failed = failed if other is None else failed & other
        return failed


def _joined(answers: Sequence[Answer]) -> Answer:
    sizes = [len(one.fails) for one in answers]

    def optional(columns: list[Bools | None]) -> Bools | None:
        if all(column is None for column in columns):
            return None
        pairs = zip(columns, sizes, strict=True)
        return np.concatenate([np.ones(size, bool) if column is None else column for column, size in pairs])

    def shown(columns: list[Shown]) -> Shown:
        first = columns[0]
        if isinstance(first, str) and all(isinstance(column, str) and column == first for column in columns):
            return first
        pairs = zip(columns, sizes, strict=True)
        return np.concatenate([np.full(size, one, object) if isinstance(one, str) else one for one, size in pairs])

    return Answer(
        np.concatenate([one.fails for one in answers]),
        optional([one.applies for one in answers]),
        optional([one.decidable for one in answers]),
        tuple(np.concatenate(columns) for columns in zip(*(one.frames for one in answers), strict=True)),
        *(shown([getattr(one, name) for one in answers]) for name in ("expected", "actual", "detail", "severities")),
    )


class Findings:
    """All findings of a run, kept as columns; written out one by one, in order of handshake, then rule.

    ``undecidable`` is rule id to the answers that could not be given; without it those of ``checked`` are counted.
    ``besides`` are findings of which no more is known than rule id, severity and number.
    """

    def __init__(
        self,
        checked: Iterable[Checked],
        undecidable: Mapping[str, int] | None = None,
        besides: Mapping[tuple[str, str], int] = MappingProxyType({}),
    ) -> None:
        self.checked = list(checked)
        self._besides = besides
        self._undecidable = undecidable_of(self.checked) if undecidable is None else undecidable
        self._failed = [one.failed for one in self.checked]
        keys = [
            (one.capture, ABSENT if one.rule.per_capture else handshake, number, position)
            for number, (one, failed) in enumerate(zip(self.checked, self._failed, strict=True))
            for position, handshake in enumerate(one.handshakes(failed).tolist())
        ]
        self._order = sorted(keys)

    def __len__(self) -> int:
        return len(self._order)

    def __iter__(self) -> Iterator[Finding]:
        for capture, handshake, number, position in self._order:
            yield self._finding(capture, handshake, number, int(self._failed[number][position]))

    def of(self, capture: int, handshake: int) -> Iterator[Finding]:
        """Those of one handshake, looked up."""
        begin, end = (bisect_left(self._order, (capture, one, 0, 0)) for one in (handshake, handshake + 1))
        for _, _, number, position in self._order[begin:end]:
            yield self._finding(capture, handshake, number, int(self._failed[number][position]))

    def finding(self, number: int, entry: int) -> Finding:
        """One finding by itself: an entry that failed, of the answer with this number in ``checked``."""
        one = self.checked[number]
        handshake = ABSENT if one.rule.per_capture else int(one.handshakes(np.array([entry]))[0])
        return self._finding(one.capture, handshake, number, entry)

    def only(self, wanted: Sequence[bool]) -> Findings:
        """Those of which ``wanted``, in their order, says so. What was undecidable stays."""
        left_out: dict[int, list[int]] = {}
        for (_, _, number, position), keep in zip(self._order, wanted, strict=True):
            if not keep:
                left_out.setdefault(number, []).append(int(self._failed[number][position]))
        checked = list(self.checked)
        for number, entries in left_out.items():
            stays = np.ones(len(checked[number].answer.fails), bool)
            stays[entries] = False
            checked[number] = checked[number].take(stays.nonzero()[0].astype(np.int64))
        return Findings(checked, self._undecidable, self._besides)

    def count(self, severity: str) -> int:
        """How many findings have this severity."""
        return sum(number for (_, its), number in self.counts.items() if its == severity)

    @cached_property
    def counts(self) -> Counter[tuple[str, str]]:
        """How many findings there are of each rule, by id, and severity."""
        found = Counter(self._besides)
        for one in self.checked:
            for severity, number in one.counts().items():
                found[one.rule.id, severity] += number
        return found

    def undecidable(self) -> dict[str, int]:
        """Rule id to the number of handshakes for which it could not be decided."""
        return dict(self._undecidable)

    def _finding(self, capture: int, handshake: int, number: int, index: int) -> Finding:
        one, answer = self.checked[number].rule, self.checked[number].answer
        expected, actual = _text(answer.expected, index), _text(answer.actual, index)
        severity = self.checked[number].severity(index)
        message = one.message.format(expected=expected, actual=actual)
        if detail := _text(answer.detail, index):
            message = f"{message} ({detail})"
        frames = tuple(int(column[index]) for column in answer.frames if column[index] != ABSENT)
        return Finding(capture, handshake, one, severity, frames, expected, actual, message)


def undecidable_of(checked: Iterable[Checked]) -> dict[str, int]:
    """Rule id to the number of handshakes for which it could not be decided, where there are any."""
    counts: dict[str, int] = {}
    for one in checked:
        if one.undecidable:
            counts[one.rule.id] = counts.get(one.rule.id, 0) + one.undecidable
    return counts


def _text(column: Shown, index: int) -> str:
    if isinstance(column, str):
        return column
    value = column[index]
    return value if isinstance(value, str) else "" if value == ABSENT else str(int(value))
