"""The commands in the docs and what they print: every number there is what a command prints today.

A block ``console`` holds commands (``$ `` before each, continued by a backslash) and below each what it printed, both
streams. The commands of a page run in one folder of their own, in which the sample captures lie.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

_BLOCK = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"^\$ (?:.*\\\n)*.*$", re.MULTILINE)
# This tree's pcapcheck, whatever is installed, and the Python that runs it.
_FUNCTIONS = """
pcapcheck() { "$PYTHON" -m pcapcheck "$@"; }
python() { "$PYTHON" "$@"; }
"""


def with_outputs(page: str) -> str:
    """The page with what its commands print today."""
    if "```console\n" not in page:
        return page
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "sample_captures").symlink_to(ROOT / "sample_captures")
        return _BLOCK.sub(lambda found: _run(found[0], folder), page)


def _run(block: str, folder: str) -> str:
    return "".join(f"{command}\n{_printed(command, folder)}" for command in _COMMAND.findall(block))


def _printed(command: str, folder: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PCAPCHECK_", "PYTHON", "LC_"))}
    environment = {
        **kept, "PYTHON": sys.executable, "PYTHONPATH": str(ROOT), "COLUMNS": "80", "LANG": "C.UTF-8", "TZ": "UTC",
        "NO_COLOR": "1",
    }  # fmt: skip
    done = subprocess.run(
        ["bash", "-c", f"exec 2>&1\n{_FUNCTIONS}\n{command[2:]}"],
        cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    return "".join(line.rstrip() + "\n" for line in done.stdout.splitlines())
