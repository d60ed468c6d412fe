"""The charts of the HTML report: which of them have something to show, and what each says in a sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pcapcheck.report.html.inline_svg import inline_svg
from pcapcheck.report.plots import handshakes_to_draw
from pcapcheck.report.report import Report
from pcapcheck.report.rtt_table import milliseconds, quantile
from pcapcheck.report.summary import counted
from pcapcheck.tables import ABSENT, OUTCOMES
from pcapcheck.traffic import Ints

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH = 6.6  # inches: beside each other in a wide window, and not too small on a telephone
_MOST_WATERFALL = 60


class Drawn(NamedTuple):
    """A chart that has something to show."""

    name: str
    title: str
    description: str
    figure: Figure


class Chart(NamedTuple):
    """As an ``svg`` element."""

    name: str
    title: str
    svg: str


def charts_of(report: Report) -> list[Chart]:
    """The charts as ``svg`` elements of one page."""
    return [
        Chart(one.name, one.title, inline_svg(one.figure, one.name, one.title, one.description))
        for one in drawn(report)
    ]


def colours() -> dict[str, str]:
    """Each outcome's colour in the charts."""
    from pcapcheck.charts.outcomes import COLOURS

    return {name: COLOURS.get(name, COLOURS["undecided"]).lower() for name in OUTCOMES}


def drawn(report: Report) -> list[Drawn]:
    """Every chart that has something to show, in the order in which they are read."""
    if not report.outcomes().total():
        return []
    return list(_all(report))


def _all(report: Report) -> Iterator[Drawn]:
    from pcapcheck import charts
    from pcapcheck.report.observations import retries, waits

    outcomes = report.outcomes()
    total = outcomes.total()
    handshakes = handshakes_to_draw(report)
    timed = bool(handshakes["start_time"].notna().any())
    counts = ", ".join(f"{outcomes[name]} {name}" for name in OUTCOMES if outcomes[name])
    if total > 1 and timed:
        said = f"Of {counted(total, 'attempt')}: {counts}."
        yield _chart("outcomes", "Outcomes over time", said, charts.outcomes_over_time, handshakes, width=10, height=3)

    rtts = {name: _exact(report, name) for name in ("handshake_rtt", "server_rtt", "client_rtt")}
    # Where no handshake has the whole RTT (one side, one completed late), that to the server says most.
    which = next((name for name, values in rtts.items() if len(values)), "")
    if which:
        said = _quantiles(rtts[which])
        yield _chart("ecdf", "Distribution of the round-trip times", said, charts.rtt_ecdf, handshakes, which=which)
    waited = waits(report)
    if len(waited) and waited["answered"].any() and not waited["answered"].all():
        said = _answered(waited["answered"].to_numpy(bool))
        yield _chart("answers", "How long until a SYN-ACK came", said, charts.answers, waited)
    if which:
        measured = handshakes.loc[handshakes[which].notna(), ["server_ip", "server_port"]]
        servers = len(measured.drop_duplicates())
        if timed and len(measured) > 1:
            said = _quantiles(rtts[which])
            yield _chart("when", "Round-trip times over time", said, charts.rtt_over_time, handshakes, which=which)
        if servers > 1:
            said = f"{counted(servers, 'server')}; the table of servers has their quantiles."
            height = 1.5 + 0.36 * min(servers, 21)
            title = "Round-trip times of each server"
            yield _chart("box", title, said, charts.rtt_box, handshakes, height=height, which=which)
    if (handshakes["server_rtt"].notna() & handshakes["client_rtt"].notna()).sum() > 1:
        said = f"Server RTT: {_quantiles(rtts['server_rtt'])} Client RTT: {_quantiles(rtts['client_rtt'])}"
        yield _chart("vantage", "Where the tap was", said, charts.vantage, handshakes, height=4.4)
    repeats = retries(report)
    if len(repeats):
        attempts = int(repeats["handshake_id"].nunique())
        said = f"{counted(len(repeats), 'repeat')} in {counted(attempts, 'attempt')}."
        height = 1.5 + 0.2 * min(attempts + 2, 26)
        yield _chart("retries", "When SYNs were sent again", said, charts.syn_retries, repeats, height=height)
    if 2 <= total <= _MOST_WATERFALL and timed:
        said, height = f"{counted(total, 'attempt')} in order of time.", 1.5 + 0.17 * total
        yield _chart("waterfall", "Set-ups in order", said, charts.waterfall, handshakes, height=height)


def _chart(
    name: str,
    title: str,
    said: str,
    draw: Callable[..., Axes],
    data: pd.DataFrame,
    *,
    width: float = _WIDTH,
    height: float = 3.9,
    **options: Any,
) -> Drawn:
    from pcapcheck.charts import new_figure, style

    figure = new_figure(width, height)
    with style():
        draw(data, figure.subplots(), **options)
    return Drawn(name, title, said, figure)


def _exact(report: Report, name: str) -> Ints:
    values = np.concatenate([getattr(traffic.handshakes, name) for traffic in report.traffics])
    ordered: Ints = np.sort(values[values != ABSENT])
    return ordered


def _quantiles(ordered: Ints) -> str:
    middle, high = (milliseconds(quantile(ordered, percent)) for percent in (50, 95))
    return (
        f"Half of {counted(len(ordered), 'handshake')} took no more than {middle} ms, 95 of 100 no more than {high} ms."
    )


def _answered(answered: np.typing.NDArray[np.bool_]) -> str:
    got = int(answered.sum())
    return f"{got} of {counted(len(answered), 'SYN')} got a SYN-ACK; the others were watched until the capture ended."
