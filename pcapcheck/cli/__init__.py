"""The command ``pcapcheck``: parse, call the library function of the same name, print, exit.

A command is a file of this package, named like the command; it is listed once, in COMMANDS. What a command needs
beyond parsing is imported inside it, so that ``--help`` and every other command do not pay for it.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Sequence
from io import StringIO
from typing import Annotated, Any, Final

import typer

# NumPy's OpenBLAS starts a thread for every core, which takes 0.1 s of CPU; nothing here multiplies matrices.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from pcapcheck.cli import baseline, check, config, diff, explain, info, report, rtt, rules, show
from pcapcheck.cli.running import CLEAN, FAILED, complain, say

# In the order of --help.
COMMANDS: Final[tuple[Callable[..., Any], ...]] = (
    check.check,
    report.report,
    baseline.baseline,
    diff.diff,
    show.show,
    rtt.rtt,
    info.info,
    rules.rules,
    explain.explain,
    config.config,
)

app = typer.Typer(
    help="Verify the TCP handshakes in captures: which were right, which were not, why, and how long they took.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit code."""
    from pcapcheck.errors import ExpressionError, PcapcheckError

    sys.stdout, sys.stderr = sys.stdout or StringIO(), sys.stderr or StringIO()  # None where the shell closed it
    # What is imported never becomes garbage; searching it for some took a fifth of a short run.
    gc.disable()
    try:
        app(args=None if arguments is None else list(arguments), prog_name="pcapcheck")
    except SystemExit as finished:
        return finished.code if isinstance(finished.code, int) else FAILED
    except PcapcheckError as error:
        complain(str(error))
        if isinstance(error, ExpressionError):
            from pcapcheck.report.pointing import pointed

            print(*(f"  {line}" for line in pointed(error)), sep="\n", file=sys.stderr)
        return FAILED
    except BrokenPipeError:
        return CLEAN
    except OSError as error:
        complain(f"{error.filename or 'output'}: {error.strerror}")
        return FAILED
    finally:
        gc.freeze()
        gc.enable()
    return CLEAN


@app.callback(invoke_without_command=True)
def without_command(
    version: Annotated[bool, typer.Option("--version", help="Say what is installed, and exit.")] = False,
) -> None:
    if version:
        from pcapcheck.cli.version import versions

        say(versions())
        raise typer.Exit(CLEAN)


for command in COMMANDS:
    app.command()(command)
