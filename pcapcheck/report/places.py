"""Where a capture lies, in words that mean the same on every machine and in every folder of a project."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache

from pcapcheck.capture.address import is_remote


def project_root() -> str:
    """The nearest folder at or above the working folder that holds ``.git``, else the working folder itself.

    The consumers of CI outputs name files from there, whatever folder of the project a step runs in.
    """
    here = folder = os.getcwd()
    while not os.path.exists(os.path.join(folder, ".git")):
        parent = os.path.dirname(folder)
        if parent == folder:
            return here
        folder = parent
    return folder


def inside(path: str, root: str) -> str | None:
    """The path from ``root``, with slashes and without ``./``; None where it lies outside, is a URL or is ``-``."""
    if path == "-" or is_remote(path):
        return None
    for place, base in ((os.path.abspath, os.path.abspath), (_resolved, os.path.realpath)):
        try:
            relative = os.path.relpath(place(path), base(root))
        except ValueError:  # another drive, or a null character in the name
            return None
        if relative != os.pardir and not relative.startswith(os.pardir + os.sep):
            return slashed(relative)
    return None


def namer(root: str | None = None) -> Callable[[str], str]:
    """What turns a path as given into the name that CI outputs use: relative to ``root`` (default: project_root()).

    A path outside of it keeps its form as given, but for ``./`` and ``a/../``, and so does a URL.
    """
    base = project_root() if root is None else root

    @cache
    def name(path: str) -> str:
        found = inside(path, base)
        if found is not None or is_remote(path):
            return found or path
        return slashed(os.path.normpath(path))

    return name


def slashed(path: str) -> str:
    """The path with ``/`` between its parts."""
    return path if os.sep == "/" else path.replace(os.sep, "/")


def _resolved(path: str) -> str:
    """The path with the links of its folders followed; a capture that is itself a link keeps its name."""
    folder, name = os.path.split(os.path.abspath(path))
    return os.path.join(os.path.realpath(folder), name)
