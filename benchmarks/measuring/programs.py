"""The programs that are compared, and how each is told to read a capture."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Final

BENCHMARKS: Final = Path(__file__).resolve().parent.parent
# Where Debian puts argus and softflowd.
PATH: Final = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
FILTER: Final = "tcp[tcpflags] & (tcp-syn|tcp-rst) != 0"
PCAPCHECK: Final = [sys.executable, "-m", "pcapcheck", "check", "--quiet", "--exit-zero"]


@dataclass(frozen=True)
class Program:
    """``slow`` ones are run on a smaller capture."""

    does: str
    command: Callable[[str], list[str]]
    needs: Sequence[str] = ()
    slow: bool = False
    version: Sequence[str] = ()

    @property
    def is_there(self) -> bool:
        return all(shutil.which(one, path=PATH) for one in self.needs)


def found(name: str) -> str:
    return shutil.which(name, path=PATH) or name


def _argus(path: str) -> list[str]:
    line = f"{quote(found('argus'))} -r {quote(path)} -w - | {quote(found('ra'))} -r - -n"
    return ["sh", "-c", line]


def nfstream_python() -> str:
    """The Python that has nfstream: that of the virtual environment which NFSTREAM names, or this one."""
    home = os.environ.get("NFSTREAM")
    return str(Path(home) / "bin" / "python") if home else sys.executable


def has_nfstream() -> bool:
    done = subprocess.run([nfstream_python(), "-c", "import nfstream"], capture_output=True, check=False)
    return done.returncode == 0


_NFSTREAM: Final = "import sys, nfstream; print(sum(1 for _ in nfstream.NFStreamer(source=sys.argv[1], n_meters=1)))"

PROGRAMS: Final[dict[str, Program]] = {
    "tcpdump": Program(
        "filters, tracks nothing",
        lambda path: ["tcpdump", "-r", path, "-w", os.devnull, FILTER],
        ["tcpdump"],
        version=["tcpdump", "--version"],
    ),
    "pcapcheck": Program(
        "tracks, verifies every handshake, all rules, causes, RTTs, to a summary",
        lambda path: [*PCAPCHECK, path],
        version=[sys.executable, "-m", "pcapcheck", "--version"],
    ),
    "capinfos": Program(
        "counts records", lambda path: ["capinfos", "-c", path], ["capinfos"], version=["capinfos", "--version"]
    ),
    "softflowd": Program(
        "tracks at most 8192 flows at once",
        lambda path: [found("softflowd"), "-6", "-r", path],
        ["softflowd"],
        version=["softflowd", "-h"],
    ),
    "argus": Program("tracks flows, argus to ra", _argus, ["argus", "ra"], version=["argus", "-h"]),
    "tcptrace": Program(
        "tracks connections, RTTs",
        lambda path: ["tcptrace", "-l", "-r", "-n", path],
        ["tcptrace"],
        slow=True,
        version=["tcptrace", "--version"],
    ),
    "tshark": Program(
        "dissects, counts conversations",
        lambda path: ["tshark", "-q", "-z", "conv,tcp", "-r", path],
        ["tshark"],
        slow=True,
        version=["tshark", "--version"],
    ),
    "nfstream": Program(
        "tracks flows, nDPI",
        lambda path: [nfstream_python(), "-c", _NFSTREAM, path],
        slow=True,
    ),
    "dpkt": Program(
        "a plain loop over dpkt's headers",
        lambda path: [sys.executable, str(BENCHMARKS / "dpkt_loop.py"), path],
        slow=True,
    ),
}


def installed() -> list[str]:
    return [name for name, one in PROGRAMS.items() if one.is_there and (name != "nfstream" or has_nfstream())]
