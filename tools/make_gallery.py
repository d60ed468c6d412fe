"""Draws every chart: ``python tools/make_gallery.py FOLDER`` writes one SVG each. The documentation's gallery is this.

The ladder and the waterfall are of the sample capture; the others show ten made-up minutes of five servers, the same
on every machine.
"""

from __future__ import annotations

import math
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import pcapcheck  # noqa: E402
from pcapcheck import charts  # noqa: E402
from pcapcheck.report.ladder_svg import ladder_svg  # noqa: E402
from pcapcheck.report.report import Report  # noqa: E402
from pcapcheck.testing import parse_exchange  # noqa: E402

CHARTS = (
    "rtt_ecdf",
    "answers",
    "rtt_over_time",
    "rtt_box",
    "rtt_histogram",
    "outcomes_over_time",
    "vantage",
    "syn_retries",
    "syn_gaps",
)
_ATTEMPTS = 900
_SECONDS = 600
# Address, median RTT from the tap in seconds, its spread, the share of SYNs that get no answer.
_SERVERS = (
    ("198.51.100.10:443", 0.0021, 0.25, 0.0),
    ("198.51.100.20:5432", 0.0006, 0.4, 0.0),
    ("203.0.113.7:443", 0.038, 0.2, 0.03),
    ("203.0.113.80:8443", 0.11, 0.5, 0.12),
    ("[2001:db8:1::25]:25", 0.024, 0.15, 0.0),
)
# Between the SYNs of one attempt; Linux 6.5 and later, and what doubles from the first on.
_LINEAR, _DOUBLING = (1.03, 1.02, 1.03, 1.02, 1.03, 2.05), (1.0, 2.0, 4.0)


def drawings() -> Iterator[tuple[str, str]]:
    """The name of each picture, and its SVG."""
    sample = pcapcheck.check(str(ROOT / "sample_captures/handshakes.pcap"))
    yield "ladder", ladder_svg(sample, 7)
    yield "waterfall", charts.drawing.svg(sample.plot.waterfall().figure)
    report = made_up()
    for name in CHARTS:
        yield name, charts.drawing.svg(getattr(report.plot, name)().figure, dpi=110)


def made_up() -> Report:
    """Ten minutes in which one server stops for a while."""
    chance = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made-up.pcap"
        flows = [_attempt(number, chance) for number in range(_ATTEMPTS)]
        parse_exchange("\n".join(flows)).write_pcap(path, nanoseconds=True)
        return pcapcheck.check(str(path))


def _attempt(number: int, chance: random.Random) -> str:
    start = _SECONDS * number / _ATTEMPTS + chance.random() * 0.4
    server, median, spread, lost = chance.choice(_SERVERS)
    client = "[2001:db8:2::1]" if server.startswith("[") else f"192.0.2.{1 + number % 9}"
    rtt = median * math.exp(chance.gauss(0, spread))
    to_client = 0.00009 * math.exp(chance.gauss(0, 0.5))
    stopped = server.startswith("203.0.113.80") and 280 < start < 370
    lines = [f"flow f{number}", f"client {client}:{20000 + number}", f"server {server}"]
    lines.append(f"+{start:.6f} > S 0:0(0) win 64240")
    if stopped and start > 330:
        return "\n".join([*lines, f"+{rtt:.6f} < R. 0:0(0) ack 1 win 0"])
    if stopped or chance.random() < lost:
        gaps = chance.choice((_LINEAR, _LINEAR, _DOUBLING))
        answered = not stopped and chance.random() < 0.6
        gaps = gaps[: 1 if answered else len(gaps)]
        lines += [f"+{gap + chance.random() * 0.02:.6f} > S 0:0(0) win 64240" for gap in gaps]
        if not answered:
            return "\n".join(lines)
    lines.append(f"+{rtt:.6f} < S. 0:0(0) ack 1 win 65160")
    lines.append(f"+{to_client:.6f} > . 1:1(0) ack 1")
    return "\n".join(lines)


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, svg in drawings():
        (folder / f"{name}.svg").write_text(svg, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
