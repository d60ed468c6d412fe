"""Which remote captures a URL names: one object, those that fit a pattern, or all below a prefix or a web page."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final, NamedTuple

from pcapcheck.capture.address import SCHEME, Address
from pcapcheck.capture.bodies import filesystem, is_web, tag_of
from pcapcheck.capture.remote import Version, said
from pcapcheck.errors import NOWHERE, CaptureError, PcapcheckError

_STORE_MAGIC: Final = "*?["
_WEB_MAGIC: Final = "*["  # a ? begins the query there
_FURTHER_LINK: Final = re.compile(rf"::(?={SCHEME})")
# In a web page's link these are no part of a file's name.
_NO_NAME: Final = re.compile("[?#:]")


class Listed(NamedTuple):
    """One object: named itself (or by a pattern), or found in a folder, where it may be no capture."""

    place: Address
    named: bool


def listed(place: Address) -> list[Listed]:
    """The objects that the URL names, in the order of their names.

    Raises CaptureError where there is none or they cannot be listed, UsageError where a package is missing.
    """
    try:
        fs, path = filesystem(place.url)
        return list(_of_web(fs, place) if is_web(fs) else _of_store(fs, path, place))
    except PcapcheckError:
        raise
    except Exception as error:  # each library has its own
        raise CaptureError(place, NOWHERE, "an object or a folder", said(error, place.url)) from None


def size_of(place: Address) -> int | None:
    """Octets of the object; None where nobody says."""
    return version_of(place).size if place.size is None else place.size


def version_of(place: Address) -> Version:
    """What tells the content that it has now from others, without reading it."""
    with suppress(Exception):  # whoever opens it is told
        fs, path = filesystem(place.url)
        about = fs.info(path)
        return Version(tag_of(about), _size(about))
    return Version(None, None)


def _of_store(fs: Any, path: str, place: Address) -> Iterator[Listed]:
    url = _namer(fs, path, place.url)
    if any(character in path for character in _STORE_MAGIC):
        found = fs.glob(path, detail=True)
        for name, about in sorted(found.items()):
            yield from _below(fs, name, url) if _is_folder(about) else [_object(url(name), about, named=True)]
        if found or not fs.exists(path):
            _refuse_none(found, place)
            return
    about = fs.info(path)
    yield from _below(fs, path, url) if _is_folder(about) else [_object(place.url, about, named=True)]


def _of_web(fs: Any, place: Address) -> Iterator[Listed]:
    url = place.url
    if "?" in url or "#" in url or not (url.endswith("/") or any(character in url for character in _WEB_MAGIC)):
        yield Listed(place, named=True)
        return
    root = url[: re.split("[*[]", url, maxsplit=1)[0].rindex("/") + 1]
    fs.ls(root)  # a search below it would leave out what cannot be listed, and not say so
    if url == root:
        yield from _below(fs, url, str)
        return
    found = fs.glob(url, detail=True)
    _refuse_none(found, place)
    for name, about in sorted(found.items()):
        yield from _below(fs, name.rstrip("/") + "/", str) if _is_folder(about) else [_object(name, about, named=True)]


def _refuse_none(found: dict[str, Any], place: Address) -> None:
    if not found:
        raise CaptureError(place, NOWHERE, "objects that fit the pattern", "none")


def _below(fs: Any, folder: str, url: Callable[[str], str]) -> Iterator[Listed]:
    """Every object of a folder and its folders but hidden ones, as on a disk."""
    for name, about in sorted(fs.find(folder, detail=True).items()):
        inside = name.removeprefix(folder).strip("/")
        hidden = any(part.startswith(".") for part in inside.split("/"))
        if inside and not hidden and not name.endswith("/") and not (is_web(fs) and _NO_NAME.search(inside)):
            yield _object(url(name), about, named=False)


def _object(url: str, about: dict[str, Any], *, named: bool) -> Listed:
    return Listed(Address(url, size=_size(about)), named)


def _size(about: dict[str, Any]) -> int | None:
    size = about.get("size")
    return size if isinstance(size, int) else None


def _is_folder(about: dict[str, Any]) -> bool:
    return about.get("type") == "directory"


def _namer(fs: Any, path: str, url: str) -> Callable[[str], str]:
    """What turns the names that a file system lists into URLs: its own know nothing of the host, nor of a chain."""
    further = _FURTHER_LINK.search(url, url.index("://"))
    link, rest = (url[: further.start()], url[further.start() :]) if further else (url, "")
    if not path:
        return lambda name: f"{link}{name}{rest}"
    if link.rstrip("/").endswith(path.rstrip("/")):
        before = link.rstrip("/").removesuffix(path.rstrip("/"))
        return lambda name: f"{before}{name}{rest}"
    return lambda name: f"{fs.unstrip_protocol(name)}{rest}"
