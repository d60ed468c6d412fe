"""Charts for matplotlib's object interface: a function takes an Axes, draws on it and returns it.

Most take ``Report.handshakes``, whole or filtered; ``Report.plot`` has every one as a method that makes the figure too.
Nothing here touches pyplot or the global style: draw inside ``style()`` for the look of pcapcheck.
"""

from pcapcheck.charts.drawing import STYLE, new_figure, save, style
from pcapcheck.charts.ladder import ladder, ladder_figure
from pcapcheck.charts.outcomes import outcomes_over_time
from pcapcheck.charts.retries import syn_gaps, syn_retries
from pcapcheck.charts.rtt import rtt_box, rtt_ecdf, rtt_figure, rtt_histogram, rtt_over_time
from pcapcheck.charts.setups import vantage, waterfall
from pcapcheck.charts.survival import answers, kaplan_meier

__all__ = [
    "STYLE",
    "answers",
    "kaplan_meier",
    "ladder",
    "ladder_figure",
    "new_figure",
    "outcomes_over_time",
    "rtt_box",
    "rtt_ecdf",
    "rtt_figure",
    "rtt_histogram",
    "rtt_over_time",
    "save",
    "style",
    "syn_gaps",
    "syn_retries",
    "vantage",
    "waterfall",
]
