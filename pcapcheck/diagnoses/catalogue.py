"""What a diagnosis is, what it concludes, and how conclusions become causes."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from pcapcheck.judge import Ints, Traffic
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT, CERTAINTIES

Bools = npt.NDArray[np.bool_]

HEADINGS: Final = ("What it means", "What else it could be", "How to decide", "What the application saw")

PROVED, STRONG, COMPATIBLE = (CERTAINTIES.index(name) for name in ("proved", "strong", "compatible"))


@dataclass(frozen=True)
class Conclusion:
    """What a diagnosis says of every handshake of a capture.

    ``certainty`` is 0 where it says nothing, else PROVED, STRONG or COMPATIBLE. ``evidence`` are frames, ``detail``
    what was counted or compared ("12 of 14 ports closed"), by handshake. Where ``group`` is given, handshakes with the
    same number (ABSENT: none) are one event (a scan, a flood) and are reported once.
    """

    certainty: Ints
    evidence: tuple[Ints, ...] = ()
    detail: Sequence[str] | None = None
    group: Ints | None = None


@dataclass(frozen=True)
class Diagnosis:
    """One diagnosis of the catalogue."""

    id: str
    slug: str  # the value of `cause`
    application: str  # the error that the application saw, e.g. ECONNREFUSED, or "nothing"
    rivals: tuple[str, ...]  # slugs
    decide_by: str  # the observation that would decide
    fires: str  # an exchange that it explains, and
    silent: str  # one that looks like it and is not
    conclude: Callable[[Traffic, CaptureFacts], Conclusion]

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

    capture: int
    handshake: int  # index into the capture's handshakes
    diagnosis: Diagnosis
    certainty: str
    evidence: tuple[int, ...]  # frames
    detail: str
    group: int  # ABSENT, or the number of the event that it is part of


REGISTERED: Final[dict[str, Diagnosis]] = {}

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
) -> Callable[[_Conclude], _Conclude]:
    """Enter a diagnosis into the catalogue."""
    assert id not in REGISTERED

    def register(conclude: _Conclude) -> _Conclude:
        REGISTERED[id] = Diagnosis(
            id, slug, application, tuple(rivals), decide_by,
            inspect.cleandoc(fires), inspect.cleandoc(silent), conclude,
        )  # fmt: skip
        return conclude

    return register


class Causes:
    """All causes of one capture, kept as columns; the most certain of a handshake first."""

    def __init__(self, capture: int, concluded: Iterable[tuple[Diagnosis, Conclusion]]) -> None:
        self.capture = capture
        self.concluded = list(concluded)

    def of(self, handshake: int) -> Iterator[Cause]:
        """The causes of one handshake: by certainty, then in the order of the catalogue."""
        found = [
            (int(conclusion.certainty[handshake]), number)
            for number, (_, conclusion) in enumerate(self.concluded)
            if conclusion.certainty[handshake]
        ]
        for _, number in sorted(found):
            yield self._cause(number, handshake)

    def first(self, handshakes: int) -> tuple[Ints, Ints]:
        """For each handshake the number of its first cause in ``concluded`` (ABSENT: none), and its certainty."""
        best = np.zeros(handshakes, np.int64)
        which = np.full(handshakes, ABSENT, np.int64)
        for number, (_, conclusion) in enumerate(self.concluded):
            better = (conclusion.certainty > 0) & ((best == 0) | (conclusion.certainty < best))
            best = np.where(better, conclusion.certainty, best)
            which[better] = number
        return which, best

    def _cause(self, number: int, handshake: int) -> Cause:
        diagnosed, conclusion = self.concluded[number]
        return Cause(
            self.capture,
            handshake,
            diagnosed,
            CERTAINTIES[conclusion.certainty[handshake]],
            tuple(int(column[handshake]) for column in conclusion.evidence if column[handshake] != ABSENT),
            conclusion.detail[handshake] if conclusion.detail is not None else "",
            ABSENT if conclusion.group is None else int(conclusion.group[handshake]),
        )


def diagnose(
    traffic: Traffic, facts: CaptureFacts, capture: int, diagnoses: Iterable[Diagnosis] = REGISTERED.values()
) -> Causes:
    """What every diagnosis says of one capture."""
    return Causes(capture, [(one, one.conclude(traffic, facts)) for one in sorted(diagnoses, key=lambda one: one.id)])
