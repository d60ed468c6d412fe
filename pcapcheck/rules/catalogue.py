"""What a rule is, and what it answers."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from pcapcheck.errors import UsageError
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import SEVERITIES
from pcapcheck.traffic import Ints, Traffic

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
    across: bool = False  # it compares handshakes of several 4-tuples; ``among`` is then one of traffic.by_rows

    def __post_init__(self) -> None:
        _KNOWN[self.id] = self

    def __reduce__(self) -> tuple[Callable[[str], Rule], tuple[str]]:
        """A rule travels to another process by its id: the same version of pcapcheck is there."""
        return known_rule, (self.id,)

    @property
    def by_flow(self) -> bool:
        """Whether it looks at the rows of each 4-tuple by itself."""
        return self.reads_rows and not self.per_capture and not self.across

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
    across: bool = False,
) -> Callable[[_Check], _Check]:
    """Enter a check into the catalogue."""
    assert severity in SEVERITIES and id not in REGISTERED

    def register(check: _Check) -> _Check:
        REGISTERED[id] = Rule(
            id, slug, severity, reference, needs, message,
            (fires, silent), check, per_capture, among, reads_rows, across,
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


def words(size: int, at: Iterable[int], texts: Iterable[str]) -> npt.NDArray[np.object_]:
    """A column of ``size`` words, empty but for ``texts`` at the indices ``at``."""
    column = np.full(size, "", object)
    column[np.array(list(at), np.int64)] = np.array(list(texts), object)
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
