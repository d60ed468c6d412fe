"""Events of many handshakes (a scan, a flood): counted together, and reported once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

import numpy as np

from pcapcheck.addresses import written
from pcapcheck.diagnoses.catalogue import Causes, Conclusion, Diagnosis
from pcapcheck.diagnoses.columns import numbered as numbered
from pcapcheck.diagnoses.columns import spread as spread
from pcapcheck.diagnoses.columns import values_of
from pcapcheck.rules.catalogue import Answer, Rule
from pcapcheck.rules.checked import Checked
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import Handshakes, Ints, Traffic

# Frames that a finding about an event names: those of its first handshakes.
_FIRST: Final = 3


def distinct(group: Ints, values: Ints, size: int) -> Ints:
    """Of each group from 0 to before ``size``, how many different values it has; these are below 2^32."""
    return np.bincount(values_of(group << 32 | values) >> 32, minlength=size).astype(np.int64)


def how_many(number: int, noun: str) -> str:
    """``1 port``, ``2 ports``, ``3 addresses``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}{'es' if noun.endswith('s') else 's'}"


def seconds(nanoseconds: int) -> str:
    """Seconds to the millisecond."""
    return f"{nanoseconds // 10**9}.{nanoseconds // 10**6 % 1000:03}"


def address(octets: bytes, port: int | None = None) -> str:
    """An address as text, with a port where one is given: 192.0.2.1:80, [2001:db8::1]:80."""
    text = written(octets)
    if port is None:
        return text
    return f"{text}:{port}" if len(octets) == 4 else f"[{text}]:{port}"


def rules_of(diagnoses: Iterable[Diagnosis]) -> Iterator[Rule]:
    """A rule for each diagnosis of events: it finds each event once."""
    for one in diagnoses:
        if one.reported_once:
            yield Rule(
                one.id, one.slug, "warning", "", "the segments of all its handshakes", "{actual}", one.examples,
                _check(one), per_capture=True,
            )  # fmt: skip


def events_of(causes: Causes, traffic: Traffic, rules: Iterable[Rule]) -> list[Checked]:
    """What those of the rules that stand for diagnoses of events find."""
    concluded = {diagnosed.id: conclusion for diagnosed, conclusion in causes.concluded if diagnosed.reported_once}
    return [Checked(rule, 0, _answer(concluded[rule.id], traffic.handshakes)) for rule in rules if rule.id in concluded]


def _check(diagnosed: Diagnosis) -> Callable[[Traffic, CaptureFacts], Answer]:
    def check(traffic: Traffic, capture: CaptureFacts) -> Answer:
        return _answer(diagnosed.conclude(traffic, capture), traffic.handshakes)

    check.__doc__ = diagnosed.conclude.__doc__
    return check


def _answer(conclusion: Conclusion, handshakes: Handshakes) -> Answer:
    """The answer that finds each event of a conclusion: one entry an event."""
    assert conclusion.group is not None
    detail = conclusion.detail or ()
    (members,) = (conclusion.group != ABSENT).nonzero()
    events, first = np.unique(conclusion.group[members], return_index=True)
    first = np.sort(first)
    order = members[np.argsort(conclusion.group[members], kind="stable")]
    starts = dict(zip(events.tolist(), np.searchsorted(conclusion.group[order], events).tolist(), strict=True))
    frames = np.full((_FIRST, len(first)), ABSENT, np.int64)
    texts = np.full(len(first), "", object)
    for number, member in enumerate(members[first].tolist()):
        texts[number] = detail[member]
        start = starts[int(conclusion.group[member])]
        own = order[start : start + _FIRST]
        own = own[conclusion.group[own] == conclusion.group[member]]
        frames[: len(own), number] = handshakes.first_frame[own]
    return Answer(fails=np.ones(len(first), bool), frames=tuple(frames), actual=texts)
