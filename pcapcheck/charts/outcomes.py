"""What became of attempts over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import date2num
from matplotlib.ticker import MaxNLocator

from pcapcheck.charts.drawing import empty, legend, start_times, swatch, time_axis, title
from pcapcheck.tables import FAILED, OUTCOMES

if TYPE_CHECKING:
    import pandas as pd

_BINS: Final = 60
# Failures from yellow to dark red by how they end, told apart without colour by their order on the stack.
COLOURS: Final = {
    "established": "#0072B2",
    "client-only": "#CC79A7",
    "refused": "#D55E00",
    "unreachable": "#8C4A00",
    "unanswered": "#E69F00",
    "half-open": "#9E6AB8",
    "aborted": "#B00020",
    "invalid": "#5C0011",
    "undecided": "#9AA4AE",
}


def outcomes_over_time(data: pd.DataFrame, ax: Axes) -> Axes:
    """How many attempts began when, and what became of them: sixty bars at most, failures on top."""
    timed = data[data["start_time"].notna()]
    untimed = len(data) - len(timed)
    times = start_times(timed)
    title(
        ax,
        "What became of the attempts",
        f"{len(timed):,} attempts",
        f"{untimed:,} without a time left out" if untimed else "",
    )
    if not len(timed):
        return empty(ax, "no attempt with a time")
    first, last = times.min(), times.max()
    width = _bar_width(int((last - first).astype(np.int64)))
    bins = int((last - first).astype(np.int64)) // width + 1
    position = (times - first).astype(np.int64) // width
    outcome = timed["outcome"].astype("str").to_numpy(object)
    edges = date2num(first + np.arange(bins + 1) * np.timedelta64(width, "ns"))  # type: ignore[no-untyped-call]
    below = np.zeros(bins)
    handles = []
    for name, colour in COLOURS.items():
        mine = outcome == name if name != "undecided" else ~np.isin(outcome.astype(str), (*FAILED, "established"))
        if not mine.any():
            continue
        counts = np.bincount(position[mine], minlength=bins)
        ax.stairs(below + counts, edges, baseline=below, fill=True, color=colour)
        below = below + counts
        handles.append(swatch(colour, f"{name}  {int(mine.sum()):,}"))
    time_axis(ax, times)
    margin = (edges[-1] - edges[0]) / 60
    ax.set_xlim(edges[0] - margin, edges[-1] + margin)
    ax.set_ylim(0, below.max() * 1.05)
    ax.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    ax.set_ylabel(f"attempts in {_span(width)}")
    legend(ax, handles)
    return ax


assert set(COLOURS) - {"undecided"} <= set(OUTCOMES)

_WIDTHS: Final = [
    unit * step
    for unit, steps in (
        (10**3, (1, 2, 5, 10, 20, 50, 100, 200, 500)),
        (10**6, (1, 2, 5, 10, 20, 50, 100, 200, 500)),
        (10**9, (1, 2, 5, 10, 15, 30)),
        (60 * 10**9, (1, 2, 5, 10, 15, 30)),
        (3600 * 10**9, (1, 2, 3, 6, 12, 24, 48, 168)),
    )
    for step in steps
]


def _bar_width(span: int) -> int:
    """A round number of nanoseconds that makes of the span at most so many bars."""
    return next((width for width in _WIDTHS if width * (_BINS - 1) >= span), span // (_BINS - 1) + 1)


def _span(width: int) -> str:
    for unit, size in (("h", 3600 * 10**9), ("min", 60 * 10**9), ("s", 10**9), ("ms", 10**6), ("µs", 10**3)):
        if width % size == 0:
            return f"{width // size} {unit}"
    return f"{width / 1e9:g} s"
