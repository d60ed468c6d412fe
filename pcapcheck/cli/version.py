"""``pcapcheck --version``."""

from __future__ import annotations

import sys


def versions() -> str:
    from importlib.metadata import version

    from pcapcheck import __version__, regular_rows
    from pcapcheck.decode import compiled

    built = compiled.COMPILED and regular_rows.COMPILED
    python = ".".join(map(str, sys.version_info[:3]))
    packages = ", ".join(f"{name} {version(name)}" for name in ("dpkt", "numpy"))
    return f"pcapcheck {__version__} (Python {python}, {packages}, {'compiled' if built else 'not compiled'})"
