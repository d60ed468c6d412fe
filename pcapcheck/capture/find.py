"""Which captures the arguments of a call name: files as they are, folders searched by magic."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from pcapcheck.capture.sources import reason
from pcapcheck.errors import NOWHERE, CaptureError


class Found(NamedTuple):
    """What there is to read, in the order given; a folder's files in the order of their names."""

    inputs: list[str]
    ignored: list[str]  # files in folders that are no captures
    errors: list[CaptureError]  # named paths that do not exist, folders that cannot be listed


def find(paths: Sequence[str], is_capture: Callable[[str], bool]) -> Found:
    """The inputs behind ``paths``, each file once, however often it is named."""
    inputs: dict[object, str] = {}  # by identity
    ignored: dict[object, str] = {}
    errors: list[CaptureError] = []
    for path in paths:
        if path == "-":
            inputs.setdefault("-", path)
            continue
        try:
            status = os.stat(path)
        except OSError as error:
            errors.append(CaptureError(path, NOWHERE, "a file or a folder", reason(error)))
        except ValueError as error:  # a null character in the name
            errors.append(CaptureError(path, NOWHERE, "the name of a file or a folder", str(error)))
        else:
            if not stat.S_ISDIR(status.st_mode):
                ignored.pop(_identity(path), None)
                inputs.setdefault(_identity(path), path)
                continue
            for file in _files_below(path, errors):
                identity = _identity(file)
                if identity not in inputs and identity not in ignored:
                    (inputs if is_capture(file) else ignored)[identity] = file
    return Found(list(inputs.values()), list(ignored.values()), errors)


def _files_below(folder: str, errors: list[CaptureError]) -> Iterator[str]:
    """Every file in a folder and its folders but hidden ones. Links to folders are not followed: they may loop."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        errors.append(CaptureError(folder, NOWHERE, "a folder that can be listed", reason(error)))
        return
    prefix = folder if folder.endswith("/") else folder + "/"
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _files_below(prefix + entry.name, errors)
        elif entry.is_file():  # no pipe or device: opening one could wait for ever
            yield prefix + entry.name


def _identity(path: str) -> object:
    """What two names of one file share."""
    try:
        status = os.stat(path)
    except OSError:  # gone since it was listed: whoever opens it is told
        return path
    return status.st_dev, status.st_ino
