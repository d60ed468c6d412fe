"""Two recordings compared: what became worse is said, and noise is not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import pcapcheck
from pcapcheck.cli import main
from pcapcheck.report.bootstrap import enough, of_quantiles, of_shares
from pcapcheck.report.difference import CONFIDENCE, Difference, difference
from pcapcheck.testing import parse_exchange

MS = 10**6


def recording(rtts: list[int], *, refused: int = 0, wrong: int = 0, isn: int = 1000, port: int = 40000) -> str:
    """A handshake for each round-trip time (in microseconds), then some that are refused or answered wrongly."""
    lines = ["server 198.51.100.2:443"]
    for number, rtt in enumerate(rtts):
        lines += [
            f"flow f{number}", f"client 192.0.2.1:{port + number}", f"isn {isn + number} {isn * 7 + number}",
            f"+{number} > S 0", f"+.{rtt:06} < S. 0 ack 1", "+.000050 > . 1 ack 1",
        ]  # fmt: skip
    for number in range(refused):
        lines += [f"flow r{number}", f"client 192.0.2.2:{port + number}", f"+{number} > S 0", "+.01 < R. 0 ack 1"]
    for number in range(wrong):
        lines += [f"flow w{number}", f"client 192.0.2.3:{port + number}", f"+{number} > S 0", "+.01 < S. 0 ack 7"]
    return "\n".join([*lines, "flow end", f"+{len(rtts) + 60} arp"])


def noisy(seed: int, middle: int = 20_000, size: int = 120) -> list[int]:
    """Round-trip times around 20 ms, with the long tail that they have, in microseconds."""
    return np.random.RandomState(seed).lognormal(np.log(middle), 0.25, size).astype(int).tolist()


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def compared(old: str, new: str) -> Difference:
    parse_exchange(old).write_pcap("old.pcap")
    parse_exchange(new).write_pcap("new.pcap")
    before, after = (pcapcheck.check(path, select=["HS02", "OC"]) for path in ("old.pcap", "new.pcap"))
    return difference(before, after, ("old.pcap", "new.pcap"))


def verdicts(found: Difference, measure: str = "server_rtt") -> dict[int, str]:
    return {
        one.percent: "too few" if one.interval is None else "slower" if one.slower else "quicker" if one.quicker else ""
        for one in found.quantiles
        if one.measure == measure
    }


def test_recorded_again_is_the_same() -> None:
    found = compared(recording(noisy(1), refused=2), recording(noisy(2), refused=2, isn=77, port=50000))
    assert (found.worse, found.new, found.gone) == ([], [], [])
    assert [(one.kind.rule, one.old, one.new) for one in found.findings] == [("OC01", 2, 2)]
    assert verdicts(found) == {50: "", 95: "", 99: "too few"}


def test_slower_and_quicker() -> None:
    slow, quick = recording(noisy(1, 26_000)), recording(noisy(2))
    found = compared(quick, slow)
    assert verdicts(found) == {50: "slower", 95: "", 99: "too few"}
    assert found.worse == ["server_rtt p50 is slower", "handshake_rtt p50 is slower"]
    assert verdicts(compared(slow, quick))[50] == "quicker"
    assert compared(slow, quick).worse == []


def test_a_difference_that_is_sure_and_small_is_no_change() -> None:
    exact = [20_000 + number for number in range(100)]
    found = compared(recording(exact), recording([rtt + 500 for rtt in exact]))
    (median,) = [one for one in found.quantiles if (one.measure, one.percent) == ("server_rtt", 50)]
    assert median.interval is not None
    assert 0 < median.interval.least < median.interval.most < MS
    assert not median.slower


def test_findings_that_are_new_and_gone() -> None:
    found = compared(recording([20_000] * 12, refused=3), recording([20_000] * 12, wrong=1))
    assert [(one.kind.rule, one.old, one.new) for one in found.new] == [("HS02", 0, 1)]
    assert [(one.kind.rule, one.old, one.new) for one in found.gone] == [("OC01", 3, 0)]
    assert found.worse == ["1 new kind of finding"]
    # More of a kind is shown, and is not worse by itself.
    more = compared(recording([20_000] * 40, refused=1), recording([20_000] * 40, refused=3))
    assert ([(one.old, one.new) for one in more.findings], more.worse) == ([(1, 3)], [])


def test_more_that_fail() -> None:
    few, many = recording([20_000] * 60, refused=1), recording([20_000] * 60, refused=30)
    assert compared(few, many).worse == ["more handshakes fail"]
    assert compared(many, few).worse == []
    assert compared(few, recording([20_000] * 60, refused=4)).worse == []


def test_noise_is_not_called_a_regression() -> None:
    """Of 300 pairs from one distribution, with nine quantiles compared in each, hardly any has one that is slower."""
    confidence, alarms = CONFIDENCE, 0
    for seed in range(300):
        old, new = (np.sort(noisy(2 * seed + one, size=600)) for one in range(2))
        slower = False
        for percent in (50, 95, 99):
            least = of_quantiles(old, new, percent, confidence).least
            slower |= least > 0  # without the tolerance
        alarms += slower
    assert alarms <= 6


def test_a_regression_is_found() -> None:
    for seed in range(20):
        old, new = np.sort(noisy(seed, 20_000, 300)), np.sort(noisy(100 + seed, 25_000, 300))
        assert of_quantiles(old, new, 50, CONFIDENCE).least > 0.05 * 20_000


def test_intervals_of_shares() -> None:
    assert of_shares((0, 5), (0, 5), 0.99).least < 0 < of_shares((0, 5), (0, 5), 0.99).most
    assert of_shares((7, 19), (0, 5), 0.99).most > 0  # five are too few to be sure
    assert of_shares((1, 1000), (50, 1000), 0.99).least > 0.02
    assert of_shares((1, 1000), (50, 1000), 0.99) == of_shares((1, 1000), (50, 1000), 0.99)


def test_how_many_are_enough() -> None:
    assert [enough(size, 50) for size in (9, 10)] == [False, True]
    assert [enough(size, 95) for size in (99, 100)] == [False, True]
    assert [enough(size, 99) for size in (499, 500)] == [False, True]


def test_the_drawn_places_are_those_of_drawing_the_sample_again() -> None:
    """The plain bootstrap, sample by sample, gives the same interval."""
    random = np.random.RandomState(5)
    old, new = (np.sort(noisy(seed, size=200)) for seed in (1, 2))

    def drawn(ordered: np.ndarray) -> np.ndarray:
        again = np.sort(ordered[random.randint(0, len(ordered), (20_000, len(ordered)))], axis=1)
        return again[:, -(-95 * len(ordered) // 100) - 1]

    plain = np.quantile(drawn(new) - drawn(old), [0.025, 0.975])
    quick = of_quantiles(old, new, 95, 0.95)
    spread = plain[1] - plain[0]
    assert abs(quick.least - plain[0]) < 0.05 * spread
    assert abs(quick.most - plain[1]) < 0.05 * spread


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    for folder, text in (("old", recording([20_000] * 12)), ("new", recording([20_000] * 12, wrong=2))):
        Path(folder).mkdir()
        parse_exchange(text).write_pcap(f"{folder}/a.pcap")
        parse_exchange(recording([20_000] * 3)).write_pcap(f"{folder}/b.pcap")
    chosen = ["--isolated", "--select", "HS02,OC"]
    assert main(["diff", "old", "new", *chosen]) == 1
    assert capsys.readouterr().out == (
        "old old: 15 handshakes\n"
        "new new: 17 handshakes\n"
        "\n"
        "Outcomes       old  new\n"
        "  established   15   15\n"
        "  invalid        0    2\n"
        "  failed: 0.0 % before, 11.8 % now; the difference is -17.5 to +41.2 points: not\n"
        "    told apart\n"
        "\n"
        "New findings: 1 kind\n"
        "  error   HS02 in a.pcap 192.0.2.3 -> 198.51.100.2:443 (2 times)\n"
        "\n"
        "Round-trip times, ms     old     new         difference\n"
        "  server_rtt p50      20.000  20.000   +0.000 to +0.000  no change\n"
        "  server_rtt p95      20.000  20.000  15 of 100 samples    too few\n"
        "  server_rtt p99      20.000  20.000  15 of 500 samples    too few\n"
        "  client_rtt p50       0.050   0.050   +0.000 to +0.000  no change\n"
        "  client_rtt p95       0.050   0.050  15 of 100 samples    too few\n"
        "  client_rtt p99       0.050   0.050  15 of 500 samples    too few\n"
        "  handshake_rtt p50   20.050  20.050   +0.000 to +0.000  no change\n"
        "  handshake_rtt p95   20.050  20.050  15 of 100 samples    too few\n"
        "  handshake_rtt p99   20.050  20.050  15 of 500 samples    too few\n"
        "  differences: bootstrap intervals that hold, all together, with 95 %\n"
        "\n"
        "Worse: 1 new kind of finding.\n"
    )
    assert main(["diff", "new", "old", *chosen]) == 0
    assert main(["diff", "old", "new", *chosen, "--ignore", "HS02"]) == 0
    assert main(["diff", "old", "new", *chosen, "--fail-on", "never"]) == 0
    assert main(["diff", "old", "missing", *chosen]) == 2
    capsys.readouterr()
    assert main(["diff", "old/a.pcap", "new/a.pcap", "--format", "json", *chosen]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["outcomes"] == {"established": [12, 12], "invalid": [0, 2]}
    assert document["findings"] == [
        {
            "rule": "HS02", "capture": "", "client": "192.0.2.3", "server": "198.51.100.2", "port": 443, "says": "",
            "severity": "error", "counts": [0, 2],
        }
    ]  # fmt: skip
    assert document["worse"] == ["1 new kind of finding"]
    assert document["rtt"][0] == {
        "measure": "server_rtt", "percent": 50, "samples": [12, 12], "old_ns": 20 * MS, "new_ns": 20 * MS,
        "difference_ns": [0.0, 0.0], "verdict": "no change",
    }  # fmt: skip


def test_two_runs_give_the_same_bytes(capsys: pytest.CaptureFixture[str]) -> None:
    parse_exchange(recording(noisy(1))).write_pcap("old.pcap")
    parse_exchange(recording(noisy(2))).write_pcap("new.pcap")
    printed = set()
    for _ in range(2):
        main(["diff", "old.pcap", "new.pcap", "--isolated"])
        printed.add(capsys.readouterr().out)
    assert len(printed) == 1
