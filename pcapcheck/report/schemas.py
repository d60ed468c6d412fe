"""Formats under the names of others: which there are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TextIO

from pcapcheck.errors import UsageError
from pcapcheck.report.ecs import write_ecs
from pcapcheck.report.report import Report
from pcapcheck.report.zeek import write_zeek_json, write_zeek_log

WRITERS: Final[dict[str, dict[str, Callable[[Report, TextIO], None]]]] = {
    "zeek": {"jsonl": write_zeek_json, "csv": write_zeek_log},
    "ecs": {"jsonl": write_ecs},
}


def schema_writer(schema: str, format: str) -> Callable[[Report, TextIO], None] | None:
    """The function that writes a format under the names of a schema, None where the schema says nothing of it."""
    return WRITERS[schema].get(format)


def refuse_schema(schema: str, formats: list[str]) -> None:
    """Raise UsageError where a schema is asked for and none of the formats has it."""
    if schema not in WRITERS:
        raise UsageError(f"no schema is called {schema!r}: there are {', '.join(WRITERS)}")
    if not WRITERS[schema].keys() & set(formats):
        raise UsageError(f"--schema {schema} changes only {' and '.join(WRITERS[schema])}, and nothing is written so")
