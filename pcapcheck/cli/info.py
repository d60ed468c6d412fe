"""``pcapcheck info``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from pcapcheck.cli.options import MaxBytes, Paths
from pcapcheck.cli.running import CLEAN, FAILED, INTERRUPTED, complain, octets_of, say_unread, watching, width


class InfoFormat(StrEnum):
    text = "text"
    json = "json"


def info(
    paths: Paths,
    format: Annotated[InfoFormat, typer.Option(help="What goes to standard output.")] = InfoFormat.text,
    max_bytes: MaxBytes = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Say what is in the captures, without judging it.

    Format, clocks, interfaces, times and drops, and which frames could not be decoded, by reason. Exits with 2 if an
    input cannot be read.
    """
    from pcapcheck.capture import find_captures
    from pcapcheck.contents import info
    from pcapcheck.report.contents import write_json, write_text
    from pcapcheck.report.output import standard_output

    inputs = find_captures(paths)
    with watching(inputs.inputs, quiet=quiet) as progress:
        found = info(inputs, max_bytes=octets_of(max_bytes), progress=progress)
    say_unread(paths, found.errors, found.ignored, nothing=not found.contents)
    with standard_output() as out:
        if format is InfoFormat.json:
            write_json(found, out)
        else:
            write_text(found, out, width=width())
    if found.interrupted:
        complain("interrupted: what was read by then is described")
        raise typer.Exit(INTERRUPTED)
    raise typer.Exit(FAILED if found.errors or not found.contents else CLEAN)
