"""The main job: summarise each capture, judge it, apply the rules, report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from os import PathLike, fspath
from typing import Any, NamedTuple

from pcapcheck.capture import find_captures
from pcapcheck.diagnoses import DIAGNOSES, EVENTS, Causes, diagnose
from pcapcheck.diagnoses.groups import events_of
from pcapcheck.errors import UsageError
from pcapcheck.jobs import in_order
from pcapcheck.judge import judge
from pcapcheck.policy.policy import Policy
from pcapcheck.report.report import Report
from pcapcheck.rules import RULES, Findings, findings_of
from pcapcheck.rules.catalogue import Checked
from pcapcheck.stretch import CaptureFacts, Summary, summarise
from pcapcheck.traffic import Traffic
from pcapcheck.window import EVERYTHING, Window

Map = Callable[[Callable[[str], Summary], Sequence[str]], Iterable[Summary]]


def check(
    paths: str | PathLike[str] | Sequence[str | PathLike[str]],
    *,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    policy: Policy | None = None,
    window: Window = EVERYTHING,
    max_bytes: int | None = None,
    decoder: str = "auto",
    jobs: int = 1,
    map: Map = map,
    progress: Callable[[int], None] | None = None,
) -> Report:
    """Verify every handshake of the captures.

    ``paths`` are files, folders (searched for captures) and ``-`` (standard input), one or several. ``select`` and
    ``ignore`` are prefixes of rule ids; without the rule of a scan or a flood each of its attempts is reported by
    itself. A ``policy`` says both, and more; they are not given beside it. Of each capture at most ``max_bytes`` octets
    are read, uncompressed. The result is the same for each ``decoder`` (``compiled``, ``dpkt``, or ``auto``: the
    quicker one that is installed), for any number of ``jobs`` (captures that are worked on at the same time, in
    threads), and where ``map`` is that of a thread or process pool, which then summarises the captures.

    A file that cannot be read does not raise: it is in ``Report.errors`` (and its reason in ``Report.captures``), and
    the others are judged. Raises UsageError for a rule that does not exist.
    """
    if policy is not None and (select or ignore):
        raise UsageError("rules are selected and ignored by the policy, where there is one")
    policy = policy or Policy(tuple(select), tuple(ignore))
    policy.rules_for("")  # a rule that does not exist is told before anything is read
    found = find_captures([fspath(path) for path in ([paths] if isinstance(paths, (str, PathLike)) else paths)])
    summarised = partial(summarise, window=window, progress=progress, max_bytes=max_bytes, decoder=decoder)
    if jobs > 1:
        judged = in_order(lambda one: _judged(one[0], summarised(one[1]), policy), enumerate(found.inputs), jobs)
    else:
        judged = (_judged(number, one, policy) for number, one in enumerate(map(summarised, found.inputs)))
    facts: list[CaptureFacts] = []
    traffics: list[Traffic] = []
    checked: list[Checked] = []
    causes: list[Causes] = []
    for one in judged:
        facts.append(one.facts)
        traffics.append(one.traffic)
        causes.append(one.causes)
        checked += one.checked
        if one.facts.interrupted:
            break
    checked = [*policy.weighed(checked, facts), *policy.asked(traffics, facts)]
    return Report(facts, traffics, Findings(checked), causes, list(found.errors), list(found.ignored))


class _Judged(NamedTuple):
    """One capture with all that is said of it."""

    facts: CaptureFacts
    traffic: Traffic
    causes: Causes
    checked: list[Checked]


def _judged(number: int, summary: Summary, policy: Policy) -> _Judged:
    """The capture that is ``number`` of the run, judged: rules that the policy chooses for it, and all diagnoses."""
    facts = summary.facts
    traffic = judge(summary.openings, number, facts.end_time)
    if facts.error:
        return _Judged(facts, traffic, diagnose(traffic, facts, number, ()), [])
    causes = diagnose(traffic, facts, number, DIAGNOSES.values())
    chosen = policy.rules_for(facts.path)
    traffic.grouped[:] = causes.grouped(chosen)
    checked = findings_of(traffic, facts, [rule for rule in chosen.values() if rule.id in RULES], number)
    events = events_of(causes, traffic, [rule for rule in chosen.values() if rule.id in EVENTS])
    return _Judged(facts, traffic, causes, [*checked, *events])


def explain(rule: str, language: str = "en") -> str:
    """The manual page of one rule or diagnosis, by id or slug, in English or Chinese (``zh``).

    Raises UsageError if there is none.
    """
    from pcapcheck.report.explanation import explanation
    from pcapcheck.texts import language as known

    return explanation(rule, language=known(language, {}))


def read_pcap(path: str | PathLike[str], *, window: Window = EVERYTHING) -> Any:
    """The TCP segments of a capture: a DataFrame with one row a segment, columns as in tables.SEGMENTS.

    Raises CaptureError where the file is no capture.
    """
    from pcapcheck.report.frames import segments_frame

    return segments_frame(fspath(path), window)
