"""Charts of how connections were set up: a waterfall of attempts, and where the tap was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import EngFormatter, FixedLocator, NullLocator

from pcapcheck.charts.drawing import (
    BLUE,
    DIM,
    FAINT,
    GREEN,
    INK,
    LOOKS,
    RED,
    empty,
    legend,
    log_axis,
    looking,
    points,
    title,
)
from pcapcheck.report import rtt_samples as samples
from pcapcheck.report.escape import escaped
from pcapcheck.tables import FAILED
from pcapcheck.traffic import Ints

if TYPE_CHECKING:
    import pandas as pd

MOST_BARS: Final = 200
_NAMED_BARS: Final = 40  # more names would lie on each other


def waterfall(data: pd.DataFrame, ax: Axes, most: int = 60) -> Axes:
    """A bar for each attempt, from its SYN to the SYN-ACK and on to the ACK; a red mark is one that failed.

    The first ``most`` attempts, MOST_BARS at the utmost.
    """
    timed = data[data["start_time"].notna()].sort_values(["start_time", "handshake_id"], kind="stable")
    shown = timed.head(min(most, MOST_BARS))
    title(
        ax,
        "In which order connections were set up",
        f"the first {len(shown):,} of {len(timed):,} attempts"
        if len(timed) > len(shown)
        else f"{len(shown):,} attempts",
        f"{len(data) - len(timed):,} without a time left out" if len(timed) < len(data) else "",
    )
    if not len(shown):
        return empty(ax, "no attempt with a time")
    start = _seconds(shown["start_time"].dt.tz_localize(None).to_numpy("datetime64[ns]").astype(np.int64))
    server = _span(shown, "server_rtt_max")
    client = _span(shown, "client_rtt_max")
    rows = np.arange(len(shown))
    answered = ~np.isnan(server)
    done = answered & ~np.isnan(client)
    look: dict[str, Any] = {"height": 0.62, "linewidth": 0}
    ax.barh(rows[answered], server[answered], left=start[answered], color=BLUE, **look)
    ax.barh(rows[done], client[done], left=(start + server)[done], color=GREEN, **look)
    failed = shown["outcome"].isin(FAILED).to_numpy()
    ends = start + np.nan_to_num(server) + np.nan_to_num(client)
    ax.plot(start, rows, linestyle="none", marker="|", markersize=7, color=INK)
    ax.plot(ends[failed], rows[failed], linestyle="none", marker="x", markersize=5, markeredgewidth=1.4, color=RED)
    ax.set_ylim(len(shown) - 0.3, -0.7)
    _names(ax, shown)
    span = float(ends.max()) or 1e-3
    ax.set_xlim(-span / 50, span * 1.04)
    ax.xaxis.set_major_formatter(EngFormatter("s"))
    ax.set_xlabel("time since the first of them")
    handles: list[Any] = [
        Patch(color=BLUE, label="SYN to SYN-ACK"),
        Patch(color=GREEN, label="SYN-ACK to ACK"),
    ]
    if failed.any():
        handles.append(Line2D([], [], linestyle="none", marker="x", color=RED, label="failed"))
    legend(ax, handles)
    return ax


def _names(ax: Axes, shown: pd.DataFrame) -> None:
    if len(shown) > _NAMED_BARS:
        ax.yaxis.set_major_locator(NullLocator())
        ax.set_ylabel("attempts in order of time")
        return
    servers = samples.names(shown, "server")
    names = [
        f"{number}  {escaped(server)}"
        for number, server in zip(shown["handshake_id"].tolist(), servers.tolist(), strict=True)
    ]
    ax.yaxis.set_major_locator(FixedLocator(list(range(len(shown)))))
    ax.set_yticklabels(names, fontsize=7)
    ax.grid(visible=False, axis="y")


def vantage(data: pd.DataFrame, ax: Axes, by: str = "server") -> Axes:
    """Server RTT against client RTT of every handshake of which both are exact: where was the tap?

    On the diagonal in the middle; far below it near the client, far above it near the server. One cloud off the others
    is another path.
    """
    both = data[data["server_rtt"].notna() & data["client_rtt"].notna()]
    title(ax, "Where the tap was", f"{len(both):,} with both RTTs exact")
    if not len(both):
        return empty(ax, "no handshake with both RTTs exact")
    spans = {name: samples.nanoseconds(both[name]) for name in ("server_rtt", "client_rtt")}
    positive = np.concatenate([span[span > 0] for span in spans.values()])
    floor = float(positive.min(initial=3 * 10**9)) / 3e9 if len(positive) else 1e-9
    handles = []
    for group, (colour, marker) in looking(samples.groups(both, by, len(LOOKS))):
        x = samples.seconds(samples.nanoseconds(group.data["server_rtt"]), floor)
        y = samples.seconds(samples.nanoseconds(group.data["client_rtt"]), floor)
        ax.plot(x, y, marker=marker, color=colour, **points(len(both), group))
        label = f"{group.name}  n={len(group.data):,}"
        handles.append(Line2D([], [], linestyle="none", color=colour, marker=marker, label=label))
    for which, name in (("x", "server_rtt"), ("y", "client_rtt")):
        log_axis(ax, which, samples.seconds(spans[name], floor), floor)
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    ends = (min(left, bottom), max(right, top))
    ax.plot(ends, ends, color=FAINT, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
    ax.set(xlim=(left, right), ylim=(bottom, top))
    for text, at, across, up in (
        ("nearer to the server", (0.01, 0.97), "left", "top"),
        ("nearer to the client", (0.99, 0.03), "right", "bottom"),
    ):
        ax.text(*at, text, transform=ax.transAxes, ha=across, va=up, fontsize=7.5, color=DIM)
    ax.set_xlabel(f"{samples.SPANS['server_rtt']} (logarithmic)")
    ax.set_ylabel(f"{samples.SPANS['client_rtt']}")
    legend(ax, handles)
    return ax


def _seconds(times: Ints) -> samples.Floats:
    """Seconds after the first: whole nanoseconds until there."""
    found: samples.Floats = (times - times.min()) / 1e9
    return found


def _span(data: pd.DataFrame, name: str) -> samples.Floats:
    column = data[name]
    spans = samples.nanoseconds(column)
    return np.where(column.isna().to_numpy(), np.nan, spans / 1e9)
