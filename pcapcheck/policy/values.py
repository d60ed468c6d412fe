"""What the keys of a policy take. A wrong value raises UsageError: where in the file, and what may stand there.

Texts of the environment are taken where a text makes sense: lists with commas between, numbers in digits.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from pcapcheck.errors import ExpressionError, UsageError
from pcapcheck.policy.policy import ALL_RULES, Override
from pcapcheck.report.formats import FORMATS
from pcapcheck.rules.catalogue import named
from pcapcheck.tables import SEVERITIES

if TYPE_CHECKING:
    from pcapcheck.expect.ask import Asked

Read = TypeVar("Read")


class Misfit(UsageError):
    """A value does not fit its key: what is wrong, and where."""

    def __init__(self, message: str, where: str = "") -> None:
        super().__init__(message, where)
        self.message, self.where = message, where

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message


FAIL_ON = (*SEVERITIES, "never")


def text(value: Any) -> str:
    """A text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise _needed("a text", value)
    return value


def number(value: Any) -> int:
    """A whole number from 0."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise _needed("a whole number", value)
    return value


def fail_on(value: Any) -> str:
    return one_of(FAIL_ON, value)


def format(value: Any) -> str:
    return one_of(FORMATS, value)


def severity(value: Any) -> str:
    return one_of(SEVERITIES, value)


def one_of(words: Collection[str], value: Any) -> str:
    """One of these words."""
    if value not in words or not isinstance(value, str):
        raise _needed(f"one of {', '.join(words)}", value, words)
    return value


def texts(value: Any) -> tuple[str, ...]:
    """A list of texts."""
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    return tuple(_each(value, text, "a list of texts"))


def rule(value: Any) -> str:
    """A rule, or the beginning of ids of rules."""
    name = text(value)
    if not any(named(one, name) for one in ALL_RULES.values()):
        words = {word.lower(): word for one in ALL_RULES.values() for word in (one.id, one.slug)}
        raise _needed("a rule, the beginning of one, or a slug", value, words)
    return name


def rules(value: Any) -> tuple[str, ...]:
    """A list of them."""
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    return tuple(_each(value, rule, "a list of rules"))


def severities(value: Any) -> dict[str, str]:
    """Rules and the severities of their findings."""
    if not isinstance(value, dict):
        raise _needed('a table, as HS02 = "warning"', value)
    return {inside(name, rule, name): inside(name, severity, one) for name, one in value.items()}


def overrides(value: Any) -> tuple[Override, ...]:
    """Tables with paths, and select, ignore or severity."""
    readers = {"paths": texts, "select": rules, "ignore": rules, "severity": severities}

    def override(entry: Any) -> Override:
        found = table(entry, readers)
        if not found.get("paths"):
            raise Misfit("needs paths, a list of patterns of file names")
        return Override(**found)

    return tuple(_each(value, override, "tables, as [[overrides]]"))


def expectations(value: Any) -> tuple[Asked, ...]:
    """Texts, or tables with ``that``, and name or severity."""
    # Few policies have any, and it takes a while to load what reads them.
    from pcapcheck.expect.ask import Asked
    from pcapcheck.expect.parser import parse

    readers = {"that": text, "name": text, "severity": severity}

    def expectation(entry: Any) -> Asked:
        if isinstance(entry, str):
            return Asked(parse(text(entry)))
        if not isinstance(entry, dict):
            raise _needed("a text or a table", entry)
        found = table(entry, readers)
        if "that" not in found:
            raise Misfit("needs that, an expectation as 'refused == 0'")
        return Asked(inside("that", parse, found["that"]), found.get("name", ""), found.get("severity", ""))

    return tuple(_each(value, expectation, "tables, as [[expect]], or texts"))


def table(value: Any, readers: Mapping[str, Callable[[Any], Any]]) -> dict[str, Any]:
    """The values of a table, by key."""
    if not isinstance(value, dict):
        raise _needed("a table", value)
    found = {}
    for name, one in value.items():
        if name not in readers:
            raise unknown(name, readers)
        found[name] = inside(name, readers[name], one)
    return found


def inside(name: str, read: Callable[[Any], Read], value: Any) -> Read:
    """The value; what is wrong with it says also where it stands: the key, or [2] for the second of a list."""
    try:
        return read(value)
    except ExpressionError as error:
        raise error.written_in(_path(name, error.where)) from None
    except Misfit as error:
        raise Misfit(error.message, _path(name, error.where)) from None


def _path(name: str, where: str) -> str:
    return name + (where if where.startswith("[") or not where else f".{where}")


def unknown(name: str, words: Iterable[str]) -> Misfit:
    """There is no such key."""
    words = list(words)
    meant = _meant(name.replace("_", "-"), words) or f"; there are {', '.join(words)}"
    return Misfit(f"unknown key {name!r}{meant}")


def _each(value: Any, read: Callable[[Any], Read], needed: str) -> list[Read]:
    if not isinstance(value, list):
        raise _needed(needed, value)
    return [inside(f"[{number}]", read, one) for number, one in enumerate(value, 1)]


def _needed(needed: str, value: Any, words: Collection[str] | Mapping[str, str] = ()) -> Misfit:
    return Misfit(f"needed {needed}, found {value!r}{_meant(value, words) if isinstance(value, str) else ''}")


def _meant(word: str, words: Collection[str] | Mapping[str, str]) -> str:
    near = difflib.get_close_matches(word.lower(), list(words), 1)
    if not near:
        return ""
    return f"; did you mean {words[near[0]] if isinstance(words, Mapping) else near[0]}?"
