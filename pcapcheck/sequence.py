"""Files of one capture: which they are, and their summaries as the summary of the whole.

With ``--sequence`` all files of a run are one capture. Without it those are that a capturing program wrote one after
the other, as their names say (rotation.py) and their times confirm; ``--no-sequence`` leaves each by itself. A capture
that came in several files has the name of the first of them, by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise
from operator import itemgetter
from typing import Final, NamedTuple

from pcapcheck.capture.frame import NO_TIME
from pcapcheck.errors import CaptureError
from pcapcheck.evidence import SECOND
from pcapcheck.numbering import Numbering
from pcapcheck.rotation import gap_between, series
from pcapcheck.stretch import Summary, merge, numbered_on, open_input
from pcapcheck.window import Window

# How much earlier than the last frame of a file the first one of the next may be: receive queues reorder so much.
REORDERED_NS: Final = 10**6

# So much earlier than the file before it a file may begin if its name says that it follows: more than receive queues
# reorder, less than an hour that names in local time have twice.
CONTRADICTING_NS: Final = 60 * SECOND

ASKED: Final = "asked"
RECOGNISED: Final = "recognised"
MERGED: Final = "merged"


class File(NamedTuple):
    """One file of a run, to be read."""

    path: str
    window: Window
    is_part: bool  # it may be one of the files of a longer capture


class Group(NamedTuple):
    """Files that may be one capture, in the order of their names; mostly one."""

    files: tuple[File, ...]
    asked: bool  # they are, whatever their names and times say


def groups(paths: Sequence[str], sequence: bool | None, window: Window) -> list[Group]:
    """The files of a run: all one capture (True), each by itself (False), or as their names say (None).

    Where the window counts from the start of a capture, the first frame of each file that may be part of one is read.
    """
    together = [list(paths)] if sequence and paths else series(paths) if sequence is None else [[one] for one in paths]
    return [_group(one, window, asked=bool(sequence)) for one in together]


def _group(paths: Sequence[str], window: Window, *, asked: bool) -> Group:
    if len(paths) > 1 and window.is_relative:
        times = [time for time in map(_first_time, paths) if time != NO_TIME]
        window = window.counted_from(min(times, default=NO_TIME))
    return Group(tuple(File(path, window, len(paths) > 1) for path in paths), asked)


def _first_time(path: str) -> int:
    """The time of the first frame; of standard input it is not looked at."""
    if path == "-":
        return NO_TIME
    try:
        with open_input(path) as capture:
            return next((frame.time_ns for frame in capture if frame.time_ns != NO_TIME), NO_TIME)
    except CaptureError:
        return NO_TIME


def captures(
    group: Group, files: Sequence[Summary], window: Window, read: Callable[[str, Window], Summary]
) -> Iterator[Summary]:
    """The captures that the files of a group are. One that could not be read stands by itself.

    ``read`` reads one once more where the ``window`` counts from the start of another capture than was expected.
    """
    place = {one.path: number for number, one in enumerate(group.files)}
    whole = [one for one in files if not one.facts.error]
    runs = [_in_order(whole)] if group.asked and whole else _runs(whole)
    start = min(_begun(run)[0] for run in runs) if runs else NO_TIME
    named = {min(place[one.facts.path] for one in run): run for run in runs}
    for number, run in sorted(named.items()):
        if window.is_relative and _begun(run)[0] != start:
            run[:] = [read(one.facts.path, window.counted_from(_begun(run)[0])) for one in run]
        why = ASKED if group.asked else RECOGNISED
        yield joined(run, group.files[number].path, why) if len(run) > 1 else run[0]
    yield from (one for one in files if one.facts.error)


def _in_order(files: Sequence[Summary]) -> list[Summary]:
    """Files of one series in the order of their names, unless the times contradict it; others by their times."""
    place = {one.facts.path: one for one in files}
    named = [[place[path] for path in paths] for paths in series(list(place))]
    if len(named) == 1:
        ring = _unwrapped(named[0])
        if all(then - before > -CONTRADICTING_NS for before, then in pairwise(_begun(ring))):
            return ring
    return [one for _, one in sorted(zip(_begun(files), files, strict=True), key=itemgetter(0))]


def _begun(files: Iterable[Summary]) -> list[int]:
    """When each of the files begins. One that has no time follows the file before it."""
    begun: list[int] = []
    for one in files:
        time = one.facts.first_frame_time
        begun.append(begun[-1] if begun and time == NO_TIME else time)
    return begun


def _unwrapped(files: list[Summary]) -> list[Summary]:
    """Files of a ring that began anew, from the oldest on: all from some number on are older than all before it."""
    begun = _begun(files)
    oldest_before = list(accumulate(begun, min))
    newest_from = list(accumulate(reversed(begun), max))[::-1]
    seam = next((at for at in range(1, len(files)) if newest_from[at] < oldest_before[at - 1]), 0)
    return files[seam:] + files[:seam]


def _runs(files: Sequence[Summary]) -> list[list[Summary]]:
    """The files in order, apart wherever one does not follow the other by name and by time."""
    ordered, ring = _in_order(files), [one.facts.path for one in files]
    runs = [[one] for one in ordered[:1]]
    latest = [one.facts.last_time for one in ordered[:1]]
    for before, one in pairwise(ordered):
        gap = gap_between(before.facts.path, one.facts.path, ring)
        since = one.facts.first_frame_time - latest[-1]
        untimed = NO_TIME in (one.facts.first_frame_time, latest[-1])
        if gap is not None and (untimed or -REORDERED_NS <= since <= gap):
            runs[-1].append(one)
            latest[-1] = max(latest[-1], one.facts.last_time)
        else:
            runs.append([one])
            latest.append(one.facts.last_time)
    return runs


def joined(files: Sequence[Summary], path: str, why: str) -> Summary:
    """Files that follow each other as one capture called ``path``. Its frames are counted on through the files."""
    parts = tuple(one.facts for one in files)
    before = accumulate((one.frames for one in parts[:-1]), initial=0)
    whole = _merged([_shifted(one, frames) for one, frames in zip(files, before, strict=True)])
    numbering = Numbering.one_after_the_other([one.frames for one in parts])
    # A file in the middle that is cut does not end the capture.
    damage = parts[-1].damage
    facts = replace(whole.facts, path=path, damage=damage, parts=parts, numbering=numbering, joined=why)
    return Summary(facts, whole.openings)


def _merged(stretches: list[Summary]) -> Summary:
    """Neighbours two by two, so that no flow is taken over more often than the tree is high."""
    while len(stretches) > 1:
        pairs = [merge(*stretches[at : at + 2]) for at in range(0, len(stretches) - 1, 2)]
        stretches = pairs + stretches[2 * len(pairs) :]
    return stretches[0]


def _shifted(one: Summary, frames: int) -> Summary:
    """The same stretch after so many frames."""
    return Summary(numbered_on(one.facts, frames), one.openings.numbered_from(frames))
