"""The commands, and what becomes of their errors.

A command is a file of this package, named like the command; it is listed once, in COMMANDS. What a command needs
beyond parsing is imported inside it, so that ``--help`` and every other command do not pay for it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from io import StringIO
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from pcapcheck.cli.running import CLEAN, FAILED, complain, say
from pcapcheck.errors import ExpressionError, PcapcheckError

# In the order of --help.
COMMANDS: Final = ("check", "report", "baseline", "diff", "show", "rtt", "info", "rules", "explain", "config")


class _Commands(TyperGroup):
    """Makes a command of its function when it is asked for: all of them take a twentieth of a short run."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        # One that does not exist is compared with all, for a suggestion.
        for name in (cmd_name,) if cmd_name in COMMANDS else COMMANDS:
            if name not in self.commands:
                self.commands[name] = _made(name)
        return super().get_command(ctx, cmd_name)

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)


def _made(name: str) -> Any:
    alone = typer.Typer(rich_markup_mode=None, add_completion=False)
    alone.command()(getattr(import_module(f"pcapcheck.cli.{name}"), name))
    return typer.main.get_command(alone)


app = typer.Typer(
    cls=_Commands,
    help="Verify the TCP handshakes in captures: which were right, which were not, why, and how long they took.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def without_command(
    version: Annotated[bool, typer.Option("--version", help="Say what is installed, and exit.")] = False,
) -> None:
    if version:
        from pcapcheck.cli.version import versions

        say(versions())
        raise typer.Exit(CLEAN)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit code."""
    sys.stdout, sys.stderr = sys.stdout or StringIO(), sys.stderr or StringIO()  # None where the shell closed it
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
    return CLEAN
