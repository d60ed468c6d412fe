"""What pictures look like: a few, small, and compared with a blur, for letters differ between versions of matplotlib.

After a change that is meant to alter them: ``python -m pytest --update-golden``, then look at tests/golden/*.png.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from PIL import Image

import pcapcheck
from pcapcheck import charts
from pcapcheck.report.report import Report

ROOT: Final = Path(__file__).parents[2]
GOLDEN: Final = ROOT / "tests/golden"
DRAWN: Final = {
    "chart_ladder": lambda report: report.plot.ladder(8),
    "chart_rtt_ecdf": lambda report: report.plot.rtt_ecdf(),
    "chart_answers": lambda report: report.plot.answers(),
    "chart_outcomes": lambda report: report.plot.outcomes_over_time(),
}


@pytest.fixture(scope="module")
def report() -> Report:
    return pcapcheck.check(str(ROOT / "sample_captures/handshakes.pcap"))


def blurred(path: Any) -> Any:
    picture = Image.open(path).convert("RGB")
    return np.asarray(picture.resize((picture.width // 6, picture.height // 6), Image.Resampling.BOX)).astype(float)


@pytest.mark.parametrize("name", DRAWN)
def test_picture(report: Report, name: str, request: pytest.FixtureRequest) -> None:
    golden, drawn = GOLDEN / f"{name}.png", BytesIO()
    with charts.style():
        DRAWN[name](report).figure.savefig(drawn, format="png", dpi=60, metadata={"Software": None})
    if request.config.getoption("--update-golden", default=False):
        golden.write_bytes(drawn.getvalue())
    one, other = blurred(golden), blurred(drawn)
    assert one.shape == other.shape
    assert one.std() > 10, "there is something to see"
    assert np.abs(one - other).mean() < 0.4, "a curve that is missing makes 0.7"
    assert np.abs(one - other).max() < 35
