"""One large file, read at several places at the same time.

It is cut into stretches of about as many octets, each of which begins where a record seems to begin. When the stretch
before one has come to its end, it is known whether that was right: it must end just there. Only then are they put
together; else it reads on, and what was read from a wrong place is not used. The same where a stretch would have been
read in another way behind the others: interfaces are described in the middle of the file, or the fragments of a
datagram lie on both sides. So the result is that of one reading from front to back, whatever the file holds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import reduce
from itertools import accumulate, zip_longest
from typing import Final

from pcapcheck import stretch
from pcapcheck.capture import Capture, size_of
from pcapcheck.capture.address import Address
from pcapcheck.capture.boundary import boundary
from pcapcheck.capture.frame import NO_TIME
from pcapcheck.capture.opened import PlainPcap, PlainPcapng
from pcapcheck.errors import CaptureError
from pcapcheck.jobs import in_order
from pcapcheck.reading import CompiledReading, is_compiled, kept_of
from pcapcheck.spilled import joined, waiting
from pcapcheck.stretch import CaptureFacts, Summary, merged, numbered_on, open_input, read_on, untold
from pcapcheck.tables import MAX_TRACKED
from pcapcheck.window import EVERYTHING, Window

# Octets of a stretch at least: with less there is little to be gained.
LEAST: Final = 1 << 25

# Octets in which the beginning of a record is looked for, and to which records are followed from there.
_SEARCHED, _FOLLOWED = 1 << 19, 1 << 21


def summarise(
    path: str,
    window: Window = EVERYTHING,
    progress: Callable[[int], None] | None = None,
    max_bytes: int | None = None,
    decoder: str = "auto",
    max_tracked: int = MAX_TRACKED,
    jobs: int = 1,
) -> Summary:
    """As stretch.summarise, by ``jobs`` threads where that is quicker: a large file, not compressed, the compiled loop.

    The result is the same for any number of them.
    """
    if jobs > 1 and max_bytes is None and is_compiled(decoder):
        with ExitStack() as files:
            stretches = _cut(path, window, max_tracked, jobs, files)
            if len(stretches) > 1:
                return _together(_read(stretches, progress or untold, jobs), max_tracked)
    return stretch.summarise(path, window, progress, max_bytes, decoder, max_tracked)


class _Stretch:
    """The records from ``start`` to ``stop`` of a capture (None: its end), to be read by a thread."""

    facts: CaptureFacts

    def __init__(self, capture: Capture, start: int, stop: int | None, window: Window, max_tracked: int) -> None:
        capture.go_to(start, stop)
        self.capture, self.start, self.stop = capture, start, stop
        self.reading = CompiledReading(capture, window, max_tracked=max_tracked)
        self._described = capture.described

    def read(self, progress: Callable[[int], None]) -> _Stretch:
        """Read to the stop; gives itself."""
        self.facts = read_on(self.capture, self.reading, progress, self.capture.bytes_read)
        return self

    def go_on(self, then: _Stretch, progress: Callable[[int], None]) -> None:
        """Read also what another one was to read, of which nothing is used."""
        self.stop = then.stop
        self.capture.go_on(self.stop)
        self.read(progress)

    def follows(self, others: Sequence[_Stretch]) -> bool:
        """Whether it was read as it would have been behind the stretches before it."""
        last = others[-1].capture
        fragments = [one.reading.fragments for one in others]
        return (
            last.offset == self.start
            and last.described == self._described
            and self.reading.fragments.are_as_behind(fragments)
        )

    @property
    def is_last(self) -> bool:
        """Whether nothing is read behind it: it was interrupted, or octets could not be had."""
        return self.facts.interrupted or self.capture.stream.source.fault is not None


class _Told:
    """A ``progress`` for several threads: what stops one of them stops all."""

    def __init__(self, progress: Callable[[int], None]) -> None:
        self._progress = progress
        self.ended = False

    def __call__(self, octets: int) -> None:
        if self.ended:
            raise KeyboardInterrupt
        try:
            self._progress(octets)
        except KeyboardInterrupt:
            self.ended = True
            raise


def _cut(path: str, window: Window, max_tracked: int, jobs: int, files: ExitStack) -> list[_Stretch]:
    """The stretches of a file, which ``files`` closes; none where it is read from front to back."""
    size = 0 if isinstance(path, Address) else size_of(path) or 0
    number = min(jobs, size // LEAST)
    if number < 2:
        return []
    try:
        with open_input(path) as capture:
            begin = capture.offset
            first, plain = next(iter(capture), None), capture.plain()
            if first is None or plain is None or capture.compression or capture.dropped:
                return []
        if window.is_relative:
            if first.time_ns == NO_TIME:
                return []
            window = window.counted_from(first.time_ns)
        starts = _starts(path, plain, [begin + at * (size - begin) // number for at in range(1, number)])
        stretches = []
        for start, stop in zip_longest([begin, *starts], starts):
            capture = files.enter_context(open_input(path))
            if start > begin:
                next(iter(capture), None)  # for what is described before it
            stretches.append(_Stretch(capture, start, stop, window, max_tracked))
    except (CaptureError, OSError):
        return []
    return stretches


def _starts(path: str, plain: PlainPcap | PlainPcapng, places: Sequence[int]) -> list[int]:
    """Where records seem to begin, at each of these places in the file or soon behind it."""
    starts: list[int] = []
    with open(path, "rb", buffering=0) as file:
        for place in places:
            file.seek(place)
            found = boundary(file.read(_FOLLOWED), _SEARCHED, plain)
            if found is not None and place + found > max(starts, default=0):
                starts.append(place + found)
    return starts


def _read(stretches: Sequence[_Stretch], progress: Callable[[int], None], jobs: int) -> list[_Stretch]:
    """Read them all at the same time; gives those that are the capture, one behind the other."""
    told = _Told(progress)
    whole: list[_Stretch] = []
    for one in in_order(lambda one: one.read(told), stretches, jobs):
        whole.append(one)
        while len(whole) > 1 and not whole[-1].follows(whole[:-1]):
            wrong = whole.pop()
            whole[-1].go_on(wrong, told)
        if whole[-1].is_last:
            told.ended = True
            break
    return whole


def _together(stretches: Sequence[_Stretch], max_tracked: int) -> Summary:
    before = list(accumulate((one.facts.frames for one in stretches[:-1]), initial=0))
    facts = reduce(merged, map(numbered_on, (one.facts for one in stretches), before))
    if not any(one.reading.set_aside for one in stretches):
        tables = (one.reading.table for one in stretches)
        return stretch.summary(facts, kept_of(*zip(tables, before, strict=True)))
    kept = (
        waiting(one.reading.openings()).numbered_from(frames) for one, frames in zip(stretches, before, strict=True)
    )
    return stretch.summary(facts, reduce(lambda first, then: joined(first, then, max_tracked), kept))
