"""How long until a SYN-ACK came, with the SYNs that got none: right-censored observations, not missing ones.

An ECDF of the answered alone says how quick the answers were, not how likely one is. E. L. Kaplan and P. Meier,
"Nonparametric Estimation from Incomplete Observations" (1958); the variance of the logarithm is Greenwood's, the band
that of log(-log S), which stays between 0 and 1 (J. D. Kalbfleisch and R. L. Prentice).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from pcapcheck.charts.drawing import LOOKS, OTHERS, empty, legend, log_axis, quantile_lines, title
from pcapcheck.report import rtt_samples as samples
from pcapcheck.traffic import Ints

if TYPE_CHECKING:
    import pandas as pd

Z_95: Final = 1.959963984540054  # of the standard normal distribution: 95 % lie within
_MOST_SERVERS: Final = 4  # with their bands: more cannot be told apart
_MOST_STEPS: Final = 400


class Curve(NamedTuple):
    """An estimate of the share that is still waiting, S(t), right after each time at which something was answered."""

    times: Ints  # ns
    waiting: samples.Floats
    low: samples.Floats  # the pointwise band
    high: samples.Floats  # NaN where none is left waiting
    at_risk: Ints  # how many were still watched just before


def kaplan_meier(times: npt.NDArray[Any], answered: npt.NDArray[np.bool_], z: float = Z_95) -> Curve:
    """The product-limit estimate. A time that is not ``answered`` is that until which it was watched.

    Of equal times the answered come first: who is censored at t was still watched at t.
    """
    moments, position = np.unique(times, return_inverse=True)
    events = np.bincount(position, weights=answered, minlength=len(moments)).astype(np.int64)
    leaving = np.bincount(position, minlength=len(moments))
    at_risk = len(times) - np.append(0, np.cumsum(leaving)[:-1])[: len(moments)]
    at = events > 0
    moments, events, at_risk = moments[at], events[at], at_risk[at]
    waiting = np.cumprod(1 - events / at_risk)
    with np.errstate(divide="ignore", invalid="ignore"):
        greenwood = np.cumsum(events / (at_risk * (at_risk - events)))
        # exp(-exp(log(-log S) +- z * sqrt(variance))), which is S to the power of exp(+-...).
        spread = np.exp(z * np.sqrt(greenwood) / -np.log(waiting))
        low, high = waiting**spread, waiting ** (1 / spread)
    low[waiting <= 0] = high[waiting <= 0] = np.nan  # none is left waiting: no variance
    return Curve(np.asarray(moments, np.int64), waiting, low, high, np.asarray(at_risk, np.int64))


def answers(data: pd.DataFrame, ax: Axes) -> Axes:
    """The share of attempts that were answered within a time, of the first waits of ``observations.waits``.

    A line with its 95 % band for each of the four busiest servers.
    """
    unanswered = int((~data["answered"]).sum())
    title(
        ax,
        "How long until a SYN-ACK came",
        f"{len(data) - unanswered:,} answered",
        f"{unanswered:,} not, watched until the end of the capture",
        "Kaplan-Meier, 95 % band",
    )
    if unanswered == len(data):
        return empty(ax, "no SYN was answered" if len(data) else "no SYN was captured")
    nanoseconds = data["wait"].to_numpy("timedelta64[ns]").astype(np.int64)
    answered = data["answered"].to_numpy(bool)
    floor = float(max(nanoseconds[nanoseconds > 0].min(initial=10**9), 1)) / 3e9
    last = float(samples.seconds(nanoseconds, floor).max())
    quantile_lines(ax, (50, 95, 99))
    handles = []
    for name, rows, colour in _servers(data):
        curve = kaplan_meier(nanoseconds[rows], answered[rows])
        if not len(curve.times):
            label = f"{name}  n={int(rows.sum()):,}, none answered"
            ax.plot([floor, last], [0, 0], color=colour, linewidth=1.4)
            handles.append(Line2D([], [], color=colour, label=label))
            continue
        kept = np.unique(np.linspace(0, len(curve.times) - 1, min(len(curve.times), _MOST_STEPS)).round().astype(int))
        x = samples.seconds(curve.times[kept], floor)
        x = np.concatenate([x[:1], x, [max(last, x[-1])]])
        share, low, high = (
            np.concatenate([[0.0], 1 - column[kept], 1 - column[kept[-1:]]])
            for column in (curve.waiting, curve.high, curve.low)
        )
        ax.fill_between(x, low, high, step="post", color=colour, alpha=0.15, linewidth=0)
        ax.plot(x, share, drawstyle="steps-post", color=colour, linewidth=1.4)
        lost = int((~answered[rows]).sum())
        label = f"{name}  n={int(rows.sum()):,}" + (f", {lost:,} unanswered" if lost else "")
        handles.append(Line2D([], [], color=colour, label=label))
    log_axis(ax, "x", samples.seconds(nanoseconds, floor), floor)
    ax.set_xlabel("time since the first SYN (logarithmic)")
    ax.set_ylabel("share answered")
    ax.set_ylim(0, 1.03)
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    legend(ax, handles)
    return ax


def _servers(data: pd.DataFrame) -> list[tuple[str, npt.NDArray[np.bool_], str]]:
    """The rows of the busiest servers, and of all others together."""
    names = data["server"].to_numpy(object)
    counts = data["server"].value_counts()
    ranked = sorted(((str(name), int(count)) for name, count in counts.items()), key=lambda item: (-item[1], item[0]))
    shown = [name for name, _ in ranked[:_MOST_SERVERS]]
    found = [(name, names == name, LOOKS[number][0]) for number, name in enumerate(shown)]
    if len(ranked) > len(shown):
        rest = ~np.isin(names.astype(str), shown)
        others = len(ranked) - len(shown)
        found.append((f"{others:,} other{'s' if others > 1 else ''}", rest, OTHERS[0]))
    return found
