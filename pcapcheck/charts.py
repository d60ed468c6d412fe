"""Charts of round-trip times, for matplotlib's object interface: a function takes an Axes, draws and returns it.

They take ``Report.handshakes``, whole or filtered. Only exact samples are drawn; how many handshakes gave only an
interval is said in the corner. Nothing here touches pyplot or the global style.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import matplotlib.style
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter, NullLocator, PercentFormatter

from pcapcheck.errors import UsageError
from pcapcheck.report.escape import escaped

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]

STYLE: Final = str(Path(__file__).with_name("pcapcheck.mplstyle"))

SPANS: Final = {
    "server_rtt": "server RTT, SYN to SYN-ACK",
    "client_rtt": "client RTT, SYN-ACK to ACK",
    "handshake_rtt": "handshake RTT, SYN to ACK",
}
FAILED: Final = ("client-only", "refused", "unreachable", "unanswered", "half-open", "aborted", "invalid")
QUANTILES: Final = (0.50, 0.95, 0.99)

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
_LONGEST_NAME: Final = 46  # an IPv6 address with its port fits


class _Group(NamedTuple):
    name: str
    data: pd.DataFrame  # its handshakes with an exact sample
    colour: str
    marker: str


def rtt_ecdf(data: pd.DataFrame, ax: Axes, by: str = "server", which: str = "handshake_rtt") -> Axes:
    """ECDF of the RTT on a logarithmic axis: a line for each of the six busiest, p50, p95 and p99 marked."""
    exact = _exact(data, which)
    _title(ax, "How long handshakes take", data, which)
    if not len(exact):
        return _empty(ax)
    floor = _floor(exact[which])
    for quantile in QUANTILES:
        ax.axhline(quantile, color="#bbbbbb", linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
        ax.annotate(
            f"p{quantile * 100:.0f}", (1, quantile), xycoords="axes fraction", textcoords="offset points",
            # p95 and p99 lie so close together that their names must part.
            xytext=(3, {0.95: -3, 0.99: 4}.get(quantile, 0)), va="center", fontsize=7, color="#555555",
        )  # fmt: skip
    handles = []
    for group in _groups(exact, by, len(_LOOKS)):
        seconds = np.sort(_seconds(group.data[which], floor))
        count = len(seconds)
        ranks = np.unique(np.linspace(1, count, min(count, _MOST_STEPS)).round().astype(np.int64))
        x = np.concatenate([seconds[:1], seconds[ranks - 1]])
        y = np.concatenate([[0.0], ranks / count])
        ax.plot(x, y, drawstyle="steps-post", color=group.colour, linewidth=1.4)
        marks = [seconds[int(np.ceil(quantile * count)) - 1] for quantile in QUANTILES]
        ax.plot(marks, QUANTILES, linestyle="none", marker=group.marker, markersize=5, color=group.colour)
        label = f"{group.name}  n={count:,}"
        handles.append(Line2D([], [], color=group.colour, marker=group.marker, markersize=5, label=label))
    _rtt_axis(ax, "x", exact[which], floor)
    ax.set_xlabel(f"{SPANS[which]} (logarithmic)")
    ax.set_ylabel("share of handshakes")
    ax.set_ylim(0, 1.03)
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    _legend(ax, handles)
    return ax


def rtt_over_time(
    data: pd.DataFrame, ax: Axes, by: str = "server", which: str = "handshake_rtt", *, legend: bool = True
) -> Axes:
    """The RTT of each handshake over the time of its start, failed attempts as a rug along the top."""
    exact = _exact(data, which)
    timed = exact[exact["start_time"].notna()]
    failed = data[data["outcome"].isin(FAILED) & data["start_time"].notna()]
    _title(ax, "When", data, which, untimed=int(exact["start_time"].isna().sum()))
    if not len(timed) and not len(failed):
        return _empty(ax, "no handshake with an exact RTT and a time, and no failed attempt")
    handles = []
    floor = _floor(exact[which])
    for group in _groups(exact, by, len(_LOOKS)):
        has_time = group.data["start_time"].notna()
        rows = group.data[has_time]
        ax.plot(
            _times(rows), _seconds(rows[which], floor), linestyle="none", marker=group.marker, color=group.colour,
            markersize=4.5 if len(timed) < 300 else 2.5, markeredgewidth=0, alpha=0.85 if len(timed) < 300 else 0.4,
            rasterized=len(timed) > _VECTOR_POINTS,
        )  # fmt: skip
        handles.append(Line2D([], [], linestyle="none", color=group.colour, marker=group.marker, label=group.name))
    handles = handles if legend else []
    if len(failed):
        ax.plot(
            _times(failed), np.full(len(failed), 0.965), transform=ax.get_xaxis_transform(), linestyle="none",
            **_RUG, alpha=1 if len(failed) < 300 else 0.4,
            rasterized=len(failed) > _VECTOR_POINTS,
        )  # fmt: skip
        counts = failed["outcome"].astype("str").value_counts()
        kinds = ", ".join(f"{counts[outcome]:,} {outcome}" for outcome in FAILED if outcome in counts)
        handles.append(Line2D([], [], linestyle="none", **_RUG, label=f"failed attempts: {kinds}"))
    if handles:
        _legend(ax, handles)
    _time_axis(ax, np.concatenate([_times(timed), _times(failed)]))
    if len(timed):
        _rtt_axis(ax, "y", exact[which], floor, headroom=1.6)
        ax.set_ylabel(f"{SPANS[which].partition(',')[0]} (logarithmic)")
    else:
        ax.yaxis.set_major_locator(NullLocator())
        ax.set_ylabel("no exact RTT")
    return ax


def rtt_box(data: pd.DataFrame, ax: Axes, by: str = "server", which: str = "handshake_rtt") -> Axes:
    """A box for each of the twenty busiest, the slowest on top: p25 to p75, whiskers from p5 to p95."""
    exact = _exact(data, which)
    _title(ax, f"Which {by}", data, which)
    if not len(exact):
        return _empty(ax)
    floor = _floor(exact[which])
    groups = _groups(exact, by, _MOST_BOXES)
    groups.sort(key=lambda group: (group.marker != _OTHERS[1], group.data[which].median(), group.name))
    ax.boxplot(
        [_seconds(group.data[which], floor) for group in groups],
        orientation="horizontal", whis=(5, 95), widths=0.42, patch_artist=True,
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
    ax.set_xlabel(f"{SPANS[which]} (logarithmic; box p25 to p75, whiskers p5 to p95)")
    return ax


def rtt_figure(handshakes: pd.DataFrame, by: str = "server", which: str = "handshake_rtt") -> Figure:
    """The three charts below each other."""
    boxes = min(len(_names(_exact(handshakes, which), by).unique()), _MOST_BOXES + 1)
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

    Raises UsageError for another suffix, or where it cannot be written.
    """
    target = Path(path)
    suffix = target.suffix.lower()
    if suffix not in _METADATA:
        raise UsageError(f"{target}: a figure is written as .svg, .png or .pdf, not {suffix or 'without a suffix'}")
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with matplotlib.style.context(STYLE), unfinished.open("xb") as file:
            figure.savefig(file, format=suffix[1:], metadata=_METADATA[suffix])
        unfinished.replace(target)
    except OSError as error:
        raise UsageError(f"{target}: cannot be written: {error.strerror}") from error
    finally:
        unfinished.unlink(missing_ok=True)


