"""The command ``pcapcheck``: parse, call the library function of the same name, print, exit."""

from __future__ import annotations

import gc
import os
from collections.abc import Sequence

# NumPy's OpenBLAS starts a thread for every core, which takes 0.1 s of CPU; nothing here multiplies matrices.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit code."""
    # What is imported never becomes garbage; searching it for some took a fifth of a short run.
    gc.disable()
    try:
        from pcapcheck.cli.commands import run

        return run(arguments)
    finally:
        gc.freeze()
        gc.enable()
