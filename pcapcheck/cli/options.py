"""The options that several commands have, each written once."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from pcapcheck.cli.completion import of_outputs, of_rules


class Format(StrEnum):
    """The names in report.formats.FORMATS; a test holds that none is missing."""

    text = "text"
    jsonl = "jsonl"
    csv = "csv"
    json = "json"
    markdown = "markdown"
    sarif = "sarif"
    junit = "junit"
    github = "github"
    gitlab = "gitlab"


class Decoder(StrEnum):
    auto = "auto"
    compiled = "compiled"
    dpkt = "dpkt"


class Schema(StrEnum):
    zeek = "zeek"
    ecs = "ecs"


class JunitPer(StrEnum):
    rule = "rule"
    connection = "connection"


class FailOn(StrEnum):
    error = "error"
    warning = "warning"
    note = "note"
    info = "info"
    never = "never"


def _path(text: str) -> str:
    """A path, or a URL without what is secret in it: nothing that a command says shall show that."""
    from pcapcheck.capture.address import address

    return address(text)


Paths = Annotated[
    list[str],
    typer.Argument(
        parser=_path,
        metavar="PATH",
        help="Captures, folders of captures, URLs of either (s3://, https:// ..., with * and [] in names), or - for"
        " standard input.",
    ),
]
Path = Annotated[str, typer.Argument(parser=_path, metavar="PATH", help="A capture, or its URL.")]
Old = Annotated[str, typer.Argument(parser=_path, metavar="OLD", help="A capture, or a folder of them.")]
New = Annotated[
    str, typer.Argument(parser=_path, metavar="NEW", help="What it is compared with: the same, recorded again.")
]
Merged = Annotated[
    bool,
    typer.Option(
        "--merge",
        help="All files are captures of the same traffic at several taps: they are one capture, in which a packet that"
        " several saw counts once.",
    ),
]
InSequence = Annotated[
    bool | None,
    typer.Option(
        "--sequence/--no-sequence",
        help="All files are one capture, in the order of their times; or each is one by itself. Without either those"
        " are one capture that tcpdump or dumpcap wrote one after the other, as names and times say.",
        show_default=False,
    ),
]
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
Select = Annotated[
    list[str] | None,
    typer.Option(
        metavar="RULES", help="Only these rules: ids, their beginnings, or slugs. Repeatable.", autocompletion=of_rules
    ),
]
Ignore = Annotated[
    list[str] | None, typer.Option(metavar="RULES", help="Not these rules. Repeatable.", autocompletion=of_rules)
]
FailOnOption = Annotated[
    FailOn | None,
    typer.Option(
        "--fail-on", help="Exit with 1 if a finding is as severe as this, or more. As error, if nothing else says it."
    ),
]
FormatOption = Annotated[
    Format | None, typer.Option("--format", help="What goes to standard output. As text, if nothing else says it.")
]
SchemaOption = Annotated[
    Schema | None,
    typer.Option(
        "--schema",
        help="Names of Zeek's conn.log (for jsonl; csv then is its tab-separated log), or of the Elastic Common Schema"
        " (for jsonl).",
    ),
]
Outputs = Annotated[
    list[str] | None,
    typer.Option(
        "--output", "-o", metavar="FORMAT:FILE",
        help="Also write a file, as csv:out.csv; parquet:FOLDER/ gives all tables. Repeatable.",
        autocompletion=of_outputs,
    ),
]  # fmt: skip
RequireHandshakes = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=0,
        help="Exit with 1 if fewer handshakes of the run could be judged, as in an empty capture or one without TCP.",
    ),
]
JunitPerOption = Annotated[
    JunitPer, typer.Option("--junit-per", help="What a test case of JUnit is: a rule of a capture, or a connection.")
]
WithHandshakes = Annotated[bool, typer.Option("--with-handshakes", help="List every handshake in JSON, too.")]
Expect = Annotated[
    list[str] | None,
    typer.Option(
        metavar="EXPECTATION",
        help="Also expect this of every capture, as 'p95(server_rtt) < 80ms' or 'refused == 0'. Repeatable.",
    ),
]
BaselineOption = Annotated[
    str | None,
    typer.Option(
        "--baseline", metavar="FILE", help="Report only what this file does not know: `pcapcheck baseline` writes it."
    ),
]
Config = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="The policy file, instead of the nearest pcapcheck.toml or pyproject.toml with [tool.pcapcheck].",
    ),
]
Isolated = Annotated[bool, typer.Option("--isolated", help="Read no policy file.")]
Decoding = Annotated[
    Decoder,
    typer.Option(
        "--decoder", help="What reads the frames: the compiled loop, dpkt, or the quicker one that is installed."
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Let a Dask cluster read and judge the captures: the address of its scheduler, as tcp://host:8786. Its"
        " workers must find the captures under the same names.",
    ),
]
MaxTracked = Annotated[
    int,
    typer.Option(
        "--max-tracked",
        metavar="N",
        min=1,
        help="Keep track of about so many connections of a capture in memory. When there are more, all are set aside on"
        " disk, and nothing of them is lost.",
    ),
]
Jobs = Annotated[
    int,
    typer.Option(
        "--jobs",
        "-j",
        metavar="N",
        min=1,
        help="So many files are read and judged at the same time, large ones by processes of their own; where there are"
        " fewer files, a large one is read at several places, by threads. The result is the same.",
    ),
]
State = Annotated[
    str | None,
    typer.Option(
        "--state",
        metavar="FOLDER",
        help="Keep what was read of each file in this folder, and read only what it does not know: a run goes on where"
        " one before it was ended.",
    ),
]
