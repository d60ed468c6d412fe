"""A progress bar by bytes, on standard error."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from typing import Final, TextIO

from pcapcheck.capture import size_of
from pcapcheck.capture.address import Address

_EVERY_S: Final = 0.1
_SILENT_S: Final = 0.4  # what is done sooner needs no bar
_ASKED: Final = 16  # servers' answers that are waited for before reading begins
_CLEAR: Final = "\r\x1b[K"


class Progress:
    """Tells how much of the captures was read. Nothing of it stays on the screen."""

    def __init__(self, inputs: Sequence[str], out: TextIO) -> None:
        self._out = out
        self._total = _octets(inputs)
        self._read = 0
        self._shown = False
        self._begun = self._told = time.monotonic()

    def __call__(self, octets: int) -> None:
        self._read += octets
        now = time.monotonic()
        if now - self._begun < _SILENT_S or now - self._told < _EVERY_S:
            return
        self._told = now
        self._shown = True
        self._out.write(_CLEAR + bar(self._read, self._total, now - self._begun, shutil.get_terminal_size().columns))
        self._out.flush()

    def close(self) -> None:
        """Take the bar away."""
        if self._shown:
            self._out.write(_CLEAR)
            self._out.flush()


def bar(read: int, total: int | None, seconds: float, width: int) -> str:
    """One line: a bar where the end is known, how much, how fast, how much longer; less where it is narrow."""
    rate = read / seconds if seconds else 0.0
    speed = f"{_size(read)}, {_size(rate)}/s"
    if not total:
        return f"reading {speed}"[: width - 1]
    share = min(read / total, 1.0)
    left = f", {(total - read) / rate:.0f} s left" if rate and read < total else ""
    words = f" {100 * share:3.0f} % of {_size(total)}, {_size(rate)}/s{left}"
    room = min(40, width - 1 - len(words) - 2)
    if room < 5:
        return words.strip()[: width - 1]
    done = int(share * room)
    return f"[{'#' * done}{' ' * (room - done)}]{words}"


def _size(octets: float) -> str:
    for unit in ("B", "kB", "MB"):
        if octets < 1000:
            return f"{octets:.0f} {unit}"
        octets /= 1000
    return f"{octets:.1f} GB"


def _octets(inputs: Sequence[str]) -> int | None:
    """How many octets there are to read; None where a pipe is among them."""
    if sum(isinstance(path, Address) and path.size is None for path in inputs) > _ASKED:
        return None
    total = 0
    for path in inputs:
        size = size_of(path)
        if size is None:
            return None
        total += size
    return total
