"""``report.plot``: every chart of a report as a method."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pcapcheck.tables import COSTLY

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from pcapcheck.report.report import Report


class Plots:
    """The charts of one report. Each takes the Axes to draw on, or makes a figure of its own, and returns the Axes.

    ``by`` is server, client or capture; ``which`` is handshake_rtt, server_rtt or client_rtt.
    """

    def __init__(self, report: Report) -> None:
        self._report = report

    def rtt_ecdf(self, ax: Axes | None = None, by: str = "server", which: str = "handshake_rtt") -> Axes:
        """How long handshakes take: the share that took no longer, on a logarithmic axis."""
        from pcapcheck import charts

        return _drawn(lambda at: charts.rtt_ecdf(handshakes_to_draw(self._report), at, by, which), ax, 4.2)

    def rtt_over_time(self, ax: Axes | None = None, by: str = "server", which: str = "handshake_rtt") -> Axes:
        """The RTT of each handshake over time, failed attempts as a rug."""
        from pcapcheck import charts

        return _drawn(lambda at: charts.rtt_over_time(handshakes_to_draw(self._report), at, by, which), ax, 4.2)

    def rtt_box(self, ax: Axes | None = None, by: str = "server", which: str = "handshake_rtt") -> Axes:
        """A box for each of the twenty busiest, the slowest on top."""
        from pcapcheck import charts

        return _drawn(lambda at: charts.rtt_box(handshakes_to_draw(self._report), at, by, which), ax, 5)

    def rtt_histogram(self, ax: Axes | None = None, by: str = "server", which: str = "handshake_rtt") -> Axes:
        """How many handshakes took how long, in ten bins a decade."""
        from pcapcheck import charts

        return _drawn(lambda at: charts.rtt_histogram(handshakes_to_draw(self._report), at, by, which), ax, 4.2)

    def answers(self, ax: Axes | None = None) -> Axes:
        """How long until a SYN-ACK came, with the SYNs that got none (Kaplan-Meier)."""
        from pcapcheck import charts
        from pcapcheck.report.observations import waits

        return _drawn(lambda at: charts.answers(waits(self._report), at), ax, 4.2)

    def vantage(self, ax: Axes | None = None, by: str = "server") -> Axes:
        """Where the tap was: server RTT against client RTT."""
        from pcapcheck import charts

        return _drawn(lambda at: charts.vantage(handshakes_to_draw(self._report), at, by), ax, 5)

    def waterfall(self, ax: Axes | None = None, most: int = 60) -> Axes:
        """A bar for each attempt, from SYN to SYN-ACK to ACK."""
        from pcapcheck import charts

        return _drawn(lambda at: charts.waterfall(handshakes_to_draw(self._report), at, most), ax, 6)

    def syn_retries(self, ax: Axes | None = None) -> Axes:
        """When the SYNs of each attempt were sent again, beside the usual timers."""
        from pcapcheck import charts
        from pcapcheck.report.observations import retries

        return _drawn(lambda at: charts.syn_retries(retries(self._report), at), ax, 4.2)

    def syn_gaps(self, ax: Axes | None = None) -> Axes:
        """How long until a SYN was sent again, by the number of the repeat."""
        from pcapcheck import charts
        from pcapcheck.report.observations import retries

        return _drawn(lambda at: charts.syn_gaps(retries(self._report), at), ax, 4.2)

    def outcomes_over_time(self, ax: Axes | None = None) -> Axes:
        """How many attempts began when, and what became of them."""
        from pcapcheck import charts

        return _drawn(lambda at: charts.outcomes_over_time(handshakes_to_draw(self._report), at), ax, 3.6)

    def ladder(self, handshake: int, ax: Axes | None = None) -> Axes:
        """The ladder of one handshake by its ``handshake_id``. Raises UsageError where there is none."""
        from pcapcheck import charts

        if ax is None:
            return charts.ladder_figure(self._report, handshake - 1).axes[0]
        return charts.ladder(self._report, handshake - 1, ax)


def handshakes_to_draw(report: Report) -> pd.DataFrame:
    """The handshakes without what no chart shows and takes most of the time to make."""
    return report.frame("handshakes", exclude=(*COSTLY, "findings", "cause", "certainty"))


def _drawn(draw: Callable[[Axes], Axes], ax: Axes | None, height: float) -> Axes:
    """The chart on the Axes given, in the style that holds there; else in a figure of its own, in pcapcheck's style."""
    if ax is not None:
        return draw(ax)
    from pcapcheck.charts import new_figure, style

    figure = new_figure(9, height)
    with style():
        return draw(figure.subplots())
