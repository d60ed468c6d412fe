"""The command ``pcapcheck``: parse, call the library function of the same name, print, exit."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from io import StringIO
from typing import TYPE_CHECKING, Annotated

import typer

# NumPy's OpenBLAS starts a thread for every core, which takes 0.1 s of CPU; nothing here multiplies matrices.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

if TYPE_CHECKING:
    from pcapcheck.report.report import Report
    from pcapcheck.stretch import Window

CLEAN, FOUND, FAILED, INTERRUPTED = 0, 1, 2, 130


class Format(StrEnum):
    text = "text"
    jsonl = "jsonl"
    csv = "csv"


class FailOn(StrEnum):
    error = "error"
    warning = "warning"
    note = "note"
    info = "info"
    never = "never"


class By(StrEnum):
    server = "server"
    client = "client"
    capture = "capture"


app = typer.Typer(
    help="Verify the TCP handshakes in captures: which were right, which were not, why, and how long they took.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Paths = Annotated[
    list[str], typer.Argument(metavar="PATH", help="Captures, folders of captures, or - for standard input.")
]
Path = Annotated[str, typer.Argument(metavar="PATH", help="A capture.")]
Since = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="Leave out what is earlier: ISO 8601 (UTC if no zone is said), seconds since 1970, or +10s, +5m, +100ms"
        " after the first frame.",
    ),
]
Until = Annotated[str | None, typer.Option(metavar="TIME", help="Leave out what is later.")]
Host = Annotated[list[str] | None, typer.Option(metavar="ADDRESS", help="Only this address or network. Repeatable.")]
Port = Annotated[list[str] | None, typer.Option(metavar="PORT", help="Only this port. Repeatable.")]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit code."""
    from pcapcheck.errors import PcapcheckError

    sys.stdout, sys.stderr = sys.stdout or StringIO(), sys.stderr or StringIO()  # None where the shell closed it
    # What is imported never becomes garbage; searching it for some took a fifth of a short run.
    gc.disable()
    try:
        app(args=None if arguments is None else list(arguments), prog_name="pcapcheck")
    except SystemExit as finished:
        return finished.code if isinstance(finished.code, int) else FAILED
    except PcapcheckError as error:
        _complain(str(error))
        return FAILED
    except BrokenPipeError:
        return CLEAN
    except OSError as error:
        _complain(f"{error.filename or 'output'}: {error.strerror}")
        return FAILED
    finally:
        gc.freeze()
        gc.enable()
    return CLEAN


@app.callback(invoke_without_command=True)
def options(
    version: Annotated[bool, typer.Option("--version", help="Say what is installed, and exit.")] = False,
) -> None:
    if version:
        _say(_versions())
        raise typer.Exit(CLEAN)


@app.command()
def check(
    paths: Paths,
    format: Annotated[Format, typer.Option(help="What goes to standard output.")] = Format.text,
    output: Annotated[
        list[str] | None,
        typer.Option("--output", "-o", metavar="FORMAT:FILE", help="Also write a file, as csv:out.csv. Repeatable."),
    ] = None,
    fail_on: Annotated[
        FailOn, typer.Option(help="Exit with 1 if a finding is as severe as this, or more.")
    ] = FailOn.error,
    exit_zero: Annotated[bool, typer.Option("--exit-zero", help="Exit with 0 whatever is found.")] = False,
    select: Annotated[
        list[str] | None,
        typer.Option(metavar="RULES", help="Only these rules: ids, their beginnings, or slugs. Repeatable."),
    ] = None,
    ignore: Annotated[list[str] | None, typer.Option(metavar="RULES", help="Not these rules. Repeatable.")] = None,
    since: Since = None,
    until: Until = None,
    host: Host = None,
    port: Port = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="The summary without a line for each finding; no progress bar.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="A line also for each finding of severity info.")
    ] = False,
) -> None:
    """Verify every handshake.

    Exits with 0 if nothing is wrong, 1 if a finding is as severe as --fail-on, 2 if an input cannot be read, 130 if
    interrupted.
    """
    from pcapcheck.arguments import outputs, words
    from pcapcheck.report.output import refuse_inputs, standard_output, write_file, writer

    files = outputs(output or ())
    for file in files:
        refuse_inputs(file.path, paths)
    report = _checked(paths, _window(since, until, host, port), words(select or ()), words(ignore or ()), quiet=quiet)
    for file in files:
        write_file(report, file)
    if all(facts.error for facts in report.capture_facts):
        raise typer.Exit(FAILED)  # standard error says why
    with standard_output() as out:
        if format is Format.text:
            from pcapcheck.report.colour import Paint, wanted
            from pcapcheck.report.text import write_text

            write_text(report, out, paint=Paint(wanted(out)), width=_width(), quiet=quiet, verbose=verbose)
        else:
            writer(format)(report, out)
    raise typer.Exit(_exit_code(report, FailOn.never if exit_zero else fail_on))


