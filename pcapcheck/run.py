"""The main job: summarise each capture, judge it, apply the rules, report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from os import PathLike, fspath
from typing import Any

from pcapcheck.capture import find_captures
from pcapcheck.diagnoses import DIAGNOSES, EVENTS, Causes, diagnose
from pcapcheck.diagnoses.groups import events_of
from pcapcheck.errors import UsageError
from pcapcheck.judge import Traffic, judge
from pcapcheck.policy.policy import Policy
from pcapcheck.report.report import Report
from pcapcheck.rules import RULES, Findings, findings_of
from pcapcheck.rules.catalogue import Checked
from pcapcheck.stretch import CaptureFacts, Summary, summarise
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
    map: Map = map,
    progress: Callable[[int], None] | None = None,
) -> Report:
    """Verify every handshake of the captures.

    ``paths`` are files, folders (searched for captures) and ``-`` (standard input), one or several. ``select`` and
    ``ignore`` are prefixes of rule ids; without the rule of a scan or a flood each of its attempts is reported by
    itself. A ``policy`` says both, and more; they are not given beside it. Of each capture at most ``max_bytes`` octets
    are read, uncompressed. ``map`` may be that of a thread or process pool: the result is the same. So it is for each
    ``decoder``: ``compiled``, ``dpkt``, or ``auto``, which takes the quicker one that is installed.

    A file that cannot be read does not raise: it is in ``Report.errors`` (and its reason in ``Report.captures``), and
    the others are judged. Raises UsageError for a rule that does not exist.
    """
    if policy is not None and (select or ignore):
        raise UsageError("rules are selected and ignored by the policy, where there is one")
    policy = policy or Policy(tuple(select), tuple(ignore))
    policy.rules_for("")  # a rule that does not exist is told before anything is read
    found = find_captures([fspath(path) for path in ([paths] if isinstance(paths, (str, PathLike)) else paths)])
    facts: list[CaptureFacts] = []
    traffics: list[Traffic] = []
    checked: list[Checked] = []
    causes: list[Causes] = []
    summarised = partial(summarise, window=window, progress=progress, max_bytes=max_bytes, decoder=decoder)
    for summary in map(summarised, found.inputs):
        number = len(facts)
        facts.append(summary.facts)
        traffic = judge(summary.openings, number, summary.facts.end_time)
        traffics.append(traffic)
        causes.append(diagnose(traffic, summary.facts, number, () if summary.facts.error else DIAGNOSES.values()))
        if not summary.facts.error:
            chosen = policy.rules_for(summary.facts.path)
            rules = [rule for rule in chosen.values() if rule.id in RULES]
            events = [rule for rule in chosen.values() if rule.id in EVENTS]
            traffic.grouped[:] = causes[-1].grouped(chosen)
            checked.extend(findings_of(traffic, summary.facts, rules, number))
            checked.extend(events_of(causes[-1], traffic, events))
        if summary.facts.interrupted:
            break
    checked = [*policy.weighed(checked, facts), *policy.asked(traffics, facts)]
    return Report(facts, traffics, Findings(checked), causes, list(found.errors), list(found.ignored))


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
