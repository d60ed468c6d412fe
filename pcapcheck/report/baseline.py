"""Baselines: the findings that are known, so that only new ones are reported.

A finding is known by its kind (fingerprint.py): rule, capture, client's address, server's address and port, never by
frames, times, sequence numbers or the client's port. Of each kind the baseline has a count; more than that are new. So
it survives trimming and recording again. Findings of severity info only name what was seen: they are not in it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from pcapcheck.errors import UsageError
from pcapcheck.report.fingerprint import Kind, kinds
from pcapcheck.report.places import namer
from pcapcheck.report.report import Report

_FORMAT: Final = "pcapcheck-baseline"
_VERSION: Final = 1
_ADVICE: Final = "`pcapcheck baseline` writes one"

Baseline = Counter[Kind]


class Compared(NamedTuple):
    """A report without what is known, how much that is, and the kinds of which there is less than the baseline says."""

    report: Report
    known: int
    stale: list[tuple[Kind, int]]  # with how many are gone


def baseline_of(report: Report) -> Baseline:
    """The findings of a report, by kind."""
    return Counter(kind for finding, kind in kinds(report) if finding.severity != "info")


def new_only(report: Report, baseline: Baseline) -> Compared:
    """Leave out of a report what the baseline knows: of each kind the first findings, as many as it says.

    Only what was asked can be stale: of the captures that were read, with the rules that were chosen.
    """
    left = Counter(baseline)
    wanted = []
    for finding, kind in kinds(report):
        is_known = finding.severity != "info" and left[kind] > 0
        left[kind] -= is_known
        wanted.append(not is_known)
    found = report.all_findings.only(wanted)
    known = len(report.all_findings) - len(found)
    asked = _asked(report)
    stale = [(kind, count) for kind, count in _sorted(left) if count > 0 and asked(kind)]
    return Compared(report.with_findings(found, known), known, stale)


def _sorted(baseline: Baseline) -> list[tuple[Kind, int]]:
    """By capture, then rule."""
    return sorted(
        baseline.items(),
        key=lambda item: (
            item[0].capture,
            item[0].rule,
            item[0][2:4],
            -1 if item[0].port is None else item[0].port,
            item[0].says,
        ),
    )


def _asked(report: Report) -> Callable[[Kind], bool]:
    """Whether the run could have found this kind."""
    name = namer()
    names = [name(facts.path) for facts in report.capture_facts]
    read = {name for name, facts in zip(names, report.capture_facts, strict=True) if not facts.error}
    rules = {(id, name) for name, one in zip(names, report.judged, strict=True) for id in one.asked}
    # An expectation that holds leaves no trace.
    return lambda kind: kind.capture in read and (kind.says != "" or (kind.rule, kind.capture) in rules)


def write_baseline(baseline: Baseline) -> str:
    """One line a kind, sorted, so that a difference reads well."""
    lines = [
        json.dumps({name: value for name, value in _entry(kind, count) if value not in ("", None)})
        for kind, count in _sorted(baseline)
    ]
    entries = "".join(f"\n    {line}," for line in lines).rstrip(",")
    head = json.dumps({"format": _FORMAT, "version": _VERSION})[1:-1]
    return f'{{\n  {head},\n  "findings": [{entries}\n  ]\n}}\n'


def _entry(kind: Kind, count: int) -> Iterator[tuple[str, Any]]:
    yield from kind._asdict().items()
    yield "count", count


def read_baseline(path: str) -> Baseline:
    """The baseline in a file. Raises UsageError where it is none, or of a version to come."""
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except OSError as error:
        raise UsageError(f"baseline {path}: {error.strerror}; {_ADVICE}") from None
    except (ValueError, RecursionError):
        raise UsageError(f"baseline {path}: this is no JSON; {_ADVICE}") from None
    if not isinstance(found, dict) or found.get("format") != _FORMAT or not isinstance(found.get("findings"), list):
        raise UsageError(f"baseline {path}: this is no baseline; {_ADVICE}")
    if found.get("version") != _VERSION:
        raise UsageError(f"baseline {path}: needed version {_VERSION}, found {found.get('version')!r}; {_ADVICE}")
    baseline: Baseline = Counter()
    for number, entry in enumerate(found["findings"], 1):
        try:
            count = entry.pop("count")
            kind = Kind(**entry)
        except (AttributeError, KeyError, TypeError):
            raise UsageError(f"baseline {path}: entry {number} is none: {json.dumps(entry)[:80]}") from None
        texts = (kind.rule, kind.capture, kind.client, kind.server, kind.says)
        whole = type(count) is int and count > 0 and type(kind.port) in (int, type(None))
        if not whole or not all(isinstance(text, str) for text in texts):
            raise UsageError(f"baseline {path}: entry {number} is none: {json.dumps(entry)[:80]}")
        baseline[kind] += count
    return baseline


def kind_text(kind: Kind) -> str:
    """``HS02 in captures/a.pcap 192.0.2.1 -> 198.51.100.2:443``."""
    words = [kind.rule, "in", kind.capture] if kind.capture else [kind.rule]
    if kind.client:
        server = f"[{kind.server}]" if ":" in kind.server else kind.server
        words += [kind.client, "->", f"{server}:{kind.port}"]
    if kind.says:
        words.append(kind.says)
    return " ".join(words)
