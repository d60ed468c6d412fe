"""The product-limit estimate against examples reckoned by hand, and its chart."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pcapcheck import charts

MS = 10**6


def waits(*rows: tuple[str, int, bool]) -> pd.DataFrame:
    """Server, wait in ns, answered."""
    servers, spans, answered = zip(*rows, strict=True) if rows else ([], [], [])
    return pd.DataFrame(
        {
            "server": pd.Series(servers, dtype=object),
            "wait": np.array(spans, np.int64).view("timedelta64[ns]"),
            "answered": np.array(answered, bool),
        }
    )


def axes() -> Axes:
    return Figure().subplots()


def test_remission_times_of_freireich() -> None:
    """Weeks of remission under 6-mercaptopurine; with +: still in remission then. Freireich et al., Blood 21 (1963).

    The example of most textbooks: D. Collett, Modelling Survival Data in Medical Research; J. P. Klein and
    M. L. Moeschberger, Survival Analysis. Band: log(-log S), 95 %.
    """
    weeks = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
    ended = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
    curve = charts.kaplan_meier(np.array(weeks), np.array(ended, bool))
    assert curve.times.tolist() == [6, 7, 10, 13, 16, 22, 23]
    assert curve.at_risk.tolist() == [21, 17, 15, 12, 11, 7, 6]
    by_hand = np.cumprod([18 / 21, 16 / 17, 14 / 15, 11 / 12, 10 / 11, 6 / 7, 5 / 6])
    assert curve.waiting == pytest.approx(by_hand)
    assert curve.waiting.round(3).tolist() == [0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448]
    assert curve.low.round(3).tolist() == [0.620, 0.563, 0.503, 0.432, 0.368, 0.268, 0.188]
    assert curve.high.round(3).tolist() == [0.952, 0.923, 0.889, 0.849, 0.805, 0.747, 0.680]


def test_who_is_censored_at_a_time_was_still_watched_then() -> None:
    curve = charts.kaplan_meier(np.array([5, 5, 9]), np.array([True, False, True]))
    assert curve.at_risk.tolist() == [3, 1]
    assert curve.waiting == pytest.approx([2 / 3, 0])


def test_where_none_is_left_there_is_no_band() -> None:
    curve = charts.kaplan_meier(np.array([1, 2]), np.array([True, True]))
    assert np.isnan(curve.low).tolist() == np.isnan(curve.high).tolist() == [False, True]


def test_none_answered_gives_no_step() -> None:
    assert len(charts.kaplan_meier(np.array([3, 4]), np.array([False, False])).times) == 0
    assert len(charts.kaplan_meier(np.array([], np.int64), np.array([], bool)).times) == 0


@given(st.lists(st.tuples(st.integers(1, 12), st.booleans()), min_size=1, max_size=30))
def test_it_is_the_product_over_the_moments(rows: list[tuple[int, bool]]) -> None:
    """The definition, in fractions."""
    curve = charts.kaplan_meier(np.array([time for time, _ in rows]), np.array([event for _, event in rows]))
    waiting, expected = Fraction(1), []
    for moment in sorted({time for time, event in rows if event}):
        left = sum(time >= moment for time, _ in rows)
        waiting *= 1 - Fraction(sum(time == moment and event for time, event in rows), left)
        expected.append(float(waiting))
    assert curve.waiting == pytest.approx(expected)
    known = ~np.isnan(curve.low)
    assert (curve.low[known] <= curve.waiting[known] + 1e-12).all()
    assert (curve.waiting[known] <= curve.high[known] + 1e-12).all()
    assert ((curve.low[known] >= 0) & (curve.high[known] <= 1)).all()


@given(st.lists(st.integers(1, 9), min_size=1, max_size=20))
def test_without_censoring_it_is_the_ecdf(times: Sequence[int]) -> None:
    curve = charts.kaplan_meier(np.array(times), np.ones(len(times), bool))
    assert 1 - curve.waiting == pytest.approx([sum(time <= at for time in times) / len(times) for at in curve.times])


def steps(ax: Axes) -> list[tuple[list[float], list[float]]]:
    lines = [line for line in ax.lines if line.get_drawstyle() == "steps-post"]
    return [(line.get_xdata().tolist(), line.get_ydata().tolist()) for line in lines]


def legend(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_the_unanswered_keep_the_curve_from_one() -> None:
    data = waits(("a:1", 10 * MS, True), ("a:1", 20 * MS, True), ("a:1", 9000 * MS, False), ("a:1", 9000 * MS, False))
    ax = charts.answers(data, axes())
    ((times, shares),) = steps(ax)
    assert times == pytest.approx([0.01, 0.01, 0.02, 9.0])
    assert shares == pytest.approx([0, 0.25, 0.5, 0.5])
    assert legend(ax) == ["a:1  n=4, 2 unanswered"]
    assert len(ax.collections) == 1, "the band"
    assert "2 answered; 2 not, watched until the end of the capture; Kaplan-Meier, 95 % band" in [
        text.get_text() for text in ax.texts
    ]


def test_a_server_that_never_answered_is_a_line_at_zero() -> None:
    ax = charts.answers(waits(("a:1", MS, True), ("b:1", 9 * MS, False)), axes())
    assert legend(ax) == ["a:1  n=1", "b:1  n=1, none answered"]


def test_beyond_four_servers_the_rest_is_one_line() -> None:
    rows = [(f"s{server}:1", MS * (1 + server), True) for server in range(7) for _ in range(9 - server)]
    ax = charts.answers(waits(*rows), axes())
    assert legend(ax)[-1] == "3 others  n=12"
    assert len(steps(ax)) == 5


@pytest.mark.parametrize(
    ("data", "says"), [(waits(), "no SYN was captured"), (waits(("a:1", MS, False)), "no SYN was answered")]
)
def test_nothing_to_draw_is_said(data: pd.DataFrame, says: str) -> None:
    assert says in [text.get_text() for text in charts.answers(data, axes()).texts]


def test_a_million_waits_are_few_steps() -> None:
    spans = np.arange(1, 10**6 + 1)
    data = pd.DataFrame({"server": "a:1", "wait": spans.view("timedelta64[ns]"), "answered": spans % 10 > 0})
    ((times, _),) = steps(charts.answers(data, axes()))
    assert len(times) < 500
