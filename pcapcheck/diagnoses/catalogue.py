"""What a diagnosis is, what it concludes, and how conclusions become causes."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from pcapcheck.diagnoses.few import Details, Few, are_few
from pcapcheck.packed import Packed
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT, CAUSE, CERTAINTIES
from pcapcheck.traffic import Ints, Traffic, spread

Bools = npt.NDArray[np.bool_]
Column = Ints | Packed | Few

HEADINGS: Final = ("What it means", "What else it could be", "How to decide", "What the application saw")

PROVED, STRONG, COMPATIBLE = (CERTAINTIES.index(name) for name in ("proved", "strong", "compatible"))


@dataclass(frozen=True)
class Conclusion:
    """What a diagnosis says of every handshake of a capture.

    ``certainty`` is 0 where it says nothing, else PROVED, STRONG or COMPATIBLE. ``evidence`` are frames, ``detail``
    what was counted or compared ("12 of 14 ports closed"), by handshake. Where ``group`` is given, handshakes with the
    same number (ABSENT: none) are one event (a scan, a flood) and are reported once.
    """

    certainty: npt.NDArray[np.integer]
    evidence: tuple[Column, ...] = ()
    detail: Sequence[str] | None = None
    group: Ints | None = None

    @classmethod
    def nothing(cls, size: int, *, group: bool = False) -> Conclusion:
        """What a diagnosis concludes that has nothing to say of any of so many handshakes."""
        return cls(_always(0, size), group=_always(ABSENT, size) if group else None)

    @classmethod
    def of_some(
        cls,
        size: int,
        at: Ints,
        certainty: Ints | int,
        *,
        evidence: Sequence[Ints] = (),
        text: Callable[[int], str] | None = None,
    ) -> Conclusion:
        """What a diagnosis concludes that speaks of the handshakes at these indices, which ascend, and of no others.

        ``certainty``, which is 0 nowhere, and ``evidence`` have an entry for each of them; ``text`` is asked by entry.
        """
        if not len(at):
            return cls.nothing(size)
        column = np.zeros(size, np.int8)
        column[at] = certainty
        return cls(column, _kept(size, at, evidence), None if text is None else Details(size, text, at))

    @property
    def at(self) -> Ints:
        """The handshakes of which it says something."""
        same = self.certainty.strides == (0,)  # as in nothing(): one entry tells
        return (self.certainty[:1] if same and not self.certainty[:1].any() else self.certainty).nonzero()[0]

    def compact(self) -> Conclusion:
        """The same in as little memory as it takes: it is kept until the report is written."""
        size, at = len(self.certainty), self.at
        group = self.group if self.group is not None and (self.group != ABSENT).any() else None
        if not len(at) and group is None:
            return Conclusion.nothing(size, group=self.group is not None)
        detail = self.detail
        if are_few(at, size) and isinstance(detail, Details) and detail.at is None:
            # Put into words at once: what puts them into words may hold on to columns of all handshakes.
            said = [detail[index] for index in at.tolist()]
            detail = Details(size, said.__getitem__, at)
        evidence = (one if isinstance(one, Few | Packed) else _kept(size, at, [one[at]])[0] for one in self.evidence)
        return Conclusion(
            self.certainty.astype(np.int8, copy=False),
            tuple(evidence),
            detail,
            group if group is not None else self.group,
        )

    def spread(self, size: int, at: Ints) -> Conclusion:
        """The same of ``size`` handshakes, of which those at these indices are those of which it says something."""
        detail = self.detail
        some = self.at
        if not len(some):
            return Conclusion.nothing(size, group=self.group is not None)
        return Conclusion(
            spread(size, at, self.certainty, 0),
            _kept(size, at[some], [column[some] for column in self.evidence]),
            None if detail is None else Details(size, lambda index: detail[int(np.searchsorted(at, index))]),
            None if self.group is None else spread(size, at, self.group),
        )

    def take(self, at: Ints) -> Conclusion:
        """What it says of the handshakes at these indices."""
        return Conclusion(
            self.certainty[at],
            tuple(column[at] for column in self.evidence),
            None if self.detail is None else self._details(at),
            None if self.group is None else self.group[at],
        )

    def _details(self, at: Ints) -> list[str]:
        """The details of handshakes, those of which nothing is said without."""
        assert self.detail is not None
        said = self.certainty[at].tolist()
        return [self.detail[index] if some else "" for index, some in zip(at.tolist(), said, strict=True)]

    def __getstate__(self) -> dict[str, Any]:
        """To another process details travel as words: what puts them into words does not."""
        details = None if self.detail is None else self._details(np.arange(len(self.certainty)))
        return {**self.__dict__, "detail": details}


@dataclass(frozen=True)
class Diagnosis:
    """One diagnosis of the catalogue."""

    id: str
    slug: str  # the value of `cause`
    application: str  # the error that the application saw, e.g. ECONNREFUSED, or "nothing"
    rivals: tuple[str, ...]  # slugs
    decide_by: str  # the observation that would decide
    examples: tuple[str, str]  # an exchange that it explains and one that only looks so, as they stand in the source
    conclude: Callable[[Traffic, CaptureFacts], Conclusion]
    circumstance: bool = False  # true of the handshake, but not by itself why it came out as it did
    reported_once: bool = False  # an event of many handshakes: it has a finding, and they have none each
    if_opened: str = ""  # what the application saw where the connection opened all the same, if that is another thing

    def __reduce__(self) -> tuple[Callable[[str], Diagnosis], tuple[str]]:
        """A diagnosis travels to another process by its id."""
        return _registered, (self.id,)

    def seen(self, outcome: str) -> str:
        """What the application saw of a handshake with this outcome."""
        return self.if_opened if self.if_opened and outcome in ("established", "client-only") else self.application

    @property
    def fires(self) -> str:
        """An exchange that it explains."""
        return inspect.cleandoc(self.examples[0])

    @property
    def silent(self) -> str:
        """One that looks like it and is not."""
        return inspect.cleandoc(self.examples[1])

    @property
    def title(self) -> str:
        """What it says, in one sentence."""
        return (inspect.getdoc(self.conclude) or "").partition("\n")[0]

    @property
    def sections(self) -> dict[str, str]:
        """The manual page, by heading."""
        parts = re.split(rf"^({'|'.join(HEADINGS)}):\s*", inspect.getdoc(self.conclude) or "", flags=re.MULTILINE)
        return {heading: text.strip() for heading, text in zip(parts[1::2], parts[2::2], strict=True)}


class Cause(NamedTuple):
    """One conclusion about one handshake (or one group of them), ready to be written."""

    handshake: int  # index into the capture's handshakes
    diagnosis: Diagnosis
    certainty: str
    evidence: tuple[int, ...]  # frames
    detail: str
    group: int  # ABSENT, or the number of the event that it is part of


REGISTERED: Final[dict[str, Diagnosis]] = {}


def _registered(id: str) -> Diagnosis:
    return REGISTERED[id]


_Conclude = Callable[[Traffic, CaptureFacts], Conclusion]


def diagnosis(
    id: str,
    slug: str,
    *,
    application: str,
    rivals: Sequence[str] = (),
    decide_by: str,
    fires: str,
    silent: str,
    circumstance: bool = False,
    reported_once: bool = False,
    if_opened: str = "",
) -> Callable[[_Conclude], _Conclude]:
    """Enter a diagnosis into the catalogue."""
    assert id not in REGISTERED

    def register(conclude: _Conclude) -> _Conclude:
        REGISTERED[id] = Diagnosis(
            id, slug, application, tuple(rivals), decide_by,
            (fires, silent), conclude, circumstance, reported_once, if_opened,
        )  # fmt: skip
        return conclude

    return register


# Above the ranks of all causes.
_NO_RANK: Final = 3 * len(CERTAINTIES)


def _rank(diagnosed: Diagnosis) -> int:
    """What stands before the certainty in the order of causes: less comes first."""
    return 0 if diagnosed.reported_once else 2 * len(CERTAINTIES) if diagnosed.circumstance else len(CERTAINTIES)


class Causes:
    """All causes of one capture, kept as columns.

    The first of a handshake is the event of many that it is part of, then what explains its outcome, then mere
    circumstances: each the most certain first, then in the order of the catalogue.
    """

    def __init__(self, size: int, concluded: Iterable[tuple[Diagnosis, Conclusion]]) -> None:
        self.size = size  # handshakes
        self.concluded = list(concluded)

    def of(self, handshake: int) -> Iterator[Cause]:
        """The causes of one handshake, the first first."""
        found = [
            (_rank(diagnosed) + int(conclusion.certainty[handshake]), number)
            for number, (diagnosed, conclusion) in enumerate(self.concluded)
            if conclusion.certainty[handshake]
        ]
        for _, number in sorted(found):
            yield self._cause(number, handshake)

    @cached_property
    def first(self) -> tuple[Ints, Ints]:
        """The first cause of each handshake, as index of tables.CAUSE, and its certainty; 0 where there is none."""
        return self.first_of(np.arange(self.size))

    def first_of(self, at: Ints) -> tuple[Ints, Ints]:
        """``first`` of the handshakes at these indices."""
        best = np.full(len(at), _NO_RANK, np.int64)
        cause, certainty = np.zeros((2, len(at)), np.int64)
        for diagnosed, conclusion in self.concluded:
            certain = conclusion.certainty[at]
            rank = np.where(certain > 0, _rank(diagnosed) + certain, _NO_RANK)
            (better,) = (rank < best).nonzero()
            best[better], certainty[better] = rank[better], certain[better]
            cause[better] = CAUSE.index(diagnosed.slug)
        return cause, certainty

    def take(self, at: Ints) -> Causes:
        """The causes of the handshakes at these indices. A diagnosis that says nothing of them is left out."""
        some = [one for one in self.concluded if one[1].certainty[at].any()]
        return Causes(len(at), [(diagnosed, conclusion.take(at)) for diagnosed, conclusion in some])

    def grouped(self, ids: Container[str]) -> Bools:
        """Which handshakes are part of an event that one of these diagnoses found."""
        found = np.zeros(self.size, bool)
        for diagnosed, conclusion in self.concluded:
            if conclusion.group is not None and diagnosed.id in ids:
                found |= conclusion.group != ABSENT
        return found

    def _cause(self, number: int, handshake: int) -> Cause:
        diagnosed, conclusion = self.concluded[number]
        return Cause(
            handshake,
            diagnosed,
            CERTAINTIES[conclusion.certainty[handshake]],
            tuple(int(column[handshake]) for column in conclusion.evidence if column[handshake] != ABSENT),
            conclusion.detail[handshake] if conclusion.detail is not None else "",
            ABSENT if conclusion.group is None else int(conclusion.group[handshake]),
        )


def _kept(size: int, at: Ints, columns: Iterable[Ints]) -> tuple[Column, ...]:
    """Columns of the handshakes at these indices as columns of all, in as little memory as it takes."""
    if are_few(at, size):
        return tuple(Few(at, column) for column in columns)
    return tuple(Packed.of(spread(size, at, column)) for column in columns)


def _always(value: int, size: int) -> Ints:
    """A column that is the same everywhere, and takes no memory."""
    return np.broadcast_to(np.int64(value), size)
