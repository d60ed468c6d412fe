"""What became different between two recordings: outcomes, findings, round-trip times; and what became worse.

Worse is what no chance explains: a kind of finding that the old recording does not have, a share of failed handshakes
or a quantile of round-trip times whose difference lies above zero in the whole of its bootstrap interval. Numbers of
findings of one kind grow with the traffic; they are shown, and are not worse by themselves.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np

from pcapcheck.capture.address import is_remote
from pcapcheck.report.bootstrap import Interval, enough, of_quantiles, of_shares
from pcapcheck.report.failure import as_severe
from pcapcheck.report.fingerprint import Kind, kinds
from pcapcheck.report.places import inside, slashed
from pcapcheck.report.report import Report
from pcapcheck.report.rtt_table import ESTIMATORS, quantile
from pcapcheck.tables import ABSENT, FAILED, SEVERITIES
from pcapcheck.traffic import Ints

PERCENTS: Final = (50, 95, 99)
# All intervals of one comparison hold together with 95 % (Bonferroni): else one of ten would mislead every second time.
_TOGETHER: Final = 0.95
_INTERVALS: Final = 1 + len(ESTIMATORS) * len(PERCENTS)
CONFIDENCE: Final = 1 - (1 - _TOGETHER) / _INTERVALS

# A quantile is slower where even the lower end of the interval is more than this share of the old one above it.
TOLERANCE: Final = 0.05


class Found(NamedTuple):
    """One kind of finding: its severity, and how many the old and the new recording have."""

    kind: Kind
    severity: str
    old: int
    new: int


class Quantile(NamedTuple):
    """One quantile of one round-trip time, in nanoseconds; without a sample in either there is none."""

    measure: str
    percent: int
    sizes: tuple[int, int]
    old: int
    new: int
    interval: Interval | None  # of new minus old; None where a sample is too small

    @property
    def slower(self) -> bool:
        return self.interval is not None and self.interval.least > TOLERANCE * self.old

    @property
    def quicker(self) -> bool:
        return self.interval is not None and self.interval.most < -TOLERANCE * self.old


class Difference(NamedTuple):
    """Two recordings side by side."""

    names: tuple[str, str]
    outcomes: tuple[Counter[str], Counter[str]]
    failed: Interval | None  # of the share of failed ones among the decided, new minus old
    findings: list[Found]
    quantiles: list[Quantile]
    fail_on: str

    @property
    def new(self) -> list[Found]:
        return [one for one in self.findings if not one.old]

    @property
    def gone(self) -> list[Found]:
        return [one for one in self.findings if not one.new]

    @property
    def worse(self) -> list[str]:
        """What became worse, each in a few words; nothing if nothing did."""
        severe = [one for one in self.new if one.severity in as_severe(self.fail_on)]
        words = [f"{len(severe)} new kind{'' if len(severe) == 1 else 's'} of finding"] if severe else []
        if self.failed is not None and self.failed.least > 0:
            words.append("more handshakes fail")
        words += [f"{one.measure} p{one.percent} is slower" for one in self.quantiles if one.slower]
        return words


def difference(old: Report, new: Report, paths: tuple[str, str], fail_on: str = "warning") -> Difference:
    """Compare two reports on the captures at ``paths``: two files, or two folders whose files are paired by name."""
    outcomes = old.outcomes(), new.outcomes()
    before, after = map(failed_of, outcomes)
    failed = of_shares(before, after, CONFIDENCE) if before[1] and after[1] else None
    return Difference(paths, outcomes, failed, _findings(old, new, paths), _quantiles(old, new), fail_on)


def failed_of(one: Counter[str]) -> tuple[int, int]:
    """How many handshakes failed, of how many that were decided."""
    failed = sum(one[name] for name in FAILED)
    return failed, failed + one["established"]


def _findings(old: Report, new: Report, paths: tuple[str, str]) -> list[Found]:
    counts: list[Counter[Kind]] = []
    worst: dict[Kind, str] = {}
    for report, path in zip((old, new), paths, strict=True):
        counts.append(Counter())
        for finding, kind in kinds(report, _within(path)):
            if finding.severity == "info":  # only names what was seen
                continue
            counts[-1][kind] += 1
            worst[kind] = min(worst.get(kind, finding.severity), finding.severity, key=SEVERITIES.index)
    found = [Found(kind, severity, counts[0][kind], counts[1][kind]) for kind, severity in worst.items()]
    return sorted(
        found,
        key=lambda one: (
            SEVERITIES.index(one.severity),
            one.kind.rule,
            one.kind[1:4],
            one.kind.port or 0,
            one.kind.says,
        ),
    )


def _within(path: str) -> Callable[[str], str]:
    """The name of a capture within one recording: empty for that of a single file."""

    def name(capture: str) -> str:
        if not os.path.isdir(path):
            return ""
        return inside(capture, path) or slashed(capture)

    def remote_name(capture: str) -> str:
        return "" if capture == path else capture.removeprefix(path.rstrip("/") + "/")

    return remote_name if is_remote(path) else name


def _quantiles(old: Report, new: Report) -> list[Quantile]:
    found = []
    for measure in ESTIMATORS:
        samples = _exact(old, measure), _exact(new, measure)
        if not all(map(len, samples)):
            continue
        sizes = len(samples[0]), len(samples[1])
        for percent in PERCENTS:
            told = all(enough(size, percent) for size in sizes)
            interval = of_quantiles(*samples, percent, CONFIDENCE) if told else None
            found.append(
                Quantile(
                    measure, percent, sizes, quantile(samples[0], percent), quantile(samples[1], percent), interval
                )
            )
    return found


def _exact(report: Report, measure: str) -> Ints:
    columns = [getattr(traffic.handshakes, measure) for traffic in report.traffics]
    values: Ints = np.concatenate(columns) if columns else np.empty(0, np.int64)
    return np.sort(values[values != ABSENT])
