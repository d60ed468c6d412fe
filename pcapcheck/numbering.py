"""Frames of a capture that came in several files: counted on through the capture, and each a frame of one file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pcapcheck.openings import Ints
from pcapcheck.tables import ABSENT


class Place(NamedTuple):
    """Where a frame is found again: Wireshark opens the file and calls it by this number."""

    path: str
    frame: int


@dataclass(frozen=True, eq=False)
class Numbering:
    """Runs of so many frames that follow each other in one file: frame ``first`` of the capture is its ``number``."""

    first: Ints  # ascending
    file: Ints  # index into the capture's files
    number: Ints
    count: Ints

    @classmethod
    def one_after_the_other(cls, frames: Sequence[int]) -> Numbering:
        """Of files with so many frames each."""
        counts = np.array(frames, np.int64)
        return cls(1 + counts.cumsum() - counts, np.arange(len(counts)), np.ones(len(counts), np.int64), counts)

    def places(self, frames: Ints) -> tuple[Ints, Ints]:
        """Of each frame the file and the number there; ABSENT where the frame is."""
        run = np.searchsorted(self.first, frames, "right") - 1
        absent = frames == ABSENT
        file, number = self.file[run], self.number[run] + frames - self.first[run]
        return np.where(absent, ABSENT, file), np.where(absent, ABSENT, number)

    def frame(self, file: int, number: int) -> int:
        """The frame of the capture that has this number in this file, 0 where none is known."""
        after = number - self.number
        (runs,) = ((self.file == file) & (after >= 0) & (after < self.count)).nonzero()
        return int(self.first[runs[0]] + after[runs[0]]) if len(runs) else 0