@app.command()
def show(
    path: Path,
    handshake: Annotated[int | None, typer.Option(metavar="N", min=1, help="The handshake with this id.")] = None,
    frame: Annotated[int | None, typer.Option(metavar="N", min=1, help="The handshake of this frame.")] = None,
) -> None:
    """Draw one handshake as a ladder.

    Frames, times, raw and relative numbers; a wrong number stands beside the one expected.
    """
    from pcapcheck.errors import UsageError

    if (handshake is None) == (frame is None):
        raise UsageError("show needs --handshake N or --frame N")
    report = _checked([path])
    if report.errors:
        raise typer.Exit(_exit_code(report, FailOn.never))
    if frame is not None:
        from pcapcheck.report.find import handshake_of_frame

        index = handshake_of_frame(report, frame)
    else:
        assert handshake is not None
        total = report.outcomes().total()
        if handshake > total:
            raise UsageError(f"there is no handshake {handshake}: {path} has {total}")
        index = handshake - 1
    from pcapcheck.report.colour import wanted
    from pcapcheck.report.ladder import ladder

    _say(ladder(report, index, _width(), colour=wanted(sys.stdout)))


@app.command()
def rtt(
    paths: Paths,
    by: Annotated[By | None, typer.Option(help="One line for each of these.")] = None,
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="Draw a chart: .svg, .png or .pdf.")
    ] = None,
    since: Since = None,
    until: Until = None,
    host: Host = None,
    port: Port = None,
) -> None:
    """Tabulate and draw round-trip times.

    Only exact ones: where a SYN or SYN-ACK was repeated, the time is an interval and is left out.
    """
    from pcapcheck.errors import UsageError
    from pcapcheck.report.output import refuse_inputs
    from pcapcheck.report.rtt_table import rtt_table

    if output is not None:
        if not output.lower().endswith((".svg", ".png", ".pdf")):
            raise UsageError(f"--output {output}: a chart is an .svg, .png or .pdf file")
        refuse_inputs(output, paths)
    report = _checked(paths, _window(since, until, host, port))
    if output is not None:
        from pcapcheck import charts

        charts.save(charts.rtt_figure(report.handshakes, by=(by or By.server).value), output)
    _say(rtt_table(report, by.value if by else None, _width()))
    raise typer.Exit(_exit_code(report, FailOn.never))


@app.command()
def rules() -> None:
    """List the rules and the diagnoses."""
    from pcapcheck.report.colour import Paint, wanted
    from pcapcheck.report.explanation import rules_list

    _say(rules_list(_width() if sys.stdout.isatty() else None, paint=Paint(wanted(sys.stdout))))


@app.command()
def explain(
    rule: Annotated[str, typer.Argument(metavar="RULE", help="An id or a slug, as HS02 or accept-queue-full.")],
) -> None:
    """Explain a rule or a diagnosis.

    What it means, why it matters, common causes, what to look at next, and two examples.
    """
    from pcapcheck.report.colour import Paint, wanted
    from pcapcheck.report.explanation import explanation

    _say(explanation(rule, paint=Paint(wanted(sys.stdout))))


def _checked(
    paths: Sequence[str],
    window: Window | None = None,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    *,
    quiet: bool = False,
) -> Report:
    """The report on the paths, with a progress bar; what could not be read is told on standard error."""
    from pcapcheck.run import check
    from pcapcheck.stretch import EVERYTHING

    gc.freeze()
    gc.enable()
    progress: Callable[[int], None] | None = None
    close: Callable[[], None] = _nothing
    if sys.stderr.isatty() and not quiet:
        from pcapcheck.report.progress import Progress

        bar = Progress(paths, sys.stderr)
        progress, close = bar, bar.close
    try:
        report = check(list(paths), select=select, ignore=ignore, window=window or EVERYTHING, progress=progress)
    finally:
        close()
    for error in report.errors:
        _complain(str(error))
    if not report.capture_facts and not report.errors:
        others = f", only other files ({len(report.ignored)})" if report.ignored else ""
        _complain(f"no capture in {', '.join(paths)}{others}")
    if report.interrupted:
        _complain("interrupted: what was read by then is judged")
    return report


def _exit_code(report: Report, fail_on: FailOn) -> int:
    if report.interrupted:
        return INTERRUPTED
    if report.errors or not report.capture_facts:
        return FAILED
    if fail_on is FailOn.never:
        return CLEAN
    severe = list(FailOn)[: list(FailOn).index(fail_on) + 1]
    return FOUND if any(report.all_findings.count(severity) for severity in severe) else CLEAN


def _window(since: str | None, until: str | None, host: list[str] | None, port: list[str] | None) -> Window:
    from pcapcheck.arguments import window

    return window(since, until, host or (), port or ())


def _width() -> int:
    """Columns of the terminal; 80 where the output goes elsewhere, so that it is always the same."""
    return max(40, typer.get_terminal_size().columns) if sys.stdout.isatty() else 80


def _versions() -> str:
    from importlib.metadata import version

    from pcapcheck import __version__
    from pcapcheck.decode.compiled import COMPILED

    python = ".".join(map(str, sys.version_info[:3]))
    packages = ", ".join(f"{name} {version(name)}" for name in ("dpkt", "numpy"))
    return f"pcapcheck {__version__} (Python {python}, {packages}, {'compiled' if COMPILED else 'not compiled'})"


def _say(text: str) -> None:
    from pcapcheck.report.output import standard_output

    with standard_output() as out:
        out.write(text + "\n")


def _complain(text: str) -> None:
    from pcapcheck.report.escape import escaped

    print(f"pcapcheck: {escaped(text)}", file=sys.stderr)


def _nothing() -> None:
    pass
