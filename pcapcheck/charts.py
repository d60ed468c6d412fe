"""Charts of round-trip times, for matplotlib's object interface: a function takes an Axes, draws and returns it.

They take ``Report.handshakes``, whole or filtered. Only exact samples are drawn; how many handshakes gave only an
interval is said below the title. Nothing here touches pyplot or the global style.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import matplotlib.style
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import (
    EngFormatter,
    FixedLocator,
    FuncFormatter,
    LogLocator,
    NullFormatter,
    NullLocator,
    PercentFormatter,
)
from matplotlib.transforms import ScaledTranslation

from pcapcheck.errors import UsageError
from pcapcheck.report import rtt_samples as samples
from pcapcheck.report.output import replacing

if TYPE_CHECKING:
    import pandas as pd

STYLE: Final = str(Path(__file__).with_name("pcapcheck.mplstyle"))

FAILED: Final = ("client-only", "refused", "unreachable", "unanswered", "half-open", "aborted", "invalid")
PERCENTS: Final = (50, 95, 99)

# Okabe and Ito's colours without the yellow, which white swallows; every one has a shape of its own as well.
_BLUE, _VERMILION = "#0072B2", "#D55E00"
_LOOKS: Final = (
    (_BLUE, "o"), (_VERMILION, "s"), ("#009E73", "^"), ("#CC79A7", "D"), ("#E69F00", "v"), ("#56B4E9", "P"),
)  # fmt: skip
_OTHERS: Final = ("#767676", "X")
_RUG: Final[dict[str, Any]] = {"marker": "|", "markersize": 9, "markeredgewidth": 1.2, "color": "#B00020"}
_MOST_BOXES: Final = 20
_MOST_STEPS: Final = 2_000  # of one line: finer ones cannot be seen
_VECTOR_POINTS: Final = 2_000  # more points are drawn as an image: 0.09 MB instead of 0.55 for 5,000


def rtt_ecdf(data: pd.DataFrame, ax: Axes, by: str = "server", which: str = "handshake_rtt") -> Axes:
    """ECDF of the RTT on a logarithmic axis: a line for each of the six busiest, p50, p95 and p99 marked."""
    exact = samples.exact(data, which)
    _title(ax, "How long handshakes take", data, which)
    if not len(exact):
        return _empty(ax)
    floor = samples.floor(exact[which])
    for percent in PERCENTS:
        ax.axhline(percent / 100, color="#bbbbbb", linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
        ax.annotate(
            f"p{percent}", (1, percent / 100), xycoords=("axes fraction", "data"), xytext=(3, 0),
            textcoords="offset points", va="center", fontsize=7, color="#555555",
        )  # fmt: skip
    handles = []
    for group, (colour, marker) in _looking(samples.groups(exact, by, len(_LOOKS))):
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
    _rtt_axis(ax, "x", exact[which], floor)
    ax.set_xlabel(f"{samples.SPANS[which]} (logarithmic)")
    ax.set_ylabel("share of handshakes")
    ax.set_ylim(0, 1.03)
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    _legend(ax, handles)
    return ax


def rtt_over_time(
    data: pd.DataFrame, ax: Axes, by: str = "server", which: str = "handshake_rtt", *, legend: bool = True
) -> Axes:
    """The RTT of each handshake over the time of its start, failed attempts as a rug along the top."""
    exact = samples.exact(data, which)
    timed = exact[exact["start_time"].notna()]
    failed = data[data["outcome"].isin(FAILED) & data["start_time"].notna()]
    _title(ax, "When", data, which, untimed=int(exact["start_time"].isna().sum()))
    if not len(timed) and not len(failed):
        return _empty(ax, "no handshake with an exact RTT and a time, and no failed attempt")
    handles = []
    floor = samples.floor(exact[which])
    for group, (colour, marker) in _looking(samples.groups(exact, by, len(_LOOKS))):
        rows = group.data[group.data["start_time"].notna()]
        seconds = samples.seconds(samples.nanoseconds(rows[which]), floor)
        ax.plot(
            _times(rows), seconds, linestyle="none", marker=marker, color=colour,
            markersize=4.5 if len(timed) < 300 else 2.5, markeredgewidth=0, alpha=0.85 if len(timed) < 300 else 0.4,
            rasterized=len(timed) > _VECTOR_POINTS,
        )  # fmt: skip
        handles.append(Line2D([], [], linestyle="none", color=colour, marker=marker, label=group.name))
    handles = handles if legend else []
    if len(failed):
        ax.plot(
            _times(failed), np.full(len(failed), 0.965), transform=ax.get_xaxis_transform(), linestyle="none",
            **_RUG, alpha=1 if len(failed) < 300 else 0.4, rasterized=len(failed) > _VECTOR_POINTS,
        )  # fmt: skip
        counts = failed["outcome"].astype("str").value_counts()
        kinds = ", ".join(f"{counts[outcome]:,} {outcome}" for outcome in FAILED if outcome in counts)
        handles.append(Line2D([], [], linestyle="none", **_RUG, label=f"failed attempts: {kinds}"))
    if handles:
        _legend(ax, handles)
    _time_axis(ax, np.concatenate([_times(timed), _times(failed)]))
    if len(timed):
        _rtt_axis(ax, "y", exact[which], floor, headroom=1.6)
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
        return _empty(ax)
    floor = samples.floor(exact[which])
    groups = samples.groups(exact, by, _MOST_BOXES)
    groups.sort(key=lambda group: (not group.pooled, group.data[which].median(), group.name))
    ax.bxp(
        [_box(group.data[which], floor) for group in groups],
        orientation="horizontal", widths=0.42, patch_artist=True, manage_ticks=False,
        boxprops={"facecolor": "#cfe3f1", "edgecolor": _BLUE}, whiskerprops={"color": _BLUE}, capprops={"color": _BLUE},
        medianprops={"color": _VERMILION, "linewidth": 1.8},
        flierprops={
            "marker": ".", "markersize": 3, "markerfacecolor": "#555555", "markeredgewidth": 0, "alpha": 0.5,
            "rasterized": len(exact) > _VECTOR_POINTS,
        },
    )  # fmt: skip
    for row, group in enumerate(groups, start=1):
        # Above its box, not beside it: an IPv6 address would leave no room for the boxes.
        ax.annotate(
            f"{group.name}  n={len(group.data):,}", (0, row + 0.42), xycoords=("axes fraction", "data"),
            xytext=(3, 0), textcoords="offset points", va="center", fontsize=8, color="#333333",
        )  # fmt: skip
    ax.yaxis.set_major_locator(NullLocator())
    ax.set_ylim(0.6, len(groups) + 0.7)
    _rtt_axis(ax, "x", exact[which], floor)
    ax.set_xlabel(f"{samples.SPANS[which]} (logarithmic)")
    return ax


def rtt_figure(handshakes: pd.DataFrame, by: str = "server", which: str = "handshake_rtt") -> Figure:
    """The three charts below each other."""
    boxes = min(len(samples.names(samples.exact(handshakes, which), by).unique()), _MOST_BOXES + 1)
    box_height = 1.1 + 0.36 * max(boxes, 1)
    with matplotlib.style.context(STYLE):
        figure = Figure(figsize=(9, 8 + box_height))
        top, middle, bottom = figure.subplots(3, height_ratios=(4.2, 3.8, box_height))
        rtt_ecdf(handshakes, top, by, which)
        rtt_over_time(handshakes, middle, by, which, legend=False)
        rtt_box(handshakes, bottom, by, which)
    return figure


_METADATA: Final[dict[str, dict[str, Any]]] = {
    ".svg": {"Date": None}, ".png": {"Software": None}, ".pdf": {"CreationDate": None},
}  # fmt: skip


def save(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Writes the figure as its suffix says (.svg, .png or .pdf): the same figure gives the same bytes.

    Raises UsageError for another suffix, PcapcheckError where it cannot be written.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in _METADATA:
        raise UsageError(f"{path}: a figure is written as .svg, .png or .pdf, not {suffix or 'without a suffix'}")
    with matplotlib.style.context(STYLE), replacing(os.fspath(path)) as unfinished:
        figure.savefig(unfinished, format=suffix[1:], metadata=_METADATA[suffix])


def _looking(groups: Sequence[samples.Group]) -> list[tuple[samples.Group, tuple[str, str]]]:
    """Each group with its colour and marker: the same in every chart of the same handshakes."""
    return [(group, _OTHERS if group.pooled else _LOOKS[number]) for number, group in enumerate(groups)]


def _box(rtts: pd.Series[pd.Timedelta], floor: float) -> dict[str, Any]:
    ordered = np.sort(samples.nanoseconds(rtts))
    low, q1, median, q3, high = samples.quantiles(ordered, (5, 25, 50, 75, 95), floor)
    seconds = samples.seconds(ordered, floor)
    fliers = seconds[(seconds < low) | (seconds > high)]
    return {"whislo": low, "q1": q1, "med": median, "q3": q3, "whishi": high, "fliers": fliers}


def _times(data: pd.DataFrame) -> npt.NDArray[np.datetime64]:
    times: npt.NDArray[np.datetime64] = data["start_time"].dt.tz_localize(None).to_numpy("datetime64[ns]")
    return times


def _rtt_axis(ax: Axes, which: str, rtts: pd.Series[pd.Timedelta], floor: float, headroom: float = 1) -> None:
    """A logarithmic axis of seconds that shows at least a factor of ten, with 1, 2 and 5 named where it is short."""
    seconds = samples.seconds(samples.nanoseconds(rtts), floor)
    least, most = float(seconds.min()), float(seconds.max())
    widening = max(1.25, (10 * least / most) ** 0.5)
    low, high = least / widening, most * widening * headroom
    axis = ax.xaxis if which == "x" else ax.yaxis
    ax.set(**{f"{which}scale": "log", f"{which}lim": (low, high)})
    decades = np.log10(high / low)
    ticks = LogLocator(subs=(1, 2, 5) if decades < 3 else (1,), numticks=12)
    seconds_text = EngFormatter("s")
    if least > floor:
        axis.set_major_locator(ticks)
        axis.set_minor_locator(LogLocator(subs=range(2, 10), numticks=99) if decades < 6 else NullLocator())
        axis.set_major_formatter(seconds_text)
    else:
        axis.set_major_locator(
            FixedLocator([floor, *(tick for tick in ticks.tick_values(low, high) if tick > 2 * floor)])
        )
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda tick, _: "0 s" if tick == floor else seconds_text(tick)))
    axis.set_minor_formatter(NullFormatter())


def _time_axis(ax: Axes, times: npt.NDArray[np.datetime64]) -> None:
    span = times.max() - times.min()
    margin = max(span // 40, np.timedelta64(1, "ms"))
    ax.set_xlim(times.min() - margin, times.max() + margin)
    locator = AutoDateLocator(minticks=3, maxticks=8)  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    ax.set_xlabel("start of the attempt (UTC)")


def _title(ax: Axes, title: str, data: pd.DataFrame, which: str, *, untimed: int = 0, explained: str = "") -> None:
    """The title, and below it what is drawn and what cannot be."""
    exact = samples.exact(data, which)
    intervals = int((data[f"{which}_max"].notna() & data[which].isna()).sum())
    zeros = int((samples.nanoseconds(exact[which]) == 0).sum())
    parts = [f"{len(exact):,} exact"]
    parts += [f"{intervals:,} known only as an interval left out"] if intervals else []
    parts += [f"{zeros:,} of 0 s, off the logarithmic scale"] if zeros else []
    parts += [f"{untimed:,} without a time left out"] if untimed else []
    parts += [explained] if explained and len(exact) else []
    ax.set_title(title, loc="left", pad=19)
    ax.annotate(
        "; ".join(parts), (0, 1), xycoords="axes fraction", xytext=(0, 8), textcoords="offset points",
        fontsize=8, color="#555555",
    )  # fmt: skip


def _legend(ax: Axes, handles: Sequence[Line2D]) -> None:
    """Below the axes, where it hides nothing, in as many columns as its longest name allows."""
    longest = max(len(str(handle.get_label())) for handle in handles)
    below = ax.transAxes + ScaledTranslation(0, -0.5, ax.figure.dpi_scale_trans)  # inches: clear of the axis' label
    ax.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(0, 0), bbox_transform=below, borderaxespad=0,
        ncols=3 if longest < 32 else 2 if longest < 60 else 1, handlelength=1.6, fontsize=8, frameon=False,
    )  # fmt: skip


def _empty(ax: Axes, why: str = "no handshake with an exact RTT") -> Axes:
    ax.text(0.5, 0.5, why, transform=ax.transAxes, ha="center", va="center", color="#555555")
    ax.xaxis.set_major_locator(NullLocator())
    ax.yaxis.set_major_locator(NullLocator())
    return ax
