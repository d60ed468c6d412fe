"""Asking all diagnoses, and the rules with what they know: of floods that were found the lone SYNs are set apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from pcapcheck.diagnoses.catalogue import REGISTERED, Causes, Conclusion, Diagnosis
from pcapcheck.diagnoses.groups import events_of
from pcapcheck.diagnoses.syn_floods import FLOODS, set_apart, syn_flood
from pcapcheck.rules import RULES, findings_of
from pcapcheck.rules.catalogue import Rule
from pcapcheck.rules.checked import Checked
from pcapcheck.stretch import CaptureFacts
from pcapcheck.traffic import Traffic


def diagnose(traffic: Traffic, facts: CaptureFacts, diagnoses: Iterable[Diagnosis] = REGISTERED.values()) -> Causes:
    """What every diagnosis says of one capture: of the lone SYNs of a flood that they are part of it, and no more."""
    size = len(traffic.handshakes)

    def concluded() -> Iterator[tuple[Diagnosis, Conclusion]]:
        for one in sorted(diagnoses, key=lambda one: one.id):
            if one.conclude is syn_flood:
                conclusion = syn_flood(traffic, facts)
            else:
                apart = set_apart(traffic, facts)
                conclusion = one.conclude(apart.rest, facts)
                if len(apart.alone):
                    conclusion = conclusion.spread(size, apart.at)
            yield one, conclusion.compact()

    return Causes(size, concluded())


def answers(traffic: Traffic, facts: CaptureFacts, causes: Causes, chosen: Mapping[str, Rule]) -> list[Checked]:
    """What the chosen rules (by id) say of one capture, and those that stand for diagnoses of events.

    Handshakes that are part of an event which is to be reported are marked in ``Traffic.grouped``.
    """
    traffic.grouped[:] = causes.grouped(chosen)
    rules = [rule for rule in chosen.values() if rule.id in RULES]
    events = events_of(causes, traffic, chosen.values())
    apart = set_apart(traffic, facts)
    if FLOODS not in chosen or not len(apart.alone):
        return findings_of(traffic, facts, rules, 0) + events
    apart.rest.grouped[:] = traffic.grouped[apart.at]
    found = findings_of(apart.rest, facts, rules, 0)
    return [one if one.at is None else one._replace(at=apart.at[one.at]) for one in found] + events
