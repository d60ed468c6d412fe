"""Patterns of file names, as ``captures/**/*.pcap``."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from functools import lru_cache


def fits(path: str, patterns: Sequence[str], root: str) -> bool:
    """Whether a file name, as it was given, fits one of the patterns, which count from the folder ``root``.

    ``*`` and ``?`` stand for any characters but a slash, ``**`` for any folders, a slash at the end for all below. A
    pattern without a slash is held against the name alone, whatever folder it is in; any other one against the whole
    of a URL.
    """
    return any(_compiled(pattern).fullmatch(_subject(path, pattern, root)) for pattern in patterns)


def _subject(path: str, pattern: str, root: str) -> str:
    """What the pattern is held against: the name alone, the whole of it, or as it is seen from the folder."""
    if path == "-":
        return path
    slashes = path.replace(os.sep, "/")
    if "/" not in pattern:
        return slashes.rpartition("/")[2]
    if "://" in path:
        return path
    if os.path.isabs(pattern):
        return os.path.abspath(path).replace(os.sep, "/")
    try:
        return os.path.relpath(path, root or os.curdir).replace(os.sep, "/")
    except ValueError:  # another drive: no way from here to there
        return slashes


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    pattern = pattern.removeprefix("./")
    parts = (pattern + "**" if pattern.endswith("/") else pattern).split("/")
    whole = ""
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        if part == "**":
            whole += ".*" if last else "(?:.*/)?"
        else:
            whole += "".join(_piece(piece) for piece in re.findall(r"\[!?\]?[^\]/]*\]|.", part, re.DOTALL))
            whole += "" if last else "/"
    return re.compile(whole, re.DOTALL)


def _piece(piece: str) -> str:
    if piece == "*":
        return "[^/]*"
    if piece == "?":
        return "[^/]"
    if len(piece) > 2 and piece[0] == "[":
        inside = piece[1:-1].replace("\\", r"\\").replace("[", r"\[").replace("^", r"\^")
        return f"[^{inside[1:]}/]" if inside.startswith("!") else f"[{inside}]"
    return re.escape(piece)
