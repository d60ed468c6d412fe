"""The policy file: ``pcapcheck.toml``, or the table ``[tool.pcapcheck]`` of ``pyproject.toml``."""

from __future__ import annotations

import os
from typing import Any, Final, NamedTuple

from pcapcheck.errors import ExpressionError, UsageError
from pcapcheck.policy.keys import KEYS
from pcapcheck.policy.values import table

OWN: Final = "pcapcheck.toml"
SHARED: Final = "pyproject.toml"


class PolicyFile(NamedTuple):
    """A policy file, and what its keys say."""

    path: str
    values: dict[str, Any]

    @property
    def folder(self) -> str:
        """What patterns and file names in it count from; empty is the working directory."""
        return os.path.dirname(self.path)


def find(start: str = "") -> PolicyFile | None:
    """The nearest policy file, from the folder ``start`` (the working directory) upwards."""
    folder = start
    while True:
        if os.path.isfile(path := os.path.join(folder, OWN)):
            return read(path)
        if os.path.isfile(path := os.path.join(folder, SHARED)) and (found := _shared(path)) is not None:
            return _checked(path, found)
        above = os.path.join(folder, os.pardir)
        if os.path.samefile(above, folder or os.curdir):
            return None
        folder = above


def read(path: str) -> PolicyFile:
    """The policy file of this name. Raises UsageError where it is none, or has a mistake."""
    if os.path.basename(path) == SHARED:
        found = _shared(path)
        if found is None:
            raise UsageError(f"{path}: there is no table [tool.pcapcheck]")
        return _checked(path, found)
    return _checked(path, _parsed(path, _octets(path)))


def _shared(path: str) -> Any:
    """The table [tool.pcapcheck] of a pyproject.toml, None where it has none."""
    octets = _octets(path)
    if b"pcapcheck" not in octets:  # most projects' files are not ours to read, nor to complain about
        return None
    tool = _parsed(path, octets).get("tool")
    return tool.get("pcapcheck") if isinstance(tool, dict) else None


def _octets(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None


def _parsed(path: str, octets: bytes) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(octets.decode())
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: at byte {error.start}: TOML is written in UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: {error}") from None
    except RecursionError:
        raise UsageError(f"{path}: too many brackets in each other") from None


def _checked(path: str, values: Any) -> PolicyFile:
    try:
        return PolicyFile(path, table(values, {name: key.read for name, key in KEYS.items()}))
    except ExpressionError as error:
        raise error.written_in(f"{path}: {error.where}") from None
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None
