"""When SYNs were sent again: a comb whose teeth say which host, and which timer, sent them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

from pcapcheck.charts.drawing import BLUE, DIM, FAINT, INK, VECTOR_POINTS, VERMILION, empty, legend, title
from pcapcheck.report import rtt_samples as samples
from pcapcheck.report.escape import escaped

if TYPE_CHECKING:
    import pandas as pd

# Gaps in seconds. RFC 6298: the timer begins with 1 s and doubles. Linux 6.5 and later sends the first four repeats
# at the same distance (net.ipv4.tcp_syn_linear_timeouts) and doubles from there.
DOUBLING: Final = (1, 2, 4, 8, 16, 32)
LINEAR: Final = (1, 1, 1, 1, 1, 2, 4, 8)
_MOST_ROWS: Final = 24


def syn_retries(data: pd.DataFrame, ax: Axes) -> Axes:
    """The SYNs of each attempt on a line, as ``observations.retries`` gives them, beside the two usual profiles.

    A row for each of the attempts with the most repeats. What lies off the combs is no usual timer: another stack, a
    program that connects again by itself, or a copy on the way.
    """
    counts = data.groupby("handshake_id", observed=True).size()
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    shown = [number for number, _ in ranked[:_MOST_ROWS]]
    more = f"the {len(shown)} with the most of {len(ranked):,} attempts" if len(ranked) > len(shown) else ""
    title(ax, "When SYNs were sent again", f"{len(data):,} repeats", more)
    if not shown:
        return empty(ax, "no SYN was sent again")
    for row, number in enumerate(shown, start=2):
        mine = data[data["handshake_id"] == number]
        times = np.append(0.0, samples.nanoseconds(mine["since_first"]) / 1e9)
        ax.plot(times, np.full(len(times), row), color=FAINT, linewidth=0.8, zorder=1)
        ax.plot(times, np.full(len(times), row), linestyle="none", marker="|", markersize=9, color=INK)
    longest = float(samples.nanoseconds(data["since_first"]).max()) / 1e9
    for row, (gaps, colour, marker) in enumerate(((DOUBLING, BLUE, "o"), (LINEAR, VERMILION, "s"))):
        teeth = np.append(0, np.cumsum(gaps))
        # One tooth beyond, as the next that would have come.
        teeth = teeth[: int(np.searchsorted(teeth, longest)) + 2]
        ax.plot(teeth, np.full(len(teeth), row), linestyle="none", marker=marker, markersize=5, color=colour)
        for tooth in teeth:
            ax.axvline(tooth, color=colour, alpha=0.25, linewidth=0.8, zorder=0.5)
    names = ["1-2-4 s", "Linux, linear", *(_name(data, number) for number in shown)]
    ax.yaxis.set_major_locator(FixedLocator(list(range(len(names)))))
    ax.set_yticklabels(names, fontsize=7)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.grid(visible=False)
    _time_axis(ax, longest)
    return ax


def syn_gaps(data: pd.DataFrame, ax: Axes) -> Axes:
    """The gap before each repeat of a SYN, by its number.

    1-2-4 s rises, Linux's linear profile stays, a program that connects again by itself is a level of its own.
    """
    title(ax, "How long until a SYN was sent again", f"{len(data):,} repeats")
    if not len(data):
        return empty(ax, "no SYN was sent again")
    retry = data["retry"].to_numpy(np.int64)
    seconds = np.maximum(samples.nanoseconds(data["gap"]) / 1e9, 1e-6)
    # Side by side where they would hide each other; the same on every run.
    spread = ((np.arange(len(data)) * 0.618034) % 1 - 0.5) * 0.5
    ax.plot(
        retry + spread, seconds, linestyle="none", marker="o", markeredgewidth=0, color=INK,
        markersize=4 if len(data) < 300 else 2, alpha=0.8 if len(data) < 300 else 0.3,
        rasterized=len(data) > VECTOR_POINTS,
    )  # fmt: skip
    last = int(retry.max())
    handles: list[Any] = []
    for profile, colour, marker, name in (
        (DOUBLING, BLUE, "o", "doubling from 1 s (RFC 6298)"),
        (LINEAR, VERMILION, "s", "Linux 6.5 and later"),
    ):
        steps = profile[:last]
        ax.plot(
            range(1, len(steps) + 1), steps, color=colour, marker=marker, markersize=5, linewidth=1,
            markerfacecolor="none", zorder=1.5,
        )  # fmt: skip
        handles.append(Line2D([], [], color=colour, marker=marker, markerfacecolor="none", label=name))
    ax.set_yscale("log")
    low, high = min(0.5, float(seconds.min()) / 1.5), max(4.0, float(seconds.max()) * 1.5)
    ax.set_ylim(low, high)
    ticks = [tick for tick in (1e-5, 1e-4, 1e-3, 0.01, 0.1, 0.5, 1, 2, 4, 8, 16, 32, 64, 128) if low <= tick <= high]
    ax.yaxis.set_major_locator(FixedLocator(ticks))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda tick, _: f"{tick:g} s"))
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set_xlim(0.4, last + 0.6)
    ax.xaxis.set_major_locator(FixedLocator(list(range(1, last + 1))))
    ax.set_xlabel("repeat")
    ax.set_ylabel("since the SYN before (logarithmic)")
    legend(ax, handles)
    return ax


def _name(data: pd.DataFrame, number: Any) -> str:
    server = str(data.loc[data["handshake_id"] == number, "server"].iloc[0])
    return f"{number}  {escaped(server)}"


def _time_axis(ax: Axes, longest: float) -> None:
    ax.set_xlim(-longest / 40 - 0.05, longest * 1.05 + 0.1)
    ax.set_xlabel("seconds since the first SYN")
    ax.xaxis.label.set_color(DIM)
