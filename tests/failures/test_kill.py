"""A run that is killed, or interrupted, leaves each output absent, old or whole. (1,000 times: see kill.py.)"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")


@pytest.mark.parametrize(("signal", "times"), [("KILL", 30), ("INT", 10)])
def test_no_output_is_torn(signal: str, times: int) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.failures.kill", "--times", str(times), "--signal", signal],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"{times} runs ended by SIG{signal}" in done.stdout
    assert " old" in done.stdout
    assert " new" in done.stdout
