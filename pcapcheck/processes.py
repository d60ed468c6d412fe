"""Several large captures in processes of their own: threads that judge wait for each other at Python's lock."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from threading import Thread, active_count
from types import FrameType
from typing import Any, Final

from pcapcheck.errors import PcapcheckError
from pcapcheck.jobs import in_order, results
from pcapcheck.judged import EVERYTHING, Part
from pcapcheck.run import Work, file_by_file
from pcapcheck.sequence import Group

# Octets of captures from which on it pays: to begin a process anew takes as long as reading some 30 MB.
LARGE: Final = 1 << 26


class Processes:
    """A ``map`` for run.check: captures are judged by ``jobs`` processes where that is quicker, else by threads.

    What comes back from a process is copied. So it is done by threads where all handshakes are kept, and where files
    may be parts of one capture; also where something else than files is read.
    """

    def __init__(self, jobs: int, progress: Callable[[int], None]) -> None:
        """``progress`` as in run.check."""
        self._jobs, self._progress = jobs, progress

    def __call__(self, work: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
        """What the work gives for each item, in their order."""
        return in_order(work, items, self._jobs)

    def captures(self, work: Work, groups: Sequence[Group]) -> Iterator[Part]:
        """The captures of the groups, in their order."""
        if self._jobs < 2 or len(groups) < 2 or work.keep == EVERYTHING or not _are_large_files(groups):
            return file_by_file(work, groups, self, self._jobs)
        return self._judged(work, groups)

    def _judged(self, work: Work, groups: Sequence[Group]) -> Iterator[Part]:
        read: Any = work.read
        there = replace(work, read=partial(read, progress=_tell))
        with _pool(min(self._jobs, len(groups)), self._progress) as pool:
            try:
                yield from file_by_file(there, groups, partial(results, pool, jobs=self._jobs), 1)
            except BrokenProcessPool:
                raise PcapcheckError(
                    "a process that judges captures was ended from outside; if memory was short, ask for fewer --jobs"
                ) from None


def _are_large_files(groups: Sequence[Group]) -> bool:
    """Whether each group is one file, of those that lie here, and together they are large."""
    total = 0
    for group in groups:
        if len(group.files) > 1 or group.files[0].is_part or not os.path.isfile(group.files[0].path):
            return False
        total += os.path.getsize(group.files[0].path)
    return total >= LARGE


@contextmanager
def _pool(jobs: int, progress: Callable[[int], None]) -> Iterator[ProcessPoolExecutor]:
    """So many processes, which tell ``progress`` what they read, and stop reading when it raises KeyboardInterrupt."""
    # A fork copies locks that other threads hold: where there are some, and elsewhere than on Linux, processes begin
    # anew.
    alone = sys.platform == "linux" and active_count() == 1
    context = get_context("fork" if alone else "spawn")
    octets, stop = context.SimpleQueue(), context.Event()
    failed: list[Exception] = []

    def listen() -> None:
        # To the end, whatever happens: they would wait for somebody who listens.
        while (count := octets.get()) is not None:
            try:
                progress(count)
            except KeyboardInterrupt:
                stop.set()
            except Exception as error:
                failed.append(error)

    listening = Thread(target=listen, daemon=True)
    with ProcessPoolExecutor(jobs, context, _begin, (octets, stop)) as pool:
        pool.submit(os.getpid).result()  # now the processes are there, and threads may be
        listening.start()
        try:
            yield pool
        finally:
            pool.shutdown(cancel_futures=True)
            octets.put(None)
            listening.join()
    if failed:
        raise failed[0]


# In a process of the pool: where it tells what it read, and what tells it to stop.
_told: list[Any] = []


def _begin(*told: Any) -> None:
    """At the beginning of a process."""

    def ask(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    # The first Ctrl-C is for the process that began this one, which tells when to stop; a second one ends it all.
    signal.signal(signal.SIGINT, ask)
    _told[:] = told


def _tell(count: int) -> None:
    octets, stop = _told
    octets.put(count)
    if stop.is_set():
        raise KeyboardInterrupt
