"""The waterfall and the tap, the repeats, the outcomes: by their artists, from captures that are written as traffic."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import same_color
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch

import pcapcheck
from pcapcheck import charts
from pcapcheck.report.observations import retries, waits
from pcapcheck.report.report import Report
from pcapcheck.testing import parse_exchange

# The times of each flow count from the start of the capture.
TRAFFIC = """
flow a
client 192.0.2.1:1001
server 198.51.100.1:80
+0    > S  0:0(0) win 64240
+.02  < S. 0:0(0) ack 1 win 65160
+.01  > .  1:1(0) ack 1
flow b
client 192.0.2.1:1002
server 198.51.100.2:80
+1    > S  0:0(0) win 64240
+1    > S  0:0(0) win 64240
+2    > S  0:0(0) win 64240
+4    > S  0:0(0) win 64240
flow c
client 192.0.2.1:1003
server 198.51.100.1:80
+9    > S  0:0(0) win 64240
+.5   > S  0:0(0) win 64240
+.25  < S. 0:0(0) ack 1 win 65160
+.01  > .  1:1(0) ack 1
flow d
client 192.0.2.1:1004
server 198.51.100.3:80
+10   > S  0:0(0) win 64240
+.1   < R. 0:0(0) ack 1 win 0
+9.9  arp
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    path = tmp_path_factory.mktemp("setups") / "x.pcap"
    parse_exchange(TRAFFIC).write_pcap(path, nanoseconds=True)
    return pcapcheck.check(str(path))


@pytest.fixture(scope="module")
def nothing(tmp_path_factory: pytest.TempPathFactory) -> Report:
    path = tmp_path_factory.mktemp("setups") / "none.pcap"
    parse_exchange("flow a\n+0 arp\n").write_pcap(path)
    return pcapcheck.check(str(path))


def axes() -> Axes:
    return Figure().subplots()


def texts(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.texts]


def legend(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_waits_are_measured_from_the_first_syn(report: Report) -> None:
    found = waits(report)
    assert found["handshake_id"].tolist() == [1, 2, 3], "a refusal is neither an answer nor silence"
    assert found["server"].tolist() == ["198.51.100.1:80", "198.51.100.2:80", "198.51.100.1:80"]
    assert found["answered"].tolist() == [True, False, True]
    seconds = found["wait"].to_numpy("timedelta64[ns]").astype(np.int64) / 1e9
    # The unanswered one was watched to the end of the capture, 19 s after its first SYN.
    assert seconds == pytest.approx([0.02, 19.0, 0.75])


def test_every_repeat_with_its_gap(report: Report) -> None:
    found = retries(report)
    assert found["handshake_id"].tolist() == [2, 2, 2, 3]
    assert found["retry"].tolist() == [1, 2, 3, 1]
    assert (found["gap"].to_numpy("timedelta64[ns]").astype(np.int64) / 1e9).tolist() == [1, 2, 4, 0.5]
    assert (found["since_first"].to_numpy("timedelta64[ns]").astype(np.int64) / 1e9).tolist() == [1, 3, 7, 0.5]


def test_repeats_beyond_those_that_are_kept_are_left_out(tmp_path: Path) -> None:
    """Of an attempt the first twelve SYNs are kept, and the last: its gap is not known."""
    lines = "\n".join(["+1 > S 0:0(0) win 64240"] * 20)
    parse_exchange(f"flow a\n{lines}").write_pcap(tmp_path / "x.pcap")
    found = retries(pcapcheck.check(str(tmp_path / "x.pcap")))
    assert found["retry"].tolist() == list(range(1, 12))
    assert set(found["gap"].to_numpy("timedelta64[ns]").astype(np.int64)) == {10**9}


def test_no_capture_no_observation() -> None:
    empty = pcapcheck.check([])
    assert (len(waits(empty)), len(retries(empty))) == (0, 0)


def test_a_bar_from_syn_to_synack_to_ack(report: Report) -> None:
    ax = charts.waterfall(report.handshakes, axes())
    bars = [(patch.get_x(), patch.get_width(), patch.get_y() + patch.get_height() / 2) for patch in ax.patches]
    server, client = bars[:2], bars[2:]
    assert server == [pytest.approx((0, 0.02, 0)), pytest.approx((9.0, 0.75, 2))]
    assert client == [pytest.approx((0.02, 0.01, 0)), pytest.approx((9.75, 0.01, 2))]
    (crosses,) = [line for line in ax.lines if line.get_marker() == "x"]
    assert crosses.get_ydata().tolist() == [1, 3], "unanswered, refused"
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "1  198.51.100.1:80", "2  198.51.100.2:80", "3  198.51.100.1:80", "4  198.51.100.3:80",
    ]  # fmt: skip
    assert ax.get_ylim()[0] > ax.get_ylim()[1], "the first is on top"


