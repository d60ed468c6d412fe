"""What a rule is, what it answers, and how answers become findings."""

from __future__ import annotations

import inspect
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from pcapcheck.errors import UsageError
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT, SEVERITIES
from pcapcheck.traffic import Ints, Traffic, once

Bools = npt.NDArray[np.bool_]

# A column of numbers (ABSENT: none) or of words, or one word for every entry.
Shown = Ints | npt.NDArray[np.object_] | str

HEADINGS: Final = ("What it means", "Why it matters", "Common causes", "What to look at next")


@dataclass(frozen=True)
class Answer:
    """A rule's answer for every handshake (or, with entries of its own, about the capture).

    Of the handshakes to which the rule applies, those that are not decidable are undecidable, those that fail are
    findings, and the rest pass.
    """

    fails: Bools
    applies: Bools | None = None  # None: to all
    decidable: Bools | None = None  # None: all
    frames: tuple[Ints, ...] = ()  # the one to open first, first; ABSENT entries are left out
    expected: Shown = ""
    actual: Shown = ""
    detail: Shown = ""  # added to the message
    severities: Shown = ""  # where a finding weighs more or less than the rule says; "" is the rule's own

    def take(self, at: Ints) -> Answer:
        """The entries at these indices."""
        return Answer(
            self.fails[at],
            None if self.applies is None else self.applies[at],
            None if self.decidable is None else self.decidable[at],
            tuple(column[at] for column in self.frames),
            *(
                shown if isinstance(shown, str) else shown[at]
                for shown in (self.expected, self.actual, self.detail, self.severities)
            ),
        )


# A column of handshakes that is quick to work out.
Among = Callable[[Traffic], Bools]


@dataclass(frozen=True)
class Rule:
    """One rule of the catalogue."""

    id: str
    slug: str  # says what is found
    severity: str  # error, warning, note, info
    reference: str  # RFC and section, with its MUST or SHOULD id
    needs: str  # what must have been seen; otherwise the rule is undecidable
    message: str  # one line; {expected} and {actual} are filled in
    examples: tuple[str, str]  # an exchange that it finds and one that it does not, as they stand in the source
    check: Callable[[Traffic, CaptureFacts], Answer]
    per_capture: bool = False  # its answer is about the capture: one entry, or one for each host or socket
    among: Among | None = None  # to all handshakes but these it answers pass or not applicable; None: any may fail
    reads_rows: bool = True  # False: it looks at columns of handshakes alone

    def __post_init__(self) -> None:
        _KNOWN[self.id] = self

    def __reduce__(self) -> tuple[Callable[[str], Rule], tuple[str]]:
        """A rule travels to another process by its id: the same version of pcapcheck is there."""
        return known_rule, (self.id,)

    @property
    def fires(self) -> str:
        """An exchange that it finds."""
        return inspect.cleandoc(self.examples[0])

    @property
    def silent(self) -> str:
        """One that it does not find."""
        return inspect.cleandoc(self.examples[1])

    @property
    def title(self) -> str:
        """What it finds, in one sentence."""
        return (inspect.getdoc(self.check) or "").partition("\n")[0]

    @property
    def sections(self) -> dict[str, str]:
        """The manual page, by heading."""
        parts = re.split(rf"^({'|'.join(HEADINGS)}):\s*", inspect.getdoc(self.check) or "", flags=re.MULTILINE)
        return {heading: text.strip() for heading, text in zip(parts[1::2], parts[2::2], strict=True)}


# By id: those of the catalogue, and those that stand for events and expectations.
_KNOWN: Final[dict[str, Rule]] = {}


def known_rule(id: str) -> Rule:
    """The rule of this id."""
    return _KNOWN[id]


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


REGISTERED: Final[dict[str, Rule]] = {}

_Check = Callable[[Traffic, CaptureFacts], Answer]


def rule(
    id: str,
    slug: str,
    severity: str,
    *,
    reference: str,
    needs: str,
    message: str,
    fires: str,
    silent: str,
    per_capture: bool = False,
    among: Among | None = None,
    reads_rows: bool = True,
) -> Callable[[_Check], _Check]:
    """Enter a check into the catalogue."""
    assert severity in SEVERITIES and id not in REGISTERED

    def register(check: _Check) -> _Check:
        REGISTERED[id] = Rule(
            id, slug, severity, reference, needs, message,
            (fires, silent), check, per_capture, among, reads_rows,
        )  # fmt: skip
        return check

    return register


def choose(rules: Iterable[Rule], select: Sequence[str] = (), ignore: Sequence[str] = ()) -> list[Rule]:
    """The rules whose id begins with one of ``select`` (all, if empty) and with none of ``ignore``.

    Raises UsageError for a prefix that no rule has.
    """
    rules = list(rules)
    for prefix in (*select, *ignore):
        if not any(named(one, prefix) for one in rules):
            raise UsageError(f"no rule is called {prefix!r}: `pcapcheck rules` lists them")
    return [
        one
        for one in rules
        if (not select or any(named(one, prefix) for prefix in select))
        and not any(named(one, prefix) for prefix in ignore)
    ]


