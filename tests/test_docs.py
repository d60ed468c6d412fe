"""The pages made by hand: their Python runs, their commands exist. What commands print is the matter of make_docs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from pcapcheck.cli.commands import COMMANDS
from pcapcheck.report.formats import FILES_ONLY, FORMATS

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "README.zh-CN.md", *sorted((ROOT / "docs").rglob("*.md"))]
PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RUN = [page for page in PAGES if PYTHON.search(page.read_text(encoding="utf-8"))]


def test_there_are_pages_with_python() -> None:
    assert {"README.md", "tutorial.md", "exports.md", "notebook.md", "big-captures.md"} <= {page.name for page in RUN}


@pytest.mark.parametrize("page", RUN, ids=lambda page: page.stem)
def test_the_python_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sample_captures").symlink_to(ROOT / "sample_captures")
    monkeypatch.chdir(tmp_path)
    known: dict[str, Any] = {"__name__": "__main__"}
    for code in PYTHON.findall(page.read_text(encoding="utf-8")):
        exec(compile(code, str(page), "exec"), known)


def test_commands_exist() -> None:
    names = set(COMMANDS)
    for page in PAGES:
        for name in re.findall(r"^\$ pcapcheck ([a-z]+)", page.read_text(encoding="utf-8"), re.MULTILINE):
            assert name in names, f"{page}: pcapcheck {name}"


def test_every_output_is_described() -> None:
    described = (ROOT / "docs" / "outputs.md").read_text(encoding="utf-8")
    named = re.findall(r"`([a-z-]+)`", " ".join(re.findall(r"^\| (`[^|]*) \|", described, re.MULTILINE)))
    assert sorted(named) == sorted([*FORMATS, *FILES_ONLY])