# What is drawn.


def _exact(data: pd.DataFrame, which: str) -> pd.DataFrame:
    if which not in SPANS:
        raise UsageError(f"no RTT is called {which!r}: there are {', '.join(SPANS)}")
    return data[data[which].notna()]


def _names(data: pd.DataFrame, by: str) -> pd.Series[str]:
    if by == "server":
        brackets = data["server_ip"].str.contains(":", regex=False)
        address = data["server_ip"].where(~brackets, "[" + data["server_ip"] + "]")
        return address + ":" + data["server_port"].astype(str)
    if by == "client":
        return data["client_ip"]
    if by == "capture":
        return data["capture"].astype(str).map(_shown)
    raise UsageError(f"RTTs are grouped by server, client or capture, not by {by!r}")


def _shown(path: str) -> str:
    """A file name as text of a chart: it is not to be trusted, and ``$`` or a leading ``_`` mean something there."""
    text = escaped(path)
    text = text if len(text) <= _LONGEST_NAME else "…" + text[1 - _LONGEST_NAME :]
    return text.replace("$", r"\$")


def _groups(exact: pd.DataFrame, by: str, most: int) -> list[_Group]:
    """The ``most`` names with the most samples, the busiest first, and the rest pooled."""
    if not len(exact):
        return []
    names = _names(exact, by)
    ranked = sorted(names.value_counts().items(), key=lambda item: (-item[1], str(item[0])))
    kept = [str(name) for name, _ in ranked[:most]]
    groups = [_Group(name, exact[names == name], *_LOOKS[number % len(_LOOKS)]) for number, name in enumerate(kept)]
    if len(ranked) > most:
        groups.append(_Group(f"{len(ranked) - most:,} others", exact[~names.isin(kept)], *_OTHERS))
    return groups


