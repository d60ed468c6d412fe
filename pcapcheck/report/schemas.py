"""Formats under the names of others: which there are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TextIO

from pcapcheck.errors import UsageError
from pcapcheck.report.ecs import ecs_rows
from pcapcheck.report.report import Report
from pcapcheck.report.zeek import zeek_json_rows, zeek_log_rows

WRITERS: Final[dict[str, dict[str, Callable[[TextIO], Callable[[Report], None]]]]] = {
    "zeek": {"jsonl": zeek_json_rows, "csv": zeek_log_rows},
    "ecs": {"jsonl": ecs_rows},
}


def schema_rows(schema: str, format: str) -> Callable[[TextIO], Callable[[Report], None]] | None:
    """What begins a format of rows under the names of a schema, None where the schema says nothing of it."""
    return WRITERS[schema].get(format)


def refuse_schema(schema: str, formats: list[str]) -> None:
    """Raise UsageError where a schema is asked for and none of the formats has it."""
    if schema not in WRITERS:
        raise UsageError(f"no schema is called {schema!r}: there are {', '.join(WRITERS)}")
    if not WRITERS[schema].keys() & set(formats):
        raise UsageError(f"--schema {schema} changes only {' and '.join(WRITERS[schema])}, and nothing is written so")
