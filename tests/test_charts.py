"""Charts by their artists: what is drawn where, what is left out and said so, and that the bytes stay the same."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib
import matplotlib.pyplot
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import same_color
from matplotlib.figure import Figure
from matplotlib.text import Text

import pcapcheck
from pcapcheck import charts
from pcapcheck.errors import PcapcheckError, UsageError
from pcapcheck.report import rtt_samples
from pcapcheck.report.rtt_samples import SPANS

MS: Final = 10**6
START: Final = 1_767_225_600 * 10**9
FAST, SLOW = "198.51.100.1", "2001:db8::2"


def handshakes(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """The columns of Report.handshakes that a chart reads. ``rtt`` is in ns: None is none, a pair is an interval."""

    def span(value: Any, end: int) -> int | None:
        return value[end] if isinstance(value, tuple) else value

    rtts = [row.get("rtt") for row in rows]
    exact = [None if isinstance(rtt, tuple) else rtt for rtt in rtts]
    columns: dict[str, Any] = {
        "capture": pd.Categorical([row.get("capture", "a.pcap") for row in rows]),
        "client_ip": pd.Series([row.get("client", "192.0.2.1") for row in rows], dtype="str"),
        "server_ip": pd.Series([row.get("server", FAST) for row in rows], dtype="str"),
        "server_port": pd.Series([443 for _ in rows], dtype="uint16"),
        "outcome": pd.Categorical([row.get("outcome", "established") for row in rows]),
        "start_time": pd.Series(
            [row.get("time", START + number * 10**9) for number, row in enumerate(rows)], dtype="datetime64[ns]"
        ).dt.tz_localize("UTC"),
    }
    for name in SPANS:
        columns[name] = pd.Series(exact, dtype="timedelta64[ns]")
        columns[f"{name}_min"] = pd.Series([span(rtt, 0) for rtt in rtts], dtype="timedelta64[ns]")
        columns[f"{name}_max"] = pd.Series([span(rtt, 1) for rtt in rtts], dtype="timedelta64[ns]")
    return pd.DataFrame(columns)


def axes() -> Axes:
    return Figure().subplots()


def texts(ax: Axes) -> str:
    found = "\n".join(text.get_text() for text in ax.findobj(Text))
    return f"{found}\n{ax.get_title(loc='left')}"


def legend(ax: Axes) -> list[str]:
    box = ax.get_legend()
    return [] if box is None else [text.get_text() for text in box.get_texts()]


def curves(ax: Axes) -> list[Any]:
    return [line for line in ax.lines if line.get_drawstyle() == "steps-post"]


def marked(ax: Axes) -> list[Any]:
    """Lines of points only: the marks of the ECDF, the points of the scatter, the rug."""
    return [line for line in ax.lines if line.get_linestyle() == "None"]


def tick_texts(ax: Axes, which: str) -> list[str]:
    axis, (low, high) = (ax.xaxis, ax.get_xlim()) if which == "x" else (ax.yaxis, ax.get_ylim())
    ticks = [tick for tick in axis.get_majorticklocs() if low <= tick <= high]
    return axis.get_major_formatter().format_ticks(ticks)


TWENTY: Final = handshakes([{"rtt": MS * n} for n in range(20, 0, -1)])
MIXED: Final = handshakes(
    [
        *({"rtt": 20 * MS, "server": FAST} for _ in range(3)),
        *({"rtt": 200 * MS, "server": SLOW} for _ in range(2)),
        {"rtt": (5 * MS, 1005 * MS)},
        {"outcome": "refused"},
        {"outcome": "refused"},
        {"outcome": "unanswered"},
        {"outcome": "midstream"},
    ]
)


def test_an_ecdf_climbs_one_step_a_handshake() -> None:
    ax = axes()
    assert charts.rtt_ecdf(TWENTY, ax) is ax
    (curve,) = curves(ax)
    assert curve.get_xdata() == pytest.approx(np.array([1, *range(1, 21)]) / 1e3)
    assert curve.get_ydata() == pytest.approx(np.arange(21) / 20)
    assert ax.get_xscale() == "log"
    assert ax.get_xlabel() == "handshake RTT, SYN to ACK (logarithmic)"
    assert legend(ax) == ["198.51.100.1:443  n=20"]


def test_quantiles_are_values_that_were_measured() -> None:
    ax = charts.rtt_ecdf(TWENTY, axes())
    (marks,) = marked(ax)
    assert marks.get_xdata() == pytest.approx(np.array([10, 19, 20]) / 1e3)
    assert marks.get_ydata() == pytest.approx([0.50, 0.95, 0.99])
    named = {text.get_text(): text.xy[1] for text in ax.texts if text.get_text().startswith("p")}
    assert named == {"p50": 0.50, "p95": 0.95, "p99": 0.99}


def test_one_line_a_server_with_colours_and_shapes_of_their_own() -> None:
    ax = charts.rtt_ecdf(MIXED, axes())
    assert legend(ax) == [f"{FAST}:443  n=3", f"[{SLOW}]:443  n=2"]
    assert [line.get_xdata().max() for line in curves(ax)] == pytest.approx([0.020, 0.200])
    assert not same_color(*[line.get_color() for line in curves(ax)])
    assert len({line.get_marker() for line in marked(ax)}) == 2


def test_an_interval_is_no_point_and_is_said() -> None:
    for chart in (charts.rtt_ecdf, charts.rtt_over_time, charts.rtt_box):
        assert "5 exact; 1 known only as an interval left out" in texts(chart(MIXED, axes()))
    drawn = charts.rtt_over_time(MIXED, axes())
    assert sum(len(line.get_xdata()) for line in marked(drawn)[:-1]) == 5


def test_beyond_six_servers_the_rest_is_pooled() -> None:
    rows = [{"rtt": MS * (k + 1), "server": f"198.51.100.{k}"} for k in range(9) for _ in range(20 - k)]
    names = legend(charts.rtt_ecdf(handshakes(rows), axes()))
    assert names[:2] == ["198.51.100.0:443  n=20", "198.51.100.1:443  n=19"]
    assert names[6:] == ["3 others  n=39"]


@pytest.mark.parametrize(
    ("by", "name"), [("server", "198.51.100.1:443"), ("client", "192.0.2.1"), ("capture", "a.pcap")]
)
def test_groups(by: str, name: str) -> None:
    assert legend(charts.rtt_ecdf(TWENTY, axes(), by=by)) == [f"{name}  n=20"]
    assert f"Which {by}" in texts(charts.rtt_box(TWENTY, axes(), by=by))


def test_wrong_words_are_usage_errors() -> None:
    with pytest.raises(UsageError, match="server, client or capture, not by 'port'"):
        charts.rtt_ecdf(TWENTY, axes(), by="port")
    with pytest.raises(UsageError, match="no RTT is called 'rtt'"):
        charts.rtt_figure(TWENTY, which="rtt")


def test_each_rtt_at_its_time() -> None:
    ax = charts.rtt_over_time(MIXED, axes())
    fast, slow, _ = marked(ax)
    assert list(fast.get_xdata()) == list(np.array([START, START + 10**9, START + 2 * 10**9], "datetime64[ns]"))
    assert fast.get_ydata() == pytest.approx([0.020] * 3)
    assert slow.get_ydata() == pytest.approx([0.200] * 2)
    assert ax.get_xlabel() == "start of the attempt (UTC)"


def test_failed_attempts_are_a_rug_along_the_top() -> None:
    ax = charts.rtt_over_time(MIXED, axes())
    rug = marked(ax)[-1]
    times = np.array([START + n * 10**9 for n in (6, 7, 8)], "datetime64[ns]")
    assert list(rug.get_xdata()) == list(times), "midstream is no failed attempt"
    assert rug.get_marker() == "|"
    heights = rug.get_transform().transform(np.column_stack([matplotlib.dates.date2num(times), rug.get_ydata()]))[:, 1]
    top, bottom = ax.bbox.y1, ax.bbox.y0
    assert all(0.9 < (height - bottom) / (top - bottom) < 1 for height in heights)
    assert legend(ax)[-1] == "failed attempts: 2 refused, 1 unanswered"
    assert max(line.get_ydata().max() for line in marked(ax)[:-1]) < ax.get_ylim()[1] / 1.5, "room for the rug"


def test_failed_attempts_alone() -> None:
    ax = charts.rtt_over_time(MIXED[MIXED["outcome"] == "refused"], axes())
    assert legend(ax) == ["failed attempts: 2 refused"]
    assert ax.get_ylabel() == "no exact RTT"


def test_a_capture_without_times() -> None:
    ax = charts.rtt_over_time(handshakes([{"rtt": MS, "time": None}, {"rtt": 2 * MS, "time": START}]), axes())
    assert [len(line.get_xdata()) for line in marked(ax)] == [1]
    assert "1 without a time left out" in texts(ax)


@pytest.mark.parametrize(("count", "raster"), [(2_000, False), (2_001, True)])
def test_many_points_are_drawn_as_an_image(count: int, raster: bool) -> None:
    data = handshakes([{"rtt": MS + n, "time": START + n} for n in range(count)])
    (points,) = marked(charts.rtt_over_time(data, axes()))
    assert bool(points.get_rasterized()) is raster
    (curve,) = curves(charts.rtt_ecdf(data, axes()))
    assert len(curve.get_xdata()) == 401, "steps too fine to see are left out, the ends are not"
    assert curve.get_xdata()[[0, -1]] == pytest.approx([1e-3, (MS + count - 1) / 1e9], rel=1e-12)
    assert curve.get_ydata()[-1] == 1


def box_lines(ax: Axes) -> list[tuple[float, float]]:
    """Median and end of the upper whisker of each box, from the bottom."""
    medians = [line for line in ax.lines if same_color(line.get_color(), "#D55E00")]
    whiskers = [line for line in ax.lines if len(line.get_xdata()) == 2 and same_color(line.get_color(), "#0072B2")]
    found = []
    for median in medians:
        row = np.mean(median.get_ydata())
        ends = [line.get_xdata().max() for line in whiskers if np.mean(line.get_ydata()) == pytest.approx(row)]
        found.append((float(median.get_xdata()[0]), float(max(ends))))
    return found


def test_boxes_have_the_slowest_on_top() -> None:
    ax = charts.rtt_box(MIXED, axes())
    assert [median for median, _ in box_lines(ax)] == pytest.approx([0.020, 0.200])
    names = [(text.get_text(), text.xy[1]) for text in ax.texts if "n=" in text.get_text()]
    assert [name for name, _ in names] == [f"{FAST}:443  n=3", f"[{SLOW}]:443  n=2"]
    assert names[0][1] < names[1][1]


def test_a_box_is_made_of_measured_quantiles() -> None:
    assert box_lines(charts.rtt_box(TWENTY, axes())) == [pytest.approx((0.010, 0.019))]


def test_beyond_twenty_boxes_the_rest_is_one_at_the_bottom() -> None:
    rows = [{"rtt": MS * (k + 1), "server": f"198.51.100.{k}"} for k in range(23) for _ in range(30 - k)]
    ax = charts.rtt_box(handshakes(rows), axes())
    names = [text.get_text() for text in ax.texts if "n=" in text.get_text()]
    assert len(names) == 21
    assert names[0] == "3 others  n=27"


def test_zero_has_a_tick_of_its_own() -> None:
    data = handshakes([{"rtt": 0}, {"rtt": 0}, {"rtt": 6 * MS}, {"rtt": 60 * MS}])
    ax = charts.rtt_ecdf(data, axes())
    (curve,) = curves(ax)
    zero = curve.get_xdata()[0]
    assert 0 < zero < 0.006 / 2
    assert curve.get_ydata()[curve.get_xdata() == zero].max() == 0.5
    labels = tick_texts(ax, "x")
    assert labels[0] == "0 s"
    assert labels[1:] == ["5 ms", "10 ms", "20 ms", "50 ms"]
    assert "2 of 0 s, off the logarithmic scale" in texts(ax)
    assert tick_texts(charts.rtt_over_time(data, axes()), "y")[0] == "0 s"


def test_one_nanosecond_is_not_zero() -> None:
    ax = charts.rtt_ecdf(handshakes([{"rtt": 1}, {"rtt": 5}]), axes())
    assert "0 s" not in tick_texts(ax, "x")
    assert "1 ns" in tick_texts(ax, "x")


@pytest.mark.parametrize("rtts", [[7 * MS], [MS, MS + 1], [100, 3 * 10**9], [40 * MS, 90 * MS]])
def test_an_axis_always_has_ticks_with_units(rtts: list[int]) -> None:
    labels = tick_texts(charts.rtt_ecdf(handshakes([{"rtt": rtt} for rtt in rtts]), axes()), "x")
    assert 2 <= len(labels) <= 12
    assert all(label.split()[1] in ("ns", "µs", "ms", "s") for label in labels)


@pytest.mark.parametrize("data", [MIXED.iloc[:0], MIXED[MIXED["outcome"] == "midstream"]], ids=["no row", "no RTT"])
def test_nothing_to_draw_is_said(data: pd.DataFrame, tmp_path: Path) -> None:
    figure = charts.rtt_figure(data)
    for ax in figure.axes:
        assert "no handshake with an exact RTT" in texts(ax)
    charts.save(figure, tmp_path / "empty.svg")
    assert "no handshake with an exact RTT" in (tmp_path / "empty.svg").read_text()


def test_colours_agree_between_the_charts_of_a_figure() -> None:
    ecdf, time, box = charts.rtt_figure(MIXED).axes
    assert [line.get_color() for line in curves(ecdf)] == [line.get_color() for line in marked(time)[:2]]
    assert legend(time) == ["failed attempts: 2 refused, 1 unanswered"]
    assert "Which server" in texts(box)


@pytest.mark.parametrize("suffix", [".svg", ".png", ".pdf"])
def test_the_same_handshakes_give_the_same_bytes(suffix: str, tmp_path: Path) -> None:
    for name in ("a", "b"):
        charts.save(charts.rtt_figure(MIXED), tmp_path / (name + suffix))
    one, other = ((tmp_path / (name + suffix)).read_bytes() for name in ("a", "b"))
    assert one == other
    assert one.startswith({".svg": b"<?xml", ".png": b"\x89PNG", ".pdf": b"%PDF"}[suffix])
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"a{suffix}", f"b{suffix}"]


def test_text_in_an_svg_is_text(tmp_path: Path) -> None:
    charts.save(charts.rtt_figure(MIXED), tmp_path / "rtt.svg")
    drawn = (tmp_path / "rtt.svg").read_text()
    assert f"[{SLOW}]:443  n=2</text>" in drawn
    assert "<dc:date>" not in drawn


@pytest.mark.parametrize("name", ["rtt.jpg", "rtt"])
def test_another_suffix_is_a_usage_error(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.svg, \.png or \.pdf"):
        charts.save(Figure(), tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PcapcheckError, match="cannot write"):
        charts.save(Figure(), tmp_path / "none" / "rtt.svg")


@pytest.mark.parametrize("name", ["$x$_{.pcap", "_a.pcap", "<b>&\x1b[31m.pcap", "\\xff.pcap", "$\\frac$.pcap"])
def test_a_file_name_is_only_a_name(name: str, tmp_path: Path) -> None:
    figure = charts.rtt_figure(handshakes([{"rtt": MS, "capture": name}]), by="capture")
    charts.save(figure, tmp_path / "rtt.svg")
    drawn = (tmp_path / "rtt.svg").read_text()
    shown = {
        "$x$_{.pcap": "$x$_{.pcap", "_a.pcap": "_a.pcap", "<b>&\x1b[31m.pcap": r"&lt;b&gt;&amp;\x1b[31m.pcap",
        "\\xff.pcap": r"\xff.pcap", "$\\frac$.pcap": r"$\frac$.pcap",
    }[name]  # fmt: skip
    assert drawn.count(f"{shown}  n=1</text>") == 2, "in the legend and at its box"


def test_long_names_that_end_alike_are_not_mixed_up() -> None:
    rows = [{"rtt": MS, "capture": f"{folder}/{'x' * 60}.pcap"} for folder in "ab"]
    found = rtt_samples.groups(handshakes(rows), "capture", 6)
    assert [len(group.data) for group in found] == [1, 1]
    assert all(len(group.name) == 46 and group.name.startswith("…") for group in found)


def test_the_style_stays_in_the_figure(tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    figure = charts.rtt_figure(MIXED)
    charts.save(figure, tmp_path / "rtt.svg")
    assert dict(matplotlib.rcParams) == before
    assert matplotlib.pyplot.get_fignums() == []


def test_pyplot_is_not_loaded() -> None:
    code = "import sys, pcapcheck.charts; assert 'matplotlib.pyplot' not in sys.modules and 'pandas' not in sys.modules"
    root = str(Path(pcapcheck.__file__).parents[1])
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)


def test_a_real_capture(tmp_path: Path) -> None:
    sample = Path(__file__).parents[1] / "sample_captures" / "handshakes.pcap"
    ecdf, time, box = charts.rtt_figure(pcapcheck.check(str(sample)).handshakes).axes
    assert legend(ecdf)[0] == "198.51.100.10:443  n=4"
    assert "11 exact; 1 known only as an interval left out" in texts(box)
    assert legend(time) == [
        "failed attempts: 1 refused, 1 unreachable, 1 unanswered, 1 half-open, 1 aborted, 2 invalid"
    ]
