"""Charts of round-trip times.

They take ``Report.handshakes``, whole or filtered. Only exact samples are drawn; how many handshakes gave only an
interval is said below the title.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullLocator, PercentFormatter

from pcapcheck.charts.drawing import (
    BLUE,
    DIM,
    INK,
    LOOKS,
    RED,
    VECTOR_POINTS,
    VERMILION,
    empty,
    legend,
    looking,
    new_figure,
    points,
    quantile_lines,
    rtt_axis,
    start_times,
    style,
    swatch,
    time_axis,
    title,
)
from pcapcheck.report import rtt_samples as samples
from pcapcheck.tables import FAILED

if TYPE_CHECKING:
    import pandas as pd

PERCENTS: Final = (50, 95, 99)

_RUG: Final[dict[str, Any]] = {"marker": "|", "markersize": 9, "markeredgewidth": 1.2, "color": RED}
_MOST_BOXES: Final = 20
_MOST_STEPS: Final = 400  # of one line: finer ones cannot be seen
_BINS_A_DECADE: Final = 10


def rtt_ecdf(data: pd.DataFrame, ax: Axes, by: str = "server", which: str = "handshake_rtt") -> Axes:
    """ECDF of the RTT on a logarithmic axis: a line for each of the six busiest, p50, p95 and p99 marked."""
    exact = samples.exact(data, which)
    _title(ax, "How long handshakes take", data, which)
    if not len(exact):
        return empty(ax)
    floor = samples.floor(exact[which])
    quantile_lines(ax, PERCENTS)
    handles = []
    for group, (colour, marker) in looking(samples.groups(exact, by, len(LOOKS))):
        ordered = np.sort(samples.nanoseconds(group.data[which]))
        count = len(ordered)
        ranks = np.unique(np.linspace(1, count, min(count, _MOST_STEPS)).round().astype(np.int64))
        x = samples.seconds(np.concatenate([ordered[:1], ordered[ranks - 1]]), floor)
        y = np.concatenate([[0.0], ranks / count])
        ax.plot(x, y, drawstyle="steps-post", color=colour, linewidth=1.4)
        marks = samples.quantiles(ordered, PERCENTS, floor)
        heights = [percent / 100 for percent in PERCENTS]
        ax.plot(marks, heights, linestyle="none", marker=marker, markersize=5, color=colour)
        label = f"{group.name}  n={count:,}"
        handles.append(Line2D([], [], color=colour, marker=marker, markersize=5, label=label))
    rtt_axis(ax, "x", exact[which], floor)
    ax.set_xlabel(f"{samples.SPANS[which]} (logarithmic)")
    ax.set_ylabel("share of handshakes")
    ax.set_ylim(0, 1.03)
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    legend(ax, handles)
    return ax


def rtt_over_time(
    data: pd.DataFrame, ax: Axes, by: str = "server", which: str = "handshake_rtt", *, named: bool = True
) -> Axes:
    """The RTT of each handshake over the time of its start, failed attempts as a rug along the top."""
    exact = samples.exact(data, which)
    timed = exact[exact["start_time"].notna()]
    failed = data[data["outcome"].isin(FAILED) & data["start_time"].notna()]
    _title(ax, "When", data, which, untimed=int(exact["start_time"].isna().sum()))
    if not len(timed) and not len(failed):
        return empty(ax, "no handshake with an exact RTT and a time, and no failed attempt")
    handles = []
    floor = samples.floor(exact[which])
    for group, (colour, marker) in looking(samples.groups(exact, by, len(LOOKS))):
        rows = group.data[group.data["start_time"].notna()]
        seconds = samples.seconds(samples.nanoseconds(rows[which]), floor)
        ax.plot(start_times(rows), seconds, marker=marker, color=colour, **points(len(timed), group))
        handles.append(Line2D([], [], linestyle="none", color=colour, marker=marker, label=group.name))
    handles = handles if named else []
    if len(failed):
        ax.plot(
            start_times(failed), np.full(len(failed), 0.965), transform=ax.get_xaxis_transform(), linestyle="none",
            **_RUG, alpha=1 if len(failed) < 300 else 0.4, rasterized=len(failed) > VECTOR_POINTS,
        )  # fmt: skip
        counts = failed["outcome"].astype("str").value_counts()
        kinds = ", ".join(f"{counts[outcome]:,} {outcome}" for outcome in FAILED if outcome in counts)
        handles.append(Line2D([], [], linestyle="none", **_RUG, label=f"failed attempts: {kinds}"))
    if handles:
        legend(ax, handles)
    time_axis(ax, np.concatenate([start_times(timed), start_times(failed)]))
    if len(timed):
        rtt_axis(ax, "y", exact[which], floor, headroom=1.6)
        ax.set_ylabel(f"{samples.SPANS[which].partition(',')[0]} (logarithmic)")
    else:
        ax.yaxis.set_major_locator(NullLocator())
        ax.set_ylabel("no exact RTT")
    return ax


def rtt_box(data: pd.DataFrame, ax: Axes, by: str = "server", which: str = "handshake_rtt") -> Axes:
    """A box for each of the twenty busiest, the slowest on top: p25 to p75, whiskers from p5 to p95."""
    exact = samples.exact(data, which)
    _title(ax, f"Which {by}", data, which, explained="box p25 to p75, whiskers p5 to p95")
    if not len(exact):
        return empty(ax)
    floor = samples.floor(exact[which])
    groups = samples.groups(exact, by, _MOST_BOXES)
    groups.sort(key=lambda group: (not group.pooled, group.data[which].median(), group.name))
    ax.bxp(
        [_box(group.data[which], floor) for group in groups],
        orientation="horizontal", widths=0.42, patch_artist=True, manage_ticks=False,
        boxprops={"facecolor": "#CFE3F1", "edgecolor": BLUE}, whiskerprops={"color": BLUE}, capprops={"color": BLUE},
        medianprops={"color": VERMILION, "linewidth": 1.8},
        flierprops={
            "marker": ".", "markersize": 3, "markerfacecolor": DIM, "markeredgewidth": 0, "alpha": 0.5,
            "rasterized": len(exact) > VECTOR_POINTS,
        },
    )  # fmt: skip
    for row, group in enumerate(groups, start=1):
        # Above its box, not beside it: an IPv6 address would leave no room for the boxes.
        ax.annotate(
            f"{group.name}  n={len(group.data):,}", (0, row + 0.42), xycoords=("axes fraction", "data"),
            xytext=(3, 0), textcoords="offset points", va="center", fontsize=8, color=INK,
        )  # fmt: skip
    ax.yaxis.set_major_locator(NullLocator())
    ax.set_ylim(0.6, len(groups) + 0.7)
    rtt_axis(ax, "x", exact[which], floor)
    ax.set_xlabel(f"{samples.SPANS[which]} (logarithmic)")
    return ax


def rtt_histogram(data: pd.DataFrame, ax: Axes, by: str = "server", which: str = "handshake_rtt") -> Axes:
    """How many handshakes took how long, in ten bins a decade; the six busiest stand on each other."""
    exact = samples.exact(data, which)
    _title(ax, "How many took how long", data, which, explained=f"{_BINS_A_DECADE} bins a decade")
    if not len(exact):
        return empty(ax)
    floor = samples.floor(exact[which])
    seconds = samples.seconds(samples.nanoseconds(exact[which]), floor)
    first, last = np.floor(np.log10(seconds.min()) * 10), np.floor(np.log10(seconds.max()) * 10) + 1
    edges = 10 ** (np.arange(first, last + 1) / _BINS_A_DECADE)
    below = np.zeros(len(edges) - 1)
    handles = []
    for group, (colour, _) in looking(samples.groups(exact, by, len(LOOKS))):
        spans = samples.seconds(samples.nanoseconds(group.data[which]), floor)
        # Rounding may put the least one below the first edge.
        counts, _ = np.histogram(np.clip(spans, edges[0], edges[-1]), edges)
        ax.stairs(below + counts, edges, baseline=below, fill=True, color=colour, alpha=0.85)
        below = below + counts
        handles.append(swatch(colour, f"{group.name}  n={len(group.data):,}"))
    rtt_axis(ax, "x", exact[which], floor)
    ax.set_xlabel(f"{samples.SPANS[which]} (logarithmic)")
    ax.set_ylabel("handshakes")
    ax.set_ylim(0, below.max() * 1.05)
    ax.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    legend(ax, handles)
    return ax


def rtt_figure(handshakes: pd.DataFrame, by: str = "server", which: str = "handshake_rtt") -> Figure:
    """The three charts below each other."""
    boxes = min(len(samples.names(samples.exact(handshakes, which), by).unique()), _MOST_BOXES + 1)
    box_height = 1.1 + 0.36 * max(boxes, 1)
    figure = new_figure(9, 8 + box_height)
    with style():
        top, middle, bottom = figure.subplots(3, height_ratios=(4.2, 3.8, box_height))
        rtt_ecdf(handshakes, top, by, which)
        rtt_over_time(handshakes, middle, by, which, named=False)
        rtt_box(handshakes, bottom, by, which)
    return figure


def _box(rtts: pd.Series[pd.Timedelta], floor: float) -> dict[str, Any]:
    ordered = np.sort(samples.nanoseconds(rtts))
    low, q1, median, q3, high = samples.quantiles(ordered, (5, 25, 50, 75, 95), floor)
    seconds = samples.seconds(ordered, floor)
    fliers = seconds[(seconds < low) | (seconds > high)]
    return {"whislo": low, "q1": q1, "med": median, "q3": q3, "whishi": high, "fliers": fliers}


def _title(ax: Axes, text: str, data: pd.DataFrame, which: str, *, untimed: int = 0, explained: str = "") -> None:
    exact = samples.exact(data, which)
    intervals = int((data[f"{which}_max"].notna() & data[which].isna()).sum())
    zeros = int((samples.nanoseconds(exact[which]) == 0).sum())
    title(
        ax,
        text,
        f"{len(exact):,} exact",
        f"{intervals:,} known only as an interval left out" if intervals else "",
        f"{zeros:,} of 0 s, off the logarithmic scale" if zeros else "",
        f"{untimed:,} without a time left out" if untimed else "",
        explained if len(exact) else "",
    )