def named(one: Rule, prefix: str) -> bool:
    """Whether a rule is meant: by its id, the beginning of it, or its slug."""
    return bool(prefix) and (one.id.startswith(prefix.upper()) or one.slug == prefix)


class Checked(NamedTuple):
    """One rule's answer about one capture."""

    rule: Rule
    capture: int
    answer: Answer
    at: Ints | None = None  # of each entry of the answer its handshake; None: there is one for every handshake

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
        return Counter(self.severity(entry) for entry in self.failed.tolist())

    def take(self, entries: Ints) -> Checked:
        """The answer with these entries alone."""
        return self._replace(answer=self.answer.take(entries), at=self.handshakes(entries))

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


def findings_of(traffic: Traffic, facts: CaptureFacts, rules: Iterable[Rule], capture: int) -> list[Checked]:
    """Every rule's answer about one capture.

    Attempts that are part of one event (Traffic.grouped) are reported by it, once: on each of them only errors are.
    """
    checked = [_asked_here(one, traffic, facts)._replace(capture=capture) for one in rules]
    _parts(traffic).clear()
    return checked


def _asked_here(rule: Rule, traffic: Traffic, facts: CaptureFacts) -> Checked:
    if rule.per_capture or rule.severity == "error" or not traffic.grouped.any():
        return ask(rule, traffic, facts)
    known = _answered(traffic).get(rule.id)
    if known is None:
        return _ask(rule, traffic, facts, ~traffic.grouped)
    return known.take((~traffic.grouped[known.at]).nonzero()[0])


def ask(rule: Rule, traffic: Traffic, facts: CaptureFacts, capture: int = 0) -> Checked:
    """One rule's answer about one capture: of the handshakes those that fail or are undecidable."""
    known = _answered(traffic)
    if rule.id not in known:
        known[rule.id] = _ask(rule, traffic, facts)
    return known[rule.id]._replace(capture=capture)


@once
def _answered(traffic: Traffic) -> dict[str, Checked]:
    """What was asked already: some rules and diagnoses build on the answer of another."""
    return {}


def _ask(rule: Rule, traffic: Traffic, facts: CaptureFacts, concerned: Bools | None = None) -> Checked:
    if rule.per_capture:
        return Checked(rule, 0, rule.check(traffic, facts))
    chosen = np.ones(len(traffic.handshakes), bool) if rule.among is None else rule.among(traffic)
    if concerned is not None:
        chosen = chosen & concerned
    if rule.reads_rows and traffic.stored is not None:
        # Of the others it wants to know nothing, unless another flow made them one-sided: that was not known then.
        chosen = chosen & (traffic.at_hand | traffic.handshakes.is_outcome("one-sided"))
    at = chosen.nonzero()[0].astype(np.int64)
    if not len(at) and len(chosen):
        return Checked(rule, 0, Answer(np.zeros(0, bool)), at)
    # To take a part costs as much as to look at some more. Rows that are stored cannot be looked at otherwise.
    stored = traffic.stored is not None and rule.reads_rows
    if 2 * len(at) < len(chosen) or stored or concerned is not None:
        traffic = _part(traffic, rule, at)
    else:
        at = np.arange(len(chosen))
    checked = Checked(rule, 0, rule.check(traffic, facts), at)
    return checked.take((checked._failed | checked._undecided).nonzero()[0])


def _part(traffic: Traffic, rule: Rule, at: Ints) -> Traffic:
    """These handshakes, taken once for rules that follow each other and look among the same."""
    parts = _parts(traffic)
    key = rule.among, len(at)
    if key not in parts:
        parts.clear()  # each may be large
        parts[key] = (traffic if rule.reads_rows else traffic.without_rows()).take(at)
    return parts[key]


@once
def _parts(traffic: Traffic) -> dict[tuple[Among | None, int], Traffic]:
    """The last part that was taken."""
    return {}


def words(size: int, at: Iterable[int], texts: Iterable[str]) -> npt.NDArray[np.object_]:
    """A column of ``size`` words, empty but for ``texts`` at the indices ``at``."""
    column = np.full(size, "", object)
    for index, text in zip(at, texts, strict=True):
        column[index] = text
    return column


def about_capture(
    fails: bool,
    *,
    applies: bool = True,
    decidable: bool = True,
    frames: Iterable[int] = (),
    expected: str = "",
    actual: str = "",
    detail: str = "",
) -> Answer:
    """The answer of a rule about the capture as a whole. Frames below 1 are left out."""
    return Answer(
        fails=np.array([fails]),
        applies=np.array([applies]),
        decidable=np.array([decidable]),
        frames=tuple(np.array([frame], np.int64) for frame in frames if frame > 0),
        expected=expected,
        actual=actual,
        detail=detail,
    )


def _text(column: Shown, index: int) -> str:
    if isinstance(column, str):
        return column
    value = column[index]
    return value if isinstance(value, str) else "" if value == ABSENT else str(int(value))
