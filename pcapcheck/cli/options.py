"""The options that several commands have, each written once."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


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
MaxBytes = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE",
        help="Read at most so much of each capture, uncompressed, as 500M or 2G. Unless it is given, a compressed one"
        " may not expand more than 200-fold beyond 1 GiB.",
    ),
]
Host = Annotated[list[str] | None, typer.Option(metavar="ADDRESS", help="Only this address or network. Repeatable.")]
Port = Annotated[list[str] | None, typer.Option(metavar="PORT", help="Only this port. Repeatable.")]
