"""Where a report goes: standard output, or files that appear whole or not at all."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final, NamedTuple, TextIO, cast

from pcapcheck.errors import CaptureError, PcapcheckError, UnrecognisedFormat, UsageError
from pcapcheck.report.formats import FILES_ONLY, FORMATS, Format
from pcapcheck.report.report import Report
from pcapcheck.report.terms import Terms
from pcapcheck.tables import KEEPS

# What a folder of Parquet is given. Segments are many, and the captures would have to be read again: on request.
FOLDER: Final = ("handshakes", "findings", "causes", "captures", "hosts")
NEEDS_PYARROW: Final = "Parquet needs pyarrow: pip install 'pcapcheck[parquet]'"

_PLAIN: Final = Terms()

# Of the target's name, in that of the file beside it: names are up to 255 octets long.
_STEM: Final = 40
_SUFFIX: Final = 10


class Output(NamedTuple):
    """One of FORMATS and the file that it goes to."""

    format: str
    path: str


def writer(format: str, terms: Terms = _PLAIN) -> Callable[[Report, TextIO], None]:
    """The function that writes a report in one of FORMATS."""
    chosen = FORMATS[format]
    if chosen.rows:
        return lambda report, out: _rows(format, terms)(out)(report)
    write = _function(chosen)
    return partial(write, terms=terms) if chosen.takes_terms else cast(Callable[[Report, TextIO], None], write)


def _rows(format: str, terms: Terms) -> Callable[[TextIO], Callable[[Report], None]]:
    """What begins a file of rows, under the names of a schema if it has them."""
    if terms.schema:
        from pcapcheck.report.schemas import schema_rows

        if under_schema := schema_rows(terms.schema, format):
            return under_schema
    return cast(Callable[[TextIO], Callable[[Report], None]], _function(FORMATS[format]))


def _function(chosen: Format) -> Callable[..., Any]:
    function: Callable[..., Any] = getattr(import_module(f"pcapcheck.report.{chosen.module}"), chosen.function)
    return function


def grows(output: Output) -> bool:
    """Whether a file can be written capture by capture: one of rows can."""
    if output.format == "parquet":
        return not is_folder(output.path)  # of the tables in a folder, hosts are over all captures
    return output.format in FORMATS and FORMATS[output.format].rows


@contextmanager
def growing(output: Output, terms: Terms = _PLAIN) -> Iterator[Callable[[Report], None]]:
    """What writes the rows of one report after the other to a file, which is there when all are written."""
    if output.format == "parquet":
        from pcapcheck.report.parquet import growing_parquet

        with growing_parquet(output.path) as write:
            yield write
        return
    with _text_file(output.path) as out:
        yield _rows(output.format, terms)(out)


def to_standard_output(format: str, terms: Terms = _PLAIN) -> Callable[[Report], None]:
    """What writes the rows of one report after the other to standard output."""
    with standard_output() as out:
        write = _rows(format, terms)(out)

    def written(report: Report) -> None:
        with standard_output():
            write(report)

    return written


def keep_for(formats: Collection[str], terms: Terms = _PLAIN, *, baseline: bool = False) -> str:
    """What these formats need of the handshakes: the least of tables.KEEPS that is enough for all of them.

    With a ``baseline`` findings are compared with those that it knows.
    """
    needed = {FORMATS[format].keep if format in FORMATS else FILES_ONLY[format] for format in {*formats} - {"text"}}
    if "text" in formats:
        needed.add("totals" if terms.quiet and not baseline else FORMATS["text"].keep)
    if terms.shows("info") and needed - {"totals"}:
        needed.add("findings")
    if (terms.junit_per == "connection" and "junit" in formats) or (terms.with_handshakes and "json" in formats):
        needed.add("everything")
    return max(needed, key=KEEPS.index, default=KEEPS[0])


def write_file(report: Report, output: Output, terms: Terms = _PLAIN) -> None:
    """Write the report to a file; Parquet to a folder too, a file for each table."""
    if output.format == "parquet":
        from pcapcheck.report.parquet import write_parquet

        write_parquet(report, output.path)
        return
    if output.format == "github-summary":
        from pcapcheck.report.github_summary import append_summary

        with _named(output.path):
            append_summary(report, output.path, terms)
        return
    write = writer(output.format, terms)
    with _text_file(output.path) as out:
        write(report, out)


@contextmanager
def _text_file(path: str) -> Iterator[TextIO]:
    with (
        replacing(path) as unfinished,
        open(unfinished, "w", encoding="utf-8", errors="backslashreplace", newline="") as out,
    ):
        yield out


@contextmanager
def replacing(path: str, *, durable: bool = True) -> Iterator[str]:
    """A name to write to, which becomes ``path`` when all is written and goes away if that fails.

    Whenever the process ends, ``path`` is what it was before or whole; only a killed one leaves the other name behind.
    If it is ``durable``, that holds for a power failure, too.
    """
    if os.path.exists(path) and not os.path.isfile(path):  # a pipe, /dev/stderr: nothing to replace
        with _named(path):
            yield path
        return
    if _is_planted(path):
        raise PcapcheckError(f"cannot write {path}: it is another user's link in a folder open to all")
    target = os.path.realpath(path)
    with _named(path):
        temporary = _new_beside(target)
        try:
            yield temporary
            if durable:
                _flush_to_disk(temporary)
            if os.path.exists(target):
                shutil.copymode(target, temporary)
            os.replace(temporary, target)
        finally:
            if os.path.lexists(temporary):
                os.unlink(temporary)


def _new_beside(target: str) -> str:
    """An empty file in the same folder, of a name that nobody can foresee and with the rights of any new file."""
    folder, name = os.path.split(target)
    stem, suffix = os.path.splitext(name)
    while True:
        path = os.path.join(folder, f".{stem[:_STEM]}.{_unused()}{suffix[:_SUFFIX]}")
        # mkstemp would do the same, but with rights for its owner alone.
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
            return path


def _unused() -> str:
    """A part of a name that nobody has used."""
    return os.urandom(8).hex()


def _flush_to_disk(path: str) -> None:
    """Without it a power failure after the renaming could leave an empty file."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_planted(path: str) -> bool:
    """Whether the path is a link that somebody else may have put where we write."""
    if not os.path.islink(path) or not hasattr(os, "geteuid"):
        return False
    return not may_follow(os.lstat(path), os.stat(os.path.dirname(path) or "."), os.geteuid())


def may_follow(link: os.stat_result, folder: os.stat_result, user: int) -> bool:
    """The kernel's own test for links in folders such as /tmp (fs.protected_symlinks)."""
    open_to_all = folder.st_mode & stat.S_ISVTX and folder.st_mode & stat.S_IWOTH
    return not open_to_all or link.st_uid in (user, folder.st_uid)


@contextmanager
def _named(path: str) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise PcapcheckError(f"cannot write {path}: {error.strerror or error}") from None


def refuse_missing(format: str) -> None:
    """Raise UsageError where what a format needs is not installed: better before the captures are read than after."""
    if format in ("parquet", "dataset") and find_spec("pyarrow") is None:
        raise UsageError(NEEDS_PYARROW)


def is_folder(path: str) -> bool:
    """Whether a path names a folder, there or to be made."""
    return path.endswith(("/", os.sep)) or os.path.isdir(path)


def targets(output: Output) -> list[str]:
    """The files that an output is written to; of a dataset none, which takes only a new folder."""
    if output.format == "dataset":
        return []
    if output.format == "parquet" and is_folder(output.path):
        return [os.path.join(output.path, f"{table}.parquet") for table in FOLDER]
    return [output.path]


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
