"""The ladder in SVG and as Mermaid: golden files, and that all of them tell what the text ladder tells.

After a change that is meant to alter them: ``python -m pytest --update-golden``, then read the difference.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest

import pcapcheck
from pcapcheck.cli import main
from pcapcheck.errors import UsageError
from pcapcheck.report.ladder_layout import LOOKS, Dot, Line, Words, layout
from pcapcheck.report.ladder_svg import described, ladder_svg
from pcapcheck.report.mermaid import ladder_mermaid
from pcapcheck.report.steps import story

ROOT: Final = Path(__file__).parents[2]
GOLDEN: Final = ROOT / "tests/golden"
SHOWN: Final = {
    "established": ("sample_captures/handshakes.pcap", 1),
    "wrong_synack": ("sample_captures/handshakes.pcap", 8),
    "unreachable": ("sample_captures/handshakes.pcap", 12),
    "simultaneous_open": ("sample_captures/simultaneous_open.pcap", 1),
    "client_only": ("sample_captures/client_only.pcap", 1),
    "one_sided": ("sample_captures/one_sided.pcap", 1),
    "snaplen_48": ("sample_captures/snaplen_48.pcap", 2),
    "mirror_duplicates": ("sample_captures/mirror_duplicates.pcap", 1),
}
DRAWERS: Final = {".svg": ladder_svg, ".mmd": ladder_mermaid}


@pytest.mark.parametrize("suffix", DRAWERS)
@pytest.mark.parametrize("name", ["established", "wrong_synack", "unreachable"])
def test_golden(name: str, suffix: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    path, handshake_id = SHOWN[name]
    drawn = DRAWERS[suffix](pcapcheck.check(path), handshake_id - 1)
    golden = GOLDEN / f"ladder_{name}{suffix}"
    if request.config.getoption("--update-golden", default=False):
        golden.write_text(drawn, encoding="utf-8")
    assert drawn == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", SHOWN)
def test_every_drawing_tells_every_step(name: str) -> None:
    path, handshake_id = SHOWN[name]
    report = pcapcheck.check(str(ROOT / path))
    told = story(report, handshake_id - 1)
    svg = "".join(ET.fromstring(ladder_svg(report, handshake_id - 1)).itertext())
    mermaid = ladder_mermaid(report, handshake_id - 1)
    for step in told.steps:
        for piece in step.numbers:
            for drawn in (svg, mermaid, described(told)):
                assert piece.text in drawn
        assert step.complaint in mermaid
    assert len(re.findall(r"-->>|->>", mermaid)) == len(told.steps)
    assert svg.count("Frame ") == len(told.steps), "each row is a sentence of the description"


@pytest.mark.parametrize("name", SHOWN)
def test_words_do_not_lie_on_each_other(name: str) -> None:
    """Of each line of words the baseline, and no two in one column nearer than a line."""
    path, handshake_id = SHOWN[name]
    drawn = layout(story(pcapcheck.check(str(ROOT / path)), handshake_id - 1))
    columns: dict[tuple[float, str], list[float]] = {}
    for shape in drawn.shapes:
        if isinstance(shape, Words):
            columns.setdefault((shape.x, shape.anchor), []).append(shape.y)
    for lines in columns.values():
        assert all(after - before >= 14 for before, after in pairwise(sorted(lines)))
    assert max(shape.y for shape in drawn.shapes if isinstance(shape, Words)) < drawn.height


def test_the_tap_stands_where_the_rtts_say() -> None:
    """Of an RTT of 19.5 ms 0.05 lie on the client's side, seen from a capture at the client."""
    report = pcapcheck.check(str(ROOT / "sample_captures/handshakes.pcap"))
    told = story(report, 0)
    assert told.tap is not None
    assert told.tap < 0.01
    drawn = layout(told)
    (tap,) = [shape for shape in drawn.shapes if isinstance(shape, Line) and shape.look == "tap"]
    lives = sorted(shape.x1 for shape in drawn.shapes if isinstance(shape, Line) and shape.look == "life")
    assert lives[0] < tap.x1 < lives[0] + 10
    assert {shape.x for shape in drawn.shapes if isinstance(shape, Dot)} == {tap.x1}
    assert story(report, 7).tap is None, "without an exact RTT nobody knows"


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, contrast ratio."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("name", LOOKS)
def test_contrast(name: str) -> None:
    lines = name in ("life", "arrow", "wrong", "error")
    assert contrast(LOOKS[name].light, "#ffffff") >= (2.5 if lines else 4.5)
    assert contrast(LOOKS[name].dark, "#16191d") >= (3 if lines else 4.5)


def test_mermaid_reads_no_name_as_its_own_language(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    name = "%%{init: {}}%% <b>;#x\nend.pcap"
    Path(name).write_bytes((ROOT / "sample_captures/handshakes.pcap").read_bytes())
    drawn = ladder_mermaid(pcapcheck.check(name), 0)
    comment = drawn.splitlines()[1]
    assert comment.startswith("    %% handshake 1: established")
    assert not set("{}") & set(comment)
    assert comment.count("%") == 2
    assert len(drawn.splitlines()) == len(ladder_mermaid(pcapcheck.check(name), 0).splitlines())
    ET.fromstring(ladder_svg(pcapcheck.check(name), 0))


@pytest.mark.parametrize(
    ("suffix", "start"), [(".svg", b"<?xml"), (".mmd", b"sequenceDiagram"), (".png", b"\x89PNG"), (".pdf", b"%PDF")]
)
def test_show_draws_into_a_file(suffix: str, start: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sample = str(ROOT / "sample_captures/handshakes.pcap")
    for name in "ab":
        assert main(["show", sample, "--handshake", "8", "-o", str(tmp_path / (name + suffix))]) == 0
    assert capsys.readouterr().out == ""
    one, other = ((tmp_path / (name + suffix)).read_bytes() for name in "ab")
    assert one.startswith(start)
    assert one == other


def test_show_refuses_another_suffix_before_it_reads(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "no.pcap", "--frame", "1", "-o", "x.jpg"]) == 2
    assert "a ladder is an .svg, .mmd (Mermaid), .png or .pdf file" in capsys.readouterr().err


@pytest.mark.parametrize("draw", DRAWERS.values())
def test_no_such_handshake(draw: object) -> None:
    with pytest.raises(UsageError, match="no handshake 99: there are 1 to 19"):
        draw(pcapcheck.check(str(ROOT / "sample_captures/handshakes.pcap")), 98)  # type: ignore[operator]
