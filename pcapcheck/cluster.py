"""Captures on a Dask cluster: a task for each, and what they give put together by neighbours where it lies.

The same function that judges a capture here judges it on a worker. Needs distributed (``pip install
'pcapcheck[dask]'``).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any, Final

from pcapcheck._version import __version__
from pcapcheck.errors import NOWHERE, CaptureError, PcapcheckError, UsageError
from pcapcheck.judged import FAN_IN, Part, together
from pcapcheck.run import Work
from pcapcheck.sequence import File, Group
from pcapcheck.stretch import CaptureFacts, Summary

try:
    from distributed import Client, KilledWorker, get_worker
except ImportError:
    raise UsageError("a cluster needs Dask: pip install 'pcapcheck[dask]'") from None

# Seconds until a scheduler must have answered.
_PATIENCE: Final = 30


@contextmanager
def connected(address: str) -> Iterator[Client]:
    """A client of the scheduler at ``tcp://host:port``. Raises UsageError where none answers there."""
    try:
        client = Client(address, timeout=_PATIENCE, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, RuntimeError) as error:
        raise UsageError(f"--scheduler {address}: no Dask scheduler answers there ({error})") from None
    with client:
        yield client


class Cluster:
    """A ``map`` for run.check: captures are judged on the workers, and what a lost worker had is judged elsewhere.

    With ``merge`` neighbours are put together on the workers, as a tree: the driver is given a few parts, in which the
    totals are one. Without it each capture comes by itself, as is needed where each is given to somebody.
    """

    def __init__(self, client: Client, *, merge: bool = True) -> None:
        self._client, self._merge = client, merge

    def __call__(self, work: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
        """What the work gives for each item, in their order."""
        return _results(self._client.map(work, items, pure=False))

    def captures(self, work: Work, groups: Sequence[Group]) -> Iterator[Part]:
        """The captures of the groups, in their order. The tasks are there when this returns."""
        files = [file for group in groups for file in group.files]
        if any(file.path == "-" for file in files):
            raise UsageError("standard input cannot be read by a cluster: name files that its workers can read")
        # Names of their own: another run of the same client may ask for the same captures when they have changed.
        run = f"pcapcheck-{secrets.token_hex(8)}"
        names = [f"{run}-{number}" for number in range(len(files))]
        done = iter(self._client.map(partial(_on_worker, work, version=__version__), files, key=names, pure=False))
        level = [self._capture(work, group, list(islice(done, len(group.files)))) for group in groups]
        while self._merge and len(level) > FAN_IN:
            level = [
                self._client.submit(together, level[start : start + FAN_IN], pure=False)
                for start in range(0, len(level), FAN_IN)
            ]
        return _results(level)

    def _capture(self, work: Work, group: Group, files: list[Any]) -> Any:
        """The task that gives the captures of a group: that of its file, or one that puts several together."""
        return files[0] if len(files) == 1 else self._client.submit(work.together, group, files, pure=False)


def _results(futures: list[Any]) -> Iterator[Any]:
    """What the tasks give, in their order, each let go once it is here. What is not asked for is not worked on."""
    waiting = futures[::-1]
    del futures[:]
    try:
        while waiting:
            yield _result(waiting.pop())
    finally:
        for future in waiting:
            future.cancel()


def _result(future: Any) -> Any:
    try:
        return future.result()
    except KilledWorker as error:
        raise PcapcheckError(f"the cluster gave up: {error}") from None
    except ModuleNotFoundError as error:
        raise PcapcheckError(f"a worker lacks what it needs, install the same there as here: {error}") from None
    except OSError as error:
        raise PcapcheckError(f"the cluster, or a file that it needs, cannot be reached: {error}") from None


def _on_worker(work: Work, file: File, version: str) -> Part | Summary:
    """``work`` done by a worker, which is named where it cannot open the file."""
    worker = get_worker().address
    if version != __version__:
        raise PcapcheckError(f"worker {worker} has pcapcheck {__version__}, and {version} is needed")
    done = work(file)
    if isinstance(done, Summary):
        return replace(done, facts=_named(done.facts, worker))
    (one,) = done.captures
    return done._replace(captures=(replace(one, facts=_named(one.facts, worker)),))


def _named(facts: CaptureFacts, worker: str) -> CaptureFacts:
    error = facts.error
    if error is None or error.offset != NOWHERE:
        return facts
    return replace(facts, error=type(error)(error.path, NOWHERE, error.needed, error.found, _advice(error, worker)))


def _advice(error: CaptureError, worker: str) -> str:
    where = f"worker {worker} says so: a path must name the same file on every worker"
    return f"{error.advice}; {where}" if error.advice else where
