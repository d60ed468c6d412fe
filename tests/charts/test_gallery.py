"""The gallery of the documentation: every chart, the same on every run, none too large."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any, Final

import pytest

from pcapcheck.report.plots import Plots

ROOT: Final = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def make_gallery() -> Any:
    spec = importlib.util.spec_from_file_location("make_gallery", ROOT / "tools/make_gallery.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_chart_is_drawn_named_and_shown(make_gallery: Any) -> None:
    drawn = dict(make_gallery.drawings())
    assert drawn.keys() == {name for name in vars(Plots) if not name.startswith("_")}
    page = (ROOT / "docs/gallery.md").read_text(encoding="utf-8")
    for name, svg in drawn.items():
        assert f"## `{name}`" in page
        assert f"(gallery/{name}.svg)" in page
        assert 5_000 < len(svg.encode()) < 300_000
    assert dict(make_gallery.drawings()) == drawn
