"""Generated captures as temporary files."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measuring.programs import BENCHMARKS
from measuring.run import warm


@dataclass(frozen=True)
class Capture:
    kind: str
    path: Path
    truth: dict[str, Any]

    @property
    def packets(self) -> int:
        return int(self.truth["packets"])

    @property
    def octets(self) -> int:
        return int(self.truth["octets"])

    @property
    def attempts(self) -> int:
        return sum(self.truth["outcomes"].values())


def generating(kind: str, size: list[str], output: str) -> list[str]:
    return [sys.executable, str(BENCHMARKS / "generate.py"), kind, output, *size]


def generated(kind: str, folder: Path, size: list[str]) -> Capture:
    """A capture in ``folder``, read once so that the first program finds it as the last one does."""
    path = folder / f"{kind}{''.join(size)}.pcap"
    truth = path.with_suffix(".json")
    subprocess.run([*generating(kind, size, str(path)), "--truth", str(truth)], check=True, stderr=subprocess.DEVNULL)
    warm(path)
    return Capture(kind, path, json.loads(truth.read_text(encoding="utf-8")))
