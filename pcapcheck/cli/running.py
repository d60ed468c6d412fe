"""What every command does: run the check, say what there is to say, choose the exit code."""

from __future__ import annotations

import gc
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Final

import typer

from pcapcheck.cli.options import FailOn
from pcapcheck.tables import MAX_TRACKED

if TYPE_CHECKING:
    from pcapcheck.errors import CaptureError
    from pcapcheck.policy.policy import Policy
    from pcapcheck.policy.settings import Settings
    from pcapcheck.processes import Processes
    from pcapcheck.report.report import Report
    from pcapcheck.window import Window

CLEAN: Final = 0
FOUND: Final = 1
FAILED: Final = 2
INTERRUPTED: Final = 130

# Octets of captures from which on it matters that the compiled loop is missing.
_LARGE: Final = 100_000_000


def checked(
    paths: Sequence[str],
    window: Window | None = None,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    *,
    policy: Policy | None = None,
    sequence: bool | None = None,
    merge: bool = False,
    max_bytes: int | None = None,
    decoder: str = "auto",
    max_tracked: int = MAX_TRACKED,
    jobs: int = 1,
    scheduler: str | None = None,
    state: str | None = None,
    keep: str = "everything",
    each: Callable[[Report], None] | None = None,
    dataset: str | None = None,
    quiet: bool = False,
) -> Report:
    """The report on the paths, with a progress bar; what could not be read is told on standard error.

    With a ``scheduler`` the work is done by its cluster, and there is no bar.
    """
    from pcapcheck.capture import find_captures
    from pcapcheck.run import check
    from pcapcheck.window import EVERYTHING

    gc.freeze()
    gc.enable()
    found = find_captures(paths)
    judging = partial(
        check,
        found,
        select=select,
        ignore=ignore,
        policy=policy,
        window=window or EVERYTHING,
        sequence=sequence,
        merge=merge,
        max_bytes=max_bytes,
        decoder=decoder,
        max_tracked=max_tracked,
        state=state,
        keep=keep,
        each=each,
        dataset=dataset,
    )
    if scheduler:
        from pcapcheck.cluster import Cluster, connected

        with connected(scheduler) as client:
            report = judging(map=Cluster(client, merge=each is None))
    else:
        with watching(found.inputs, quiet=quiet) as progress:
            report = judging(jobs=jobs, progress=progress, map=_several(jobs, progress) if jobs > 1 else map)
    say_unread(paths, report.errors, report.ignored, nothing=not report.capture_facts)
    if report.interrupted:
        complain("interrupted: what was read by then is judged")
    if moved := sum(facts.set_aside for facts in report.capture_facts):
        complain(f"{moved} connections were set aside on disk, beyond --max-tracked {max_tracked}: no verdict changes")
    if sum(facts.octets for facts in report.capture_facts) > _LARGE:
        say_if_slow()
    return report


def _several(jobs: int, progress: Callable[[int], None]) -> Processes:
    from pcapcheck.processes import Processes

    return Processes(jobs, progress)


def say_if_slow() -> None:
    """Tell on standard error where pcapcheck was installed without its compiled modules."""
    from pcapcheck.decode.compiled import COMPILED

    if not COMPILED:
        complain(
            "installed without its compiled modules, so every frame went through dpkt: install again to read faster"
        )


def say_unread(paths: Sequence[str], errors: Sequence[CaptureError], ignored: Sequence[str], *, nothing: bool) -> None:
    """Tell on standard error what of the paths was not read; ``nothing`` if no capture was found at all."""
    for error in errors:
        complain(str(error))
    if nothing and not errors:
        others = f", only other files ({len(ignored)})" if ignored else ""
        complain(f"no capture in {', '.join(paths)}{others}")


@contextmanager
def watching(inputs: Sequence[str], *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """A ``progress`` for the reading of the inputs: a bar on a terminal, and an end after Ctrl-C."""
    if quiet or not sys.stderr.isatty():
        with stopping(_nothing) as progress:
            yield progress
        return
    from pcapcheck.report.progress import Progress

    bar = Progress(inputs, sys.stderr)
    try:
        with stopping(bar) as progress:
            yield progress
    finally:
        bar.close()


@contextmanager
def stopping(progress: Callable[[int], None]) -> Iterator[Callable[[int], None]]:
    """A ``progress`` that ends the reading after Ctrl-C, so that what was read is judged. A second one ends it all."""
    asked = False

    def ask(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        asked = True
        signal.signal(signal.SIGINT, before)

    def report(octets: int) -> None:
        progress(octets)
        if asked:
            raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler or threading.current_thread() is not threading.main_thread():
        yield progress
        return
    signal.signal(signal.SIGINT, ask)
    try:
        yield report
    finally:
        signal.signal(signal.SIGINT, before)


def missing_handshakes(report: Report, required: int) -> str:
    """What the run lacks of the handshakes that it must judge, which is also told; empty where nothing is missing."""
    from pcapcheck.report.required import shortfall

    missing = shortfall(report, required) if report.capture_facts and not report.interrupted else ""
    if missing:
        complain(missing)
    return missing


def exit_code(report: Report, fail_on: FailOn, *, missing: bool = False, zero: bool = False) -> int:
    """What the run found, and nothing else, decides: no format changes it."""
    if report.interrupted:
        return INTERRUPTED
    if report.errors or not report.capture_facts:
        return FAILED
    if zero:
        return CLEAN
    if missing:
        return FOUND
    if fail_on is FailOn.never:
        return CLEAN
    severe = list(FailOn)[: list(FailOn).index(fail_on) + 1]
    return FOUND if any(report.all_findings.count(severity) for severity in severe) else CLEAN


def settings_of(
    config: str | None,
    isolated: bool,
    *,
    select: list[str] | None = None,
    ignore: list[str] | None = None,
    expect: list[str] | None = None,
    **options: str | int | None,
) -> Settings:
    """What is in force: the options given, the environment, the policy file, the defaults."""
    from pcapcheck.arguments import words
    from pcapcheck.policy.settings import settings

    given: dict[str, object] = {name.replace("_", "-"): value for name, value in options.items()}
    given["select"] = select and tuple(words(select))
    given["ignore"] = ignore and tuple(words(ignore))
    if expect:
        from pcapcheck.expect.ask import Asked
        from pcapcheck.expect.parser import parse

        given["expect"] = tuple(Asked(parse(text)) for text in expect)
    return settings(given, config=config, isolated=isolated)


def window_of(since: str | None, until: str | None, host: list[str] | None, port: list[str] | None) -> Window:
    from pcapcheck.arguments import window

    return window(since, until, host or (), port or ())


def octets_of(size: str | None) -> int | None:
    from pcapcheck.arguments import octets

    return None if size is None else octets(size)


def width() -> int:
    """Columns of the terminal; 80 where the output goes elsewhere, so that it is always the same."""
    return max(40, typer.get_terminal_size().columns) if sys.stdout.isatty() else 80


def say(text: str) -> None:
    from pcapcheck.report.output import standard_output

    with standard_output() as out:
        out.write(text + "\n")


def complain(text: str) -> None:
    from pcapcheck.report.escape import escaped

    print(f"pcapcheck: {escaped(text)}", file=sys.stderr)


def _nothing(octets: int) -> None:
    pass
