"""What a shell is told to complete."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def completed(*words: str) -> list[str]:
    """What bash completes the last word to."""
    done = subprocess.run(
        [sys.executable, "-c", "import sys; from pcapcheck.cli import main; sys.exit(main())"],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "_PCAPCHECK_COMPLETE": "complete_bash",
            "COMP_WORDS": " ".join(("pcapcheck", *words)),
            "COMP_CWORD": str(len(words)),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["check", "--select", "HS0"], ["HS01", "HS02", "HS03", "HS04", "HS05", "HS06", "HS07", "HS08", "HS09"]),
        (["check", "--ignore", "connection-r"], ["connection-refused"]),
        (["check", "--ignore", "EX"], ["EX01", "EX02"]),
        (["check", "--format", "js"], ["jsonl"]),
        (["check", "-o", "c"], ["csv:"]),
        (["check", "--fail-on", "n"], ["note", "never"]),
        (["explain", "accept-queue"], ["accept-queue-full", "accept-queue-full-reset"]),
        (["explain", "D04"], ["D04"]),
        (["conf"], ["config"]),
    ],
)
def test_completed(words: list[str], expected: list[str]) -> None:
    assert set(expected) <= set(completed(*words))
    assert all(one.lower().startswith(words[-1].lower()) for one in completed(*words))