def _floor(rtts: pd.Series[pd.Timedelta]) -> float:
    """Where an RTT of zero is drawn, since a logarithmic axis has no zero: below all that is not zero."""
    positive = rtts[rtts.astype("int64") > 0].astype("int64")
    return max(1, int(positive.min()) // 2) * 1e-9 if len(positive) else 1e-9


def _seconds(rtts: pd.Series[pd.Timedelta], floor: float) -> Floats:
    seconds: Floats = np.maximum(rtts.to_numpy("timedelta64[ns]").astype(np.int64) * 1e-9, floor)
    return seconds


def _times(data: pd.DataFrame) -> npt.NDArray[np.datetime64]:
    times: npt.NDArray[np.datetime64] = data["start_time"].dt.tz_localize(None).to_numpy("datetime64[ns]")
    return times


# Axes, notes.


def _rtt_axis(ax: Axes, which: str, rtts: pd.Series[pd.Timedelta], floor: float, headroom: float = 1) -> None:
    """A logarithmic axis of seconds that shows at least a factor of ten, with 1, 2 and 5 named where it is short."""
    seconds = _seconds(rtts, floor)
    least, most = float(seconds.min()), float(seconds.max())
    widening = max(1.25, (10 * least / most) ** 0.5)
    low, high = least / widening, most * widening * headroom
    axis = ax.xaxis if which == "x" else ax.yaxis
    ax.set(**{f"{which}scale": "log", f"{which}lim": (low, high)})
    decades = np.log10(high / low)
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if decades < 3 else (1,), numticks=12))
    axis.set_minor_locator(LogLocator(subs=range(2, 10), numticks=99) if decades < 6 else NullLocator())
    axis.set_major_formatter(EngFormatter("s"))
    axis.set_minor_formatter(NullFormatter())


def _time_axis(ax: Axes, times: npt.NDArray[np.datetime64]) -> None:
    span = times.max() - times.min()
    margin = max(span // 40, np.timedelta64(1, "ms"))
    ax.set_xlim(times.min() - margin, times.max() + margin)
    locator = AutoDateLocator(minticks=3, maxticks=8)  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    ax.set_xlabel("start of the attempt (UTC)")


def _title(ax: Axes, title: str, data: pd.DataFrame, which: str, untimed: int = 0) -> None:
    """The title, and below it what is drawn and what cannot be."""
    exact = _exact(data, which)
    intervals = int((data[f"{which}_max"].notna() & data[which].isna()).sum())
    zeros = int((exact[which].astype("int64") == 0).sum())
    parts = [f"{len(exact):,} exact"]
    parts += [f"{intervals:,} known only as an interval left out"] if intervals else []
    parts += [f"{zeros:,} of 0 s drawn at the edge"] if zeros else []
    parts += [f"{untimed:,} without a time left out"] if untimed else []
    ax.set_title(title, loc="left", pad=19)
    ax.annotate(
        "; ".join(parts), (0, 1), xycoords="axes fraction", xytext=(0, 8), textcoords="offset points",
        fontsize=8, color="#555555",
    )  # fmt: skip


def _legend(ax: Axes, handles: Sequence[Line2D]) -> None:
    """Below the axes, where it hides nothing, in as many columns as its longest name allows."""
    longest = max(len(str(handle.get_label())) for handle in handles)
    columns = 3 if longest < 32 else 2 if longest < 60 else 1
    ax.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(0, -0.16), borderaxespad=0, ncols=columns, handlelength=1.6
    )


def _empty(ax: Axes, why: str = "no handshake with an exact RTT") -> Axes:
    ax.text(0.5, 0.5, why, transform=ax.transAxes, ha="center", va="center", color="#555555")
    ax.xaxis.set_major_locator(NullLocator())
    ax.yaxis.set_major_locator(NullLocator())
    return ax
