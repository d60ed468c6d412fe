"""The ladder of one handshake as a matplotlib figure: the drawing of `pcapcheck show`, for notebooks, PNG and PDF."""

from __future__ import annotations

from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from pcapcheck.charts.drawing import new_figure, style
from pcapcheck.report.ladder_layout import LOOKS, WIDTH, Dot, Head, Layout, Line, Words, layout
from pcapcheck.report.report import Report
from pcapcheck.report.steps import story

_INCH: Final = 90  # units of the layout
_POINT: Final = 72 / _INCH
_FONTS: Final = {True: "DejaVu Sans Mono", False: "DejaVu Sans"}


def ladder(report: Report, index: int, ax: Axes, most: int | None = None) -> Axes:
    """The ladder of the handshake at ``index`` in the order of ``report.handshakes``.

    For letters of the right size the figure is as wide as that of ``ladder_figure``. Raises UsageError where there is
    no such handshake.
    """
    return _drawn(layout(story(report, index), most), ax)


def ladder_figure(report: Report, index: int, most: int | None = None) -> Figure:
    """The ladder by itself."""
    drawn = layout(story(report, index), most)
    figure = new_figure(WIDTH / _INCH, drawn.height / _INCH)
    with style():
        figure.set_layout_engine("none")
        _drawn(drawn, figure.add_axes((0, 0, 1, 1)))
    return figure


def _drawn(drawn: Layout, ax: Axes) -> Axes:
    ax.set(xlim=(0, WIDTH), ylim=(drawn.height, 0))
    ax.set_axis_off()
    for shape in drawn.shapes:
        if isinstance(shape, Words):
            _words(ax, shape)
            continue
        look = LOOKS[shape.look]
        if isinstance(shape, Line):
            dashes: Any = (0, tuple(number * _POINT / look.width for number in look.dashes)) if look.dashes else "-"
            width = look.width * _POINT
            ax.plot((shape.x1, shape.x2), (shape.y1, shape.y2), color=look.light, linewidth=width, linestyle=dashes)
        elif isinstance(shape, Dot):
            ax.plot((shape.x,), (shape.y,), marker="o", markersize=6 * _POINT, color=look.light, markeredgewidth=0)
        else:
            ax.add_patch(Polygon(_corners(shape), color=look.light, linewidth=0))
    return ax


def _words(ax: Axes, words: Words) -> None:
    """Runs of one line beside each other; what they are wide together is reckoned, for it is drawn later."""
    widths = [len(text) * LOOKS[look].size * (0.602 if LOOKS[look].mono else 0.6) for text, look in words.runs]
    x = words.x - {"start": 0.0, "middle": 0.5, "end": 1.0}[words.anchor] * sum(widths)
    alone = len(words.runs) == 1
    for (text, name), width in zip(words.runs, widths, strict=True):
        look = LOOKS[name]
        ax.text(
            words.x if alone else x, words.y, text, color=look.light, fontsize=look.size * _POINT,
            family=_FONTS[look.mono], weight="bold" if look.bold else "normal", parse_math=False,
            ha={"start": "left", "middle": "center", "end": "right"}[words.anchor] if alone else "left", va="baseline",
        )  # fmt: skip
        x += width


def _corners(head: Head) -> list[tuple[float, float]]:
    length = (head.dx**2 + head.dy**2) ** 0.5
    x, y = head.dx / length, head.dy / length
    back = (head.x - 9 * x, head.y - 9 * y)
    return [(head.x, head.y), (back[0] - 4 * y, back[1] + 4 * x), (back[0] + 4 * y, back[1] - 4 * x)]
