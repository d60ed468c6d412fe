"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from pathlib import Path

from measuring.programs import PROGRAMS, found, nfstream_python


def processor() -> str:
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    named = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return named[1].strip() if named else platform.machine()


def memory() -> int:
    """Octets."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def version_of(name: str) -> str:
    """The first line in which the program says its version; empty where it does not."""
    if name == "nfstream":
        command = [nfstream_python(), "-c", "from importlib.metadata import version; print(version('nfstream'))"]
    else:
        command = [found(word) for word in PROGRAMS[name].version]
    if not command:
        return ""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    number = re.search(r"\d+\.\d+[\w.]*", done.stdout + done.stderr)
    return number[0].rstrip(".") if number else ""


def machine(names: list[str]) -> str:
    versions = ", ".join(f"{name} {version_of(name)}".strip() for name in names)
    return (
        f"{os.cpu_count()} x {processor()}, {memory() / 2**30:.0f} GiB, {platform.system()},"
        f" Python {platform.python_version()}. Programs: {versions}."
    )
