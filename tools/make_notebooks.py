"""Writes notebooks/*.ipynb from the .py beside them: ``python tools/make_notebooks.py [--check]``.

The .py (jupytext, percent format) is the source: it is read in a diff and checked by ruff. The .ipynb is what people
open; it has no outputs. In Jupyter with jupytext the two stay in step by themselves, for they are paired.
"""

from __future__ import annotations

import sys
from pathlib import Path

import jupytext
import nbformat

ROOT = Path(__file__).resolve().parent.parent


def made_from(source: Path) -> str:
    """The notebook that a source gives, the same whenever it is made."""
    read = jupytext.read(source, fmt="py:percent")
    notebook = nbformat.v4.new_notebook(
        metadata={
            "jupytext": {"formats": "ipynb,py:percent"},
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    for number, cell in enumerate(read.cells):
        new = nbformat.v4.new_markdown_cell if cell.cell_type == "markdown" else nbformat.v4.new_code_cell
        notebook.cells.append(new(cell.source, id=f"cell-{number:02}"))
    return str(nbformat.writes(notebook)) + "\n"


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    made = {source.with_suffix(".ipynb"): made_from(source) for source in sorted((ROOT / "notebooks").glob("*.py"))}
    stale = [path for path, text in made.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    alone = sorted(set((ROOT / "notebooks").glob("*.ipynb")) - set(made))
    for path in (*stale, *alone):
        print(path.relative_to(ROOT))
    if not arguments:
        for path in stale:
            path.write_text(made[path], encoding="utf-8")
    return 1 if arguments and (stale or alone) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
