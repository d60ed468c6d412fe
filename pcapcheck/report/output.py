"""Where a report goes: standard output, or files that appear whole or not at all."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple, TextIO

from pcapcheck.errors import CaptureError, PcapcheckError, UnrecognisedFormat, UsageError
from pcapcheck.report.report import Report

FORMATS: Final = ("text", "jsonl", "csv")


class Output(NamedTuple):
    """One of FORMATS and the file that it goes to."""

    format: str
    path: str


def writer(format: str) -> Callable[[Report, TextIO], None]:
    """The function that writes a report in one of FORMATS."""
    if format == "jsonl":
        from pcapcheck.report.jsonl import write_jsonl

        return write_jsonl
    if format == "csv":
        from pcapcheck.report.tabular import write_csv

        return write_csv
    from pcapcheck.report.text import write_text

    return write_text


def write_file(report: Report, output: Output) -> None:
    """Write the report to a file."""
    with (
        replacing(output.path) as path,
        open(path, "w", encoding="utf-8", errors="backslashreplace", newline="") as out,
    ):
        writer(output.format)(report, out)


@contextmanager
def replacing(path: str) -> Iterator[str]:
    """A name to write to, which becomes ``path`` when all is written and goes away if that fails."""
    if os.path.exists(path) and not os.path.isfile(path):  # a pipe, /dev/stderr: nothing to replace
        with _named(path):
            yield path
        return
    target = os.path.realpath(path)
    folder, name = os.path.split(target)
    stem, suffix = os.path.splitext(name)
    temporary = os.path.join(folder, f".{stem}.{os.getpid()}{suffix}")
    with _named(path):
        try:
            yield temporary
            if os.path.exists(target):
                shutil.copymode(target, temporary)
            os.replace(temporary, target)
        finally:
            if os.path.exists(temporary):
                os.unlink(temporary)


@contextmanager
def _named(path: str) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise PcapcheckError(f"cannot write {path}: {error.strerror or error}") from None


def refuse_inputs(path: str, inputs: Sequence[str]) -> None:
    """Raise UsageError where writing ``path`` would overwrite an input, or any capture."""
    if os.path.isdir(path):
        raise UsageError(f"cannot write {path}: it is a folder")
    if not os.path.isfile(path):
        return
    if any(os.path.exists(name) and os.path.samefile(name, path) for name in inputs):
        raise UsageError(f"{path} is an input: it is not overwritten")
    from pcapcheck.capture import open_capture

    try:
        open_capture(path).close()
    except UnrecognisedFormat:
        return
    except CaptureError:
        pass
    raise UsageError(f"{path} is a capture: it is not overwritten")


@contextmanager
def standard_output() -> Iterator[TextIO]:
    """Standard output, which takes any text and may be closed by its reader (``| head``) without a word."""
    out = sys.stdout
    if hasattr(out, "reconfigure"):
        out.reconfigure(errors="backslashreplace", newline="\n")
    try:
        yield out
        out.flush()
    except BrokenPipeError:
        # Python flushes once more at exit: into nothing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
