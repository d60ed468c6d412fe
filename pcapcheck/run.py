"""The main job: summarise each capture, judge it, reduce it to what is asked for, put all together, report."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate, islice
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from pcapcheck import judged
from pcapcheck import sequence as sequences
from pcapcheck.capture import Found, Paths, find_captures
from pcapcheck.capture.address import address
from pcapcheck.diagnoses import DIAGNOSES, answers, diagnose
from pcapcheck.diagnoses.syn_floods import FLOODS
from pcapcheck.errors import UsageError
from pcapcheck.gather import traffic_of
from pcapcheck.jobs import in_order
from pcapcheck.judged import Part
from pcapcheck.memory import give_back
from pcapcheck.policy.policy import Policy
from pcapcheck.report.report import Report
from pcapcheck.sequence import File, Group
from pcapcheck.side_by_side import summarise
from pcapcheck.spilled import waiting
from pcapcheck.stretch import CaptureFacts, Summary
from pcapcheck.tables import KEEPS, MAX_TRACKED
from pcapcheck.window import EVERYTHING, Window

if TYPE_CHECKING:
    from pcapcheck.report.dataset import Dataset, Numbered

Map = Callable[[Callable[[Any], Any], Sequence[Any]], Iterable[Any]]


@runtime_checkable
class OfGroups(Protocol):
    """A ``map`` that also puts the files of a capture together, and captures, where it works on them."""

    def __call__(self, work: Callable[[Any], Any], items: Sequence[Any]) -> Iterable[Any]:
        """As the map of an executor."""

    def captures(self, work: Work, groups: Sequence[Group]) -> Iterable[Part]:
        """The captures of the groups, in their order."""


def check(
    paths: Paths | Found,
    *,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    policy: Policy | None = None,
    window: Window = EVERYTHING,
    max_bytes: int | None = None,
    sequence: bool | None = None,
    merge: bool = False,
    decoder: str = "auto",
    max_tracked: int = MAX_TRACKED,
    jobs: int = 1,
    state: str | PathLike[str] | None = None,
    keep: str = judged.EVERYTHING,
    map: Map | OfGroups = map,
    progress: Callable[[int], None] | None = None,
    each: Callable[[Report], None] | None = None,
    dataset: str | PathLike[str] | None = None,
) -> Report:
    """Verify every handshake of the captures.

    ``paths`` are files, folders (searched for captures), URLs of either and ``-`` (standard input), one or several.
    ``select`` and ``ignore`` are prefixes of rule ids; without the rule of a scan or a flood each of its attempts is
    reported by itself. A ``policy`` says both, and more; they are not given beside it. Of each file at most
    ``max_bytes`` octets are read, uncompressed. With ``sequence`` all files are one capture; by default those are that
    a capturing program wrote one after the other, as their names and times say; with False each is one by itself. With
    ``merge`` they are captures of the same traffic at several taps, taken together as one: read here, by one thread.

    The result is the same for each ``decoder`` (``compiled``, ``dpkt``, or ``auto``: the quicker one that is
    installed), for any ``max_tracked`` (connections that are kept track of in memory, of a capture, or of a stretch of
    one that a thread of its own reads; beyond that they wait on disk), for any number of ``jobs`` (threads: files are
    worked on at the same time, and where there are fewer of them, a large one is read at several places), and where
    ``map`` is that of a thread or process pool or of a cluster, which then reads, judges and reduces the captures, one
    at a time; of files that may be parts of one it gives the summaries. A cluster.Cluster puts these together on its
    workers, too. processes.Processes is what the command takes for its ``--jobs``.

    ``keep`` says which handshakes are kept once a capture is judged: ``everything``; ``causes``, those that have a
    finding or a cause; ``findings``, those that findings name; ``shown``, those that findings above info name, and the
    other findings are counted; ``totals``, none. Summary and captures are the same for all, memory grows with what is
    kept; what needs more, such as the table of handshakes, raises UsageError.

    ``each`` is given the report on each capture by itself, in their order, with all of its handshakes under the numbers
    that they have in the run; what ``keep`` leaves out is let go thereafter.

    ``dataset`` is a new folder for the tables as Parquet, one file for each table and capture, which are written where
    the capture is judged: nothing of them comes here. What is said of several captures at once is not in it.

    ``state`` is a folder that keeps what was read of each file, by its content: what it knows is not read again, so
    that a run goes on where one before it was ended. It changes nothing in the result.

    A file that cannot be read does not raise: it is in ``Report.errors`` (and its reason in ``Report.captures``), and
    the others are judged. Raises UsageError for a rule that does not exist, for a URL that takes a package which is not
    installed, and for a ``state`` that is no folder to write to.
    """
    if policy is not None and (select or ignore):
        raise UsageError("rules are selected and ignored by the policy, where there is one")
    if keep not in KEEPS:
        raise UsageError(f"keep={keep!r}: needed one of {', '.join(KEEPS)}")
    policy = policy or Policy(tuple(select), tuple(ignore))
    policy.rules_for("")  # a rule that does not exist is told before anything is read
    if merge and sequence:
        raise UsageError("files follow each other (sequence) or show the same traffic (merge), not both")
    if merge and state is not None:
        raise UsageError("files that are merged are read together: there is no state of each to be kept")
    found = find_captures(paths)
    read = partial(
        _reader(state),
        progress=progress,
        max_bytes=max_bytes,
        decoder=decoder,
        max_tracked=max_tracked,
        jobs=max(1, jobs // max(1, len(found.inputs))),
    )
    with _dataset(dataset) as tables:
        work = Work(read, window, policy, judged.EVERYTHING if each else keep, tables)
        if merge:
            from pcapcheck import taps

            captures: Iterable[Part] = work.merged(taps.summarise(found.inputs, window, progress, max_bytes, decoder))
        else:
            groups = sequences.groups(found.inputs, sequence, window)
            captures = (
                map.captures(work, groups) if isinstance(map, OfGroups) else file_by_file(work, groups, map, jobs)
            )
        whole = judged.folded(_reduced(captures, keep, each))
        if tables is not None:
            given = _numbered(whole)
            done = in_order(tables.number, given, jobs) if jobs > 1 else map(tables.number, given)
            deque(done, maxlen=0)
    populations = [one.population for one in whole.captures if one.population is not None]
    overall = policy.asked(policy.together, populations, [one.facts for one in whole.captures])
    return Report(whole, found.errors, found.ignored, besides=overall)


def _reduced(captures: Iterable[Part], keep: str, each: Callable[[Report], None] | None) -> Iterator[Part]:
    """The captures, reduced once each was given away; up to one in which reading was interrupted."""
    before = 0
    for part in captures:
        if each is not None:
            each(Report(part, before=before))
        before += part.totals.handshakes
        yield judged.cut(part, keep)
        if any(one.facts.interrupted for one in part.captures):
            return


@contextmanager
def _dataset(path: str | PathLike[str] | None) -> Iterator[Dataset | None]:
    if path is None:
        yield None
        return
    from pcapcheck.report.dataset import dataset

    with dataset(fspath(path)) as tables:
        yield tables


def _reader(state: str | PathLike[str] | None) -> Callable[..., Summary]:
    """What summarises a file, with what is kept in ``state``, where that is given."""
    if state is None:
        return summarise
    from pcapcheck.state import refuse_place, remembered

    refuse_place(fspath(state))
    return partial(remembered, folder=os.path.abspath(state))  # a worker may have another working directory


def _numbered(whole: Part) -> list[Numbered]:
    from pcapcheck.report.dataset import Numbered

    before = accumulate((one.size for one in whole.captures), initial=0)
    captures = enumerate(zip(whole.captures, before, strict=False), start=1)
    return [Numbered(one.facts.path, number, count) for number, (one, count) in captures]


def file_by_file(work: Work, groups: Sequence[Group], map: Map, jobs: int) -> Iterator[Part]:
    """The captures, judged: those of several files once these are there, or reading was interrupted in one of them."""
    files = [file for group in groups for file in group.files]
    done = iter(in_order(work, files, jobs) if jobs > 1 else map(work, files))
    for group in groups:
        own: list[Part | Summary] = []
        for one in islice(done, len(group.files)):
            own.append(one)
            if isinstance(one, Summary) and one.facts.interrupted:
                break
        yield work.together(group, own)


@dataclass(frozen=True, eq=False)
class Work:
    """All that is done with a file and a capture, wherever that is: it travels."""

    read: Callable[[str, Window], Summary]
    window: Window
    policy: Policy
    keep: str
    tables: Dataset | None  # to be written to

    def __call__(self, file: File) -> Part | Summary:
        """What is done with a file by itself: also judging, unless it may be part of a capture."""
        if file.is_part:
            summary = self.read(file.path, file.window)
            return replace(summary, openings=waiting(summary.openings))
        return self._judged(self.read(file.path, file.window))  # which nobody holds on to while it is judged

    def together(self, group: Group, done: Sequence[Part | Summary]) -> Part:
        """What is done with the files of a group once each is done by itself: the captures that they are, judged."""
        summaries = [one for one in done if isinstance(one, Summary)]
        judged_already = [one for one in done if isinstance(one, Part)]
        captures = sequences.captures(group, summaries, self.window, self.read) if summaries else iter(())
        return judged.together([*judged_already, *map(self._judged, captures)])

    def merged(self, summaries: Iterable[Summary]) -> Iterator[Part]:
        """Captures that were put together already, judged."""
        return (self._judged(one) for one in summaries)

    def _judged(self, summary: Summary) -> Part:
        """One capture, judged by the rules that the policy chooses for it and by all diagnoses, and reduced."""
        facts, policy = summary.facts, self.policy
        traffic = traffic_of(summary.openings, 0, facts.end_time, count_floods=self._may_count_floods(facts))
        del summary  # its openings take more memory than all that is left of them
        large = traffic.stored is not None
        if large:
            give_back()
        several = bool(policy.together)
        if facts.joined == sequences.MERGED:
            from pcapcheck import taps

            taps.time_at_one_tap(traffic, facts)
        if facts.error:
            return self._reduced(judged.judged(facts, traffic, diagnose(traffic, facts, ()), [], population=several))
        causes = diagnose(traffic, facts, DIAGNOSES.values())
        if large:
            give_back()
        chosen = policy.rules_for(facts.path)
        checked = answers(traffic, facts, causes, chosen)
        alone = [one for one in policy.expectations if one not in policy.together]
        given = [*policy.weighed(checked, facts.path), *policy.asked(alone, [traffic], [facts])]
        if large:
            give_back()
        return self._reduced(judged.judged(facts, traffic, causes, given, population=several))

    def _may_count_floods(self, facts: CaptureFacts) -> bool:
        """Whether nobody asks for each handshake: then the lone SYNs of floods need only be counted."""
        nobody = self.keep in (judged.TOTALS, judged.SHOWN, judged.FINDINGS) and self.tables is None
        nobody &= facts.joined != sequences.MERGED and not facts.error
        return nobody and not self.policy.expectations and FLOODS in self.policy.rules_for(facts.path)

    def _reduced(self, whole: Part) -> Part:
        if self.tables is not None:
            self.tables.add(Report(whole))
        return judged.cut(whole, self.keep)


def explain(rule: str, language: str = "en") -> str:
    """The manual page of one rule or diagnosis, by id or slug, in English or Chinese (``zh``).

    Raises UsageError if there is none.
    """
    from pcapcheck.report.explanation import explanation
    from pcapcheck.texts import language as known

    return explanation(rule, language=known(language, {}))


def read_pcap(path: str | PathLike[str], *, window: Window = EVERYTHING) -> Any:
    """The TCP segments of a capture: a DataFrame with one row a segment, columns as in tables.SEGMENTS.

    Raises CaptureError where the file is no capture.
    """
    from pcapcheck.report.frames import segments_frame

    return segments_frame(address(fspath(path)), window)