def test_only_the_first_bars_of_many_are_drawn(report: Report) -> None:
    ax = charts.waterfall(report.handshakes, axes(), most=2)
    assert "the first 2 of 4 attempts" in texts(ax)


def test_the_tap(report: Report) -> None:
    ax = charts.vantage(report.handshakes, axes())
    (points,) = [line for line in ax.lines if line.get_linestyle() == "None"]
    assert (points.get_xdata().tolist(), points.get_ydata().tolist()) == ([0.02], [0.01])
    assert legend(ax) == ["198.51.100.1:80  n=1"]
    assert texts(ax)[0] == "1 with both RTTs exact"
    assert ax.get_xscale() == ax.get_yscale() == "log"


def test_the_comb(report: Report) -> None:
    ax = charts.syn_retries(retries(report), axes())
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "1-2-4 s", "Linux, linear", "2  198.51.100.2:80", "3  198.51.100.1:80",
    ]  # fmt: skip
    teeth = {int(line.get_ydata()[0]): line.get_xdata().tolist() for line in ax.lines if line.get_linestyle() == "None"}
    assert teeth == {0: [0, 1, 3, 7, 15], 1: [0, 1, 2, 3, 4, 5, 7, 11], 2: [0, 1, 3, 7], 3: [0, 0.5]}


def test_the_gaps(report: Report) -> None:
    ax = charts.syn_gaps(retries(report), axes())
    points, doubling, linear = ax.lines
    assert points.get_ydata().tolist() == [1, 2, 4, 0.5]
    assert points.get_xdata() == pytest.approx([1, 2, 3, 1], abs=0.25)
    assert doubling.get_ydata().tolist() == [1, 2, 4]
    assert linear.get_ydata().tolist() == [1, 1, 1]


def test_outcomes_stand_on_each_other(report: Report) -> None:
    ax = charts.outcomes_over_time(report.handshakes, axes())
    stairs = [patch for patch in ax.patches if isinstance(patch, StepPatch)]
    heights = [patch.get_data().values - patch.get_data().baseline for patch in stairs]
    assert [height.sum() for height in heights] == [2, 1, 1]
    assert legend(ax) == ["established  2", "refused  1", "unanswered  1"]
    assert same_color(stairs[0].get_facecolor(), "#0072B2")
    assert ax.get_ylabel() == "attempts in 200 ms"
    # 10 s in bars of 200 ms.
    assert len(heights[0]) == 51


CHARTS = {
    "waterfall": "no attempt with a time",
    "vantage": "no handshake with both RTTs exact",
    "syn_retries": "no SYN was sent again",
    "syn_gaps": "no SYN was sent again",
    "outcomes_over_time": "no attempt with a time",
    "answers": "no SYN was captured",
    "rtt_ecdf": "no handshake with an exact RTT",
    "rtt_histogram": "no handshake with an exact RTT",
    "rtt_box": "no handshake with an exact RTT",
    "rtt_over_time": "no handshake with an exact RTT and a time, and no failed attempt",
}


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_of_nothing_says_so(nothing: Report, name: str) -> None:
    assert CHARTS[name] in texts(getattr(nothing.plot, name)())


@pytest.mark.parametrize("name", CHARTS)
def test_a_report_draws_on_the_axes_it_is_given(report: Report, name: str) -> None:
    ax = axes()
    assert getattr(report.plot, name)(ax) is ax
    assert getattr(report.plot, name)().figure is not ax.figure


@pytest.mark.parametrize("name", [*CHARTS, "ladder"])
def test_the_same_bytes_every_time(report: Report, name: str, tmp_path: Path) -> None:
    for number in "ab":
        ax = report.plot.ladder(1) if name == "ladder" else getattr(report.plot, name)()
        charts.save(ax.figure, tmp_path / f"{number}.svg")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_bins_of_the_histogram_hold_every_handshake(report: Report) -> None:
    ax = charts.rtt_histogram(report.handshakes, axes(), which="server_rtt")
    (stairs,) = [patch for patch in ax.patches if isinstance(patch, StepPatch)]
    values, edges, baseline = stairs.get_data()
    assert (values - baseline).sum() == 1
    assert np.log10(edges[1:] / edges[:-1]) == pytest.approx(0.1)
    assert edges[0] <= 0.02 <= edges[-1]


def test_a_ladder_is_on_the_axes_in_red_where_it_is_wrong() -> None:
    sample = Path(__file__).parents[2] / "sample_captures/handshakes.pcap"
    ax = pcapcheck.check(str(sample)).plot.ladder(8)
    found = {text.get_text(): text.get_color() for text in ax.texts}
    assert found["wrong SYN-ACK: expected ack 3283806879 (1)"] == "#b00020"
    assert found["ack 3283806885 (7)"] == "#b00020"
    assert found["seq 3283806878 (0)"] == "#1b1f24"
    with pytest.raises(pcapcheck.PcapcheckError, match="no handshake 20: there are 1 to 19"):
        pcapcheck.check(str(sample)).plot.ladder(20)
