"""What all charts share: the style, colours with shapes, axes, titles, and how a figure becomes a file."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import matplotlib.style
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator
from matplotlib.transforms import ScaledTranslation

from pcapcheck.errors import UsageError
from pcapcheck.report import rtt_samples as samples
from pcapcheck.report.output import replacing

if TYPE_CHECKING:
    import pandas as pd

STYLE: Final = str(Path(__file__).with_name("pcapcheck.mplstyle"))

# Okabe and Ito's colours without the yellow, which white swallows; every one has a shape of its own as well.
BLUE, VERMILION, GREEN = "#0072B2", "#D55E00", "#009E73"
LOOKS: Final = (
    (BLUE, "o"), (VERMILION, "s"), (GREEN, "^"), ("#CC79A7", "D"), ("#E69F00", "v"), ("#56B4E9", "P"),
)  # fmt: skip
OTHERS: Final = ("#767676", "X")
RED: Final = "#B00020"
INK, DIM, FAINT = "#333333", "#555555", "#bbbbbb"
VECTOR_POINTS: Final = 2_000  # more points are drawn as an image: 0.09 MB instead of 0.55 for 5,000

_METADATA: Final[dict[str, dict[str, Any]]] = {".svg": {}, ".png": {"Software": None}, ".pdf": {"CreationDate": None}}
_MADE_ID: Final = re.compile(r'( id="|"#|url\(#)([a-z](?:mage)?[0-9a-f]{10})(?=["\)])')


def new_figure(width: float, height: float) -> Figure:
    """An empty figure in the style; its charts are to be drawn in ``style()`` too. Sizes in inches."""
    with style():
        return Figure(figsize=(width, height))


def style() -> Any:
    """The style as a context: nothing of it stays."""
    return matplotlib.style.context(STYLE)


def save(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Writes the figure as its suffix says (.svg, .png or .pdf): the same figure gives the same bytes.

    Raises UsageError for another suffix, PcapcheckError where it cannot be written.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in _METADATA:
        raise UsageError(f"{path}: a figure is written as .svg, .png or .pdf, not {suffix or 'without a suffix'}")
    with style(), replacing(os.fspath(path)) as unfinished:
        if suffix == ".svg":
            Path(unfinished).write_text(svg(figure), encoding="utf-8", newline="\n")
        else:
            figure.savefig(unfinished, format=suffix[1:], metadata=_METADATA[suffix])


def svg(figure: Figure, dpi: float = 150) -> str:
    """The figure as SVG; what is a raster in it has ``dpi`` dots an inch.

    Its ids are numbers: matplotlib makes them from coordinates, whose last bits the solver of the layout leaves to
    chance.
    """
    out = StringIO()
    with style():
        figure.savefig(out, format="svg", dpi=dpi, metadata={"Date": None})
    numbers: dict[str, str] = {}

    def numbered(found: re.Match[str]) -> str:
        return found[1] + numbers.setdefault(found[2], f"{found[2][0]}{len(numbers) + 1}")

    return _MADE_ID.sub(numbered, out.getvalue())


def looking(groups: Sequence[samples.Group]) -> list[tuple[samples.Group, tuple[str, str]]]:
    """Each group with its colour and marker: the same in every chart of the same handshakes."""
    return [(group, OTHERS if group.pooled else LOOKS[number]) for number, group in enumerate(groups)]


def points(many: int, group: samples.Group) -> dict[str, Any]:
    """How the points of a group look among so many: none hides the others, and those of the rest lie below."""
    return {
        "linestyle": "none",
        "markeredgewidth": 0,
        "markersize": 4.5 if many < 300 else 2.5 if many < 20_000 else 1.6,
        "alpha": 0.85 if many < 300 else 0.4 if many < 20_000 else 0.25,
        "rasterized": many > VECTOR_POINTS,
        "zorder": 1.5 if group.pooled else 2,
    }


def start_times(data: pd.DataFrame) -> npt.NDArray[np.datetime64]:
    """When the attempts began, as matplotlib takes it."""
    times: npt.NDArray[np.datetime64] = data["start_time"].dt.tz_localize(None).to_numpy("datetime64[ns]")
    return times


def rtt_axis(ax: Axes, which: str, rtts: pd.Series[pd.Timedelta], floor: float, headroom: float = 1) -> None:
    """A logarithmic axis for these RTTs, those of zero at ``floor``."""
    log_axis(ax, which, samples.seconds(samples.nanoseconds(rtts), floor), floor, headroom)


def log_axis(ax: Axes, which: str, seconds: samples.Floats, floor: float, headroom: float = 1) -> None:
    """A logarithmic axis of seconds that shows at least a factor of ten, with 1, 2 and 5 named where it is short."""
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


def time_axis(ax: Axes, times: npt.NDArray[np.datetime64]) -> None:
    """An axis of dates with room on both sides."""
    span = times.max() - times.min()
    margin = max(span // 40, np.timedelta64(1, "ms"))
    ax.set_xlim(times.min() - margin, times.max() + margin)
    locator = AutoDateLocator(minticks=3, maxticks=8)  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    ax.set_xlabel("start of the attempt (UTC)")


def quantile_lines(ax: Axes, percents: Sequence[int]) -> None:
    """Faint lines at these heights of an axis of shares, named on the right."""
    for percent in percents:
        ax.axhline(percent / 100, color=FAINT, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
        ax.annotate(
            f"p{percent}", (1, percent / 100), xycoords=("axes fraction", "data"), xytext=(3, 0),
            textcoords="offset points", va="center", fontsize=7, color=DIM,
        )  # fmt: skip


def title(ax: Axes, text: str, *parts: str) -> None:
    """The title, and below it what is drawn and what cannot be."""
    ax.set_title(text, loc="left", pad=19)
    ax.annotate(
        "; ".join(filter(None, parts)), (0, 1), xycoords="axes fraction", xytext=(0, 8),
        textcoords="offset points", fontsize=8, color=DIM,
    )  # fmt: skip


def legend(ax: Axes, handles: Sequence[Any]) -> None:
    """Below the axes, where it hides nothing, in as many columns as its longest name allows."""
    longest = max(len(str(handle.get_label())) for handle in handles)
    figure: Any = ax.figure
    below = ax.transAxes + ScaledTranslation(0, -0.5, figure.dpi_scale_trans)  # inches: clear of the axis' label
    ax.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(0, 0), bbox_transform=below, borderaxespad=0,
        ncols=3 if longest < 32 else 2 if longest < 60 else 1, handlelength=1.6, fontsize=8, frameon=False,
    )  # fmt: skip


def swatch(colour: str, label: str) -> Line2D:
    """An entry of a legend for an area of this colour."""
    return Line2D([], [], linestyle="none", marker="s", markersize=7, color=colour, label=label)


def empty(ax: Axes, why: str = "no handshake with an exact RTT") -> Axes:
    """A chart of nothing, which says so."""
    ax.text(0.5, 0.5, why, transform=ax.transAxes, ha="center", va="center", color=DIM)
    ax.xaxis.set_major_locator(NullLocator())
    ax.yaxis.set_major_locator(NullLocator())
    return ax
