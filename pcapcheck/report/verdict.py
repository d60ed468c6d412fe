"""The verdict on a whole run: in one sentence, and what it stands on."""

from __future__ import annotations

from collections import Counter
from typing import Final, NamedTuple

from pcapcheck.capture.frame import NO_TIME
from pcapcheck.diagnoses import DIAGNOSES
from pcapcheck.report.report import Report
from pcapcheck.tables import CERTAINTIES, FAILED, OUTCOMES

# What each outcome means, in a few words.
MEANINGS: Final = {
    "established": "SYN, SYN-ACK and a completing segment, every number acceptable",
    "client-only": "the client is connected, the server goes on as if the last ACK had not come",
    "refused": "an RST answered the SYN",
    "unreachable": "an ICMP error quoting the SYN ended it",
    "unanswered": "nothing answered the SYN",
    "half-open": "the SYN-ACK got no answer",
    "aborted": "an RST came between SYN-ACK and completion",
    "invalid": "an answer had wrong numbers, and no right one followed",
    "pending": "undecided when the capture ended",
    "partial": "part of it was not captured, as what follows proves",
    "one-sided": "only one direction was captured",
    "midstream": "open before the capture began",
    "stray": "segments of no attempt: scans, backscatter, spoofing",
}


class Verdict(NamedTuple):
    mood: str  # good, bad, or unsure
    sentence: str
    reason: str  # the most frequent cause; empty where there is none
    scope: str  # what was read


def verdict(report: Report) -> Verdict:
    """What to tell somebody who reads one sentence."""
    mood, sentence = _sentence(report)
    if report.interrupted:
        mood = "unsure" if mood == "good" else mood
        sentence = f"Reading was interrupted; of what was read until then: {sentence[0].lower()}{sentence[1:]}"
    return Verdict(mood, sentence, _reason(report), scope(report))


def _sentence(report: Report) -> tuple[str, str]:
    if all(facts.error for facts in report.capture_facts):
        return "unsure", "No capture could be read."
    outcomes = report.outcomes()
    total = outcomes.total()
    if not total:
        return _nothing(report)
    failed = sum(outcomes[name] for name in FAILED)
    unknown = total - failed - outcomes["established"]
    undecided = f"; {unknown:,} cannot be decided from this capture" if unknown else ""
    if failed:
        kinds = sorted(
            (name for name in FAILED if outcomes[name]), key=lambda name: (-outcomes[name], OUTCOMES.index(name))
        )
        alike = failed == total and len(kinds) == 1
        how = kinds[0] if alike else ", ".join(f"{outcomes[name]:,} {name}" for name in kinds)
        who = _all(total) if failed == total else f"{failed:,} of {total:,} handshakes"
        return "bad", f"{who} failed: {how}{undecided}."
    errors, warnings = report.all_findings.count("error"), report.all_findings.count("warning")
    but = f", but {counted(errors, 'error')} {'was' if errors == 1 else 'were'} found"
    if not outcomes["established"]:
        none = "The only handshake cannot" if total == 1 else f"None of the {total:,} handshakes can"
        return ("bad" if errors else "unsure"), f"{none} be decided from this capture{but if errors else ''}."
    who = f"{outcomes['established']:,} of {counted(total, 'handshake')}" if unknown else _all(total)
    sentence = f"{who} {'was' if total == 1 else 'were'} established"
    if errors:
        return "bad", f"{sentence}{but}{undecided}."
    if undecided:
        return "unsure", f"{sentence}{undecided}."
    if warnings:
        return "unsure", f"{sentence}, with {counted(warnings, 'warning')}."
    return "good", f"{sentence}, with no error and no warning."


def _all(total: int) -> str:
    return {1: "The only handshake", 2: "Both handshakes"}.get(total, f"All {total:,} handshakes")


def _nothing(report: Report) -> tuple[str, str]:
    filtered = sum(one.filtered for one in report.capture_facts)
    if filtered:
        return "unsure", f"No handshakes: nothing passes the filter, which left out {counted(filtered, 'segment')}."
    readable = sum(not facts.error for facts in report.capture_facts)
    return "unsure", "There is no TCP in this capture." if readable == 1 else f"No TCP in these {readable} captures."


def _reason(report: Report) -> str:
    """The cause that explains most failures, and how certainly."""
    counts: Counter[str] = Counter()
    certain: dict[str, Counter[str]] = {}
    outcomes = report.outcomes()
    failed = sum(outcomes[name] for name in FAILED)
    for (id, code), found in report.totals.failures.items():
        diagnosed = DIAGNOSES[id]
        if not diagnosed.circumstance:
            counts[diagnosed.slug] += found
            certain.setdefault(diagnosed.slug, Counter())[CERTAINTIES[code]] += found
    if not counts:
        return ""
    slug = min(counts, key=lambda name: (-counts[name], name))
    if 4 * counts[slug] < failed:  # one of many
        return ""
    how = ", ".join(f"{certain[slug][name]:,} {name}" for name in CERTAINTIES[1:] if certain[slug][name])
    if len(certain[slug]) == 1:
        how = next(iter(certain[slug]))
    return f"Most frequent cause: {slug}, of {counts[slug]:,} of the {failed:,} failed ({how})."


def counted(number: int, noun: str) -> str:
    """``1 frame``, ``2,000 frames``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def scope(report: Report) -> str:
    """``1 capture, 156 frames, 155 TCP segments, 10.427 s, 3 frames not judged``."""
    readable = [one for one in report.capture_facts if not one.error]
    parts = [
        counted(len(readable), "capture"),
        counted(sum(one.frames for one in readable), "frame"),
        counted(sum(one.segments for one in readable), "TCP segment"),
    ]
    if icmp := sum(one.icmp_errors for one in readable):
        parts.append(f"{counted(icmp, 'ICMP error')} about TCP")
    if len(readable) == 1 and readable[0].first_time != NO_TIME:
        span = (readable[0].last_time - readable[0].first_time) // 10**6
        parts.append(f"{span // 1000}.{span % 1000:03d} s")
    if skipped := sum(one.skipped.total() for one in readable):
        parts.append(f"{counted(skipped, 'frame')} not judged")
    return ", ".join(parts)
