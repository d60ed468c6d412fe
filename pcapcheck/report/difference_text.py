"""A difference of two recordings as text, and as JSON."""

from __future__ import annotations

import json
import textwrap
from typing import Final

from pcapcheck.report.baseline import kind_text
from pcapcheck.report.bootstrap import BEYOND, Interval
from pcapcheck.report.colour import Paint
from pcapcheck.report.difference import CONFIDENCE, Difference, Found, Quantile, failed_of
from pcapcheck.report.escape import escaped
from pcapcheck.report.rtt_table import milliseconds
from pcapcheck.report.table import table
from pcapcheck.tables import OUTCOMES

# Kinds of findings of each section that are shown.
_MOST: Final = 20


def as_text(found: Difference, *, paint: Paint | None = None, width: int = 80) -> str:
    """Outcomes, findings that are new and gone, round-trip times, and what became worse."""
    paint = paint or Paint()
    sections = [
        _headline(found),
        _outcomes(found, width),
        _findings("New findings", found.new, paint),
        _findings("Gone findings", found.gone, paint),
        _rtts(found, width),
        [paint(f"Worse: {', '.join(found.worse)}.", "red") if found.worse else "Nothing became worse."],
    ]
    return "\n\n".join("\n".join(lines) for lines in sections if lines)


def as_json(found: Difference) -> str:
    """One object; times in nanoseconds."""
    before, after = (failed_of(one) for one in found.outcomes)
    document = {
        "old": found.names[0],
        "new": found.names[1],
        "confidence": round(CONFIDENCE, 4),
        "outcomes": {
            name: [one[name] for one in found.outcomes] for name in OUTCOMES if any(one[name] for one in found.outcomes)
        },
        "failed": {"old": list(before), "new": list(after), "difference": _plain(found.failed)},
        "findings": [
            {**one.kind._asdict(), "severity": one.severity, "counts": [one.old, one.new]} for one in found.findings
        ],
        "rtt": [
            {
                "measure": one.measure,
                "percent": one.percent,
                "samples": list(one.sizes),
                "old_ns": one.old,
                "new_ns": one.new,
                "difference_ns": _plain(one.interval),
                "verdict": _verdict(one),
            }
            for one in found.quantiles
        ],
        "worse": found.worse,
    }
    return json.dumps(document, indent=2)


def _plain(interval: Interval | None) -> list[float] | None:
    return None if interval is None else [round(end, 6) for end in interval]


def _headline(found: Difference) -> list[str]:
    return [
        f"{label} {escaped(name)}: {one.total()} handshakes"
        for label, name, one in zip(("old", "new"), found.names, found.outcomes, strict=True)
    ]


def _outcomes(found: Difference, width: int) -> list[str]:
    old, new = found.outcomes
    rows = [(name, str(old[name]), str(new[name])) for name in OUTCOMES if old[name] or new[name]]
    if not rows:
        return ["No handshakes in either."]
    lines = table("Outcomes", ("old", "new"), rows, width)
    if found.failed is not None:
        shares = [100 * failed / decided for failed, decided in (failed_of(old), failed_of(new))]
        least, most = (100 * end for end in found.failed)
        verdict = "more" if least > 0 else "fewer" if most < 0 else "not told apart"
        text = (
            f"failed: {shares[0]:.1f} % before, {shares[1]:.1f} % now; the difference is {least:+.1f} to {most:+.1f}"
            f" points: {verdict}"
        )
        lines += textwrap.wrap(text, width, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False)
    return lines


def _findings(title: str, found: list[Found], paint: Paint) -> list[str]:
    if not found:
        return []
    lines = [f"{title}: {len(found)} kind{'' if len(found) == 1 else 's'}"]
    for one in found[:_MOST]:
        number = one.new or one.old
        words = escaped(kind_text(one.kind))
        lines.append(
            f"  {paint(one.severity.ljust(7), one.severity)} {words}" + (f" ({number} times)" if number > 1 else "")
        )
    if len(found) > _MOST:
        lines.append(f"  and {len(found) - _MOST} more")
    return lines


def _rtts(found: Difference, width: int) -> list[str]:
    if not found.quantiles:
        return ["No round-trip time was measured in both."]
    rows = [
        (
            f"{one.measure} p{one.percent}",
            milliseconds(one.old),
            milliseconds(one.new),
            _difference(one),
            _verdict(one),
        )
        for one in found.quantiles
    ]
    lines = table("Round-trip times, ms", ("old", "new", "difference", ""), rows, width)
    text = "differences: bootstrap intervals that hold, all together, with 95 %"
    return [*lines, *textwrap.wrap(text, width, initial_indent="  ", subsequent_indent="    ")]


def _difference(one: Quantile) -> str:
    if one.interval is None:
        needed = -(-BEYOND * 100 // min(one.percent, 100 - one.percent))
        return f"{min(one.sizes)} of {needed} samples"
    return f"{_signed(one.interval.least)} to {_signed(one.interval.most)}"


def _verdict(one: Quantile) -> str:
    if one.interval is None:
        return "too few"
    return "slower" if one.slower else "quicker" if one.quicker else "no change"


def _signed(nanoseconds: float) -> str:
    text = milliseconds(abs(round(nanoseconds)))
    return f"{'-' if nanoseconds < 0 else '+'}{text}"
