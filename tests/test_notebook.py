"""The notebooks run from top to bottom, and go in without outputs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import nbformat
import pytest
from nbclient import NotebookClient

import pcapcheck

ROOT: Final = Path(__file__).parents[1]
NOTEBOOKS: Final = sorted((ROOT / "notebooks").glob("*.ipynb"))


def outputs(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def test_there_are_notebooks() -> None:
    assert [path.stem for path in NOTEBOOKS] == [
        "audit_a_folder", "failures_by_cause", "first_look", "rtt_exploration", "which_syn_was_answered",
    ]  # fmt: skip


def test_each_is_what_its_source_gives() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tools/make_notebooks.py", "--check"], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_goes_in_without_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert outputs(notebook) == []
    assert all(cell.execution_count is None for cell in notebook.cells if cell.cell_type == "code")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The kernel takes the pcapcheck that the other tests take.
    monkeypatch.setenv("PYTHONPATH", str(Path(pcapcheck.__file__).parents[1]))
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(path.parent)}}).execute()
    shown = outputs(notebook)
    assert not [output for output in shown if output.get("name") == "stderr"], "a cell warns"
    charts = [output for output in shown if "image/png" in output.get("data", {})]
    tables = [output for output in shown if "<table" in output.get("data", {}).get("text/html", "")]
    assert len(charts) >= 2
    assert len(tables) >= 3
    if path.stem == "first_look":
        printed = "".join(output.text for output in shown if output.output_type == "stream")
        assert "ack 3283806885 (7) !!" in printed
        assert "expected ack 3283806879 (1)" in printed
