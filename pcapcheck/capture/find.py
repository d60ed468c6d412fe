"""Which captures the arguments of a call name: files as they are, folders and prefixes searched by magic."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from pcapcheck.capture.address import Address, address
from pcapcheck.capture.sources import reason
from pcapcheck.errors import NOWHERE, CaptureError


class Found(NamedTuple):
    """What there is to read, in the order given; a folder's files in the order of their names."""

    inputs: list[str]
    ignored: list[str]  # files in folders that are no captures
    errors: list[CaptureError]  # named paths that do not exist, folders that cannot be listed


_Map = Callable[[Callable[[str], bool], Iterable[str]], Iterable[bool]]

# Remote objects that are looked into at the same time: each costs a round trip, however small it is.
_AT_A_TIME: Final = 16


def find(paths: Sequence[str], is_capture: Callable[[str], bool]) -> Found:
    """The inputs behind ``paths``, each file once, however often it is named."""
    search = _Search(is_capture)
    for path in map(address, paths):
        if path == "-":
            search.take("-", path)
        elif isinstance(path, Address):
            search.remote(path)
        else:
            search.local(path)
    return Found(_told_apart(search.inputs.values()), list(search.ignored.values()), search.errors)


class _Search:
    """What was found so far, by identity."""

    def __init__(self, is_capture: Callable[[str], bool]) -> None:
        self.is_capture = is_capture
        self.inputs: dict[object, str] = {}
        self.ignored: dict[object, str] = {}
        self.errors: list[CaptureError] = []

    def take(self, identity: object, path: str) -> None:
        """A file that was named: whoever opens it is told what it is."""
        self.ignored.pop(identity, None)
        self.inputs.setdefault(identity, path)

    def consider(self, files: Iterable[tuple[object, str]], each: _Map = map) -> None:
        """Files of a folder: those that are captures."""
        new: dict[object, str] = {}
        for identity, path in files:
            if identity not in self.inputs and identity not in self.ignored:
                new.setdefault(identity, path)
        for (identity, path), good in zip(new.items(), each(self.is_capture, new.values()), strict=True):
            (self.inputs if good else self.ignored)[identity] = path

    def local(self, path: str) -> None:
        try:
            status = os.stat(path)
        except OSError as error:
            self.errors.append(CaptureError(path, NOWHERE, "a file or a folder", reason(error)))
        except ValueError as error:  # a null character in the name
            self.errors.append(CaptureError(path, NOWHERE, "the name of a file or a folder", str(error)))
        else:
            if stat.S_ISDIR(status.st_mode):
                self.consider((_identity(file), file) for file in _files_below(path, self.errors))
            else:
                self.take(_identity(path), path)

    def remote(self, place: Address) -> None:
        from concurrent.futures import ThreadPoolExecutor

        from pcapcheck.capture.listing import listed

        try:
            found = listed(place)
        except CaptureError as error:
            self.errors.append(error)
            return
        for one in found:
            if one.named:
                self.take(one.place.url, one.place)
        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            self.consider(((one.place.url, one.place) for one in found if not one.named), pool.map)


def _told_apart(inputs: Iterable[str]) -> list[str]:
    """The inputs, with a number behind those remote ones whose text is that of one before: what differs is secret."""
    seen: Counter[str] = Counter()
    found: list[str] = []
    for path in inputs:
        seen[path] += isinstance(path, Address)
        found.append(path.numbered(seen[path]) if isinstance(path, Address) and seen[path] > 1 else path)
    return found


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
