"""Inputs that are not files of this machine, by their URLs, of which nothing secret is ever shown."""

from __future__ import annotations

import re
from typing import Final

SCHEME: Final = r"[A-Za-z][A-Za-z0-9+.-]+://"
_REMOTE: Final = rf"(?:[A-Za-z][A-Za-z0-9+.-]+::)*{SCHEME}"
_URL_IN_TEXT: Final = rf"{SCHEME}[^\s'\"<>]+"
_WEB: Final = frozenset(("http", "https"))
# Where what stands before the @ is not a user but a container: abfs://container@account/path.
_CONTAINER_FIRST: Final = frozenset(("abfs", "abfss", "wasb", "wasbs"))
_WORTH_HIDING: Final = 4  # octets; less would take away letters of ordinary words
# What a signed query has in it, of Amazon's, Google's and Microsoft's stores.
_SIGNED: Final = r"(?i)(?:^|&)(?:X-(?:Amz|Goog)-Signature|Signature|sig)="
_VERSION: Final = r"(?i)\?versionId=[A-Za-z0-9._-]+"


class Address(str):
    """A remote input. As text it is a URL without user, password and query; ``url`` is the whole, to open it by.

    Whatever prints a path thus prints nothing secret. Two inputs of one run that would have the same text are told
    apart by a number at its end.
    """

    url: str
    size: int | None  # octets as stored, where the listing said so

    def __new__(cls, url: str, text: str | None = None, size: int | None = None) -> Address:
        self = super().__new__(cls, redacted(url) if text is None else text)
        self.url, self.size = url, size
        return self

    def numbered(self, number: int) -> Address:
        """The same object with a number behind its text."""
        return Address(self.url, f"{self}#{number}", self.size)

    def __reduce__(self) -> tuple[type[Address], tuple[str, str, int | None]]:  # for the processes of a pool
        return Address, (self.url, str(self), self.size)


def is_remote(path: str) -> bool:
    """Whether a path is a URL, ``s3://bucket/x.pcap`` or a chain of them as fsspec has it, ``zip://x::s3://...``."""
    return isinstance(path, Address) or re.match(_REMOTE, path) is not None


def address(path: str) -> str:
    """The path itself, or its Address if it is remote."""
    return Address(path) if is_remote(path) and not isinstance(path, Address) else path


def redacted(url: str) -> str:
    """The URL without what may be secret: user and password, and the query, which may be a signature or a token."""
    return "::".join(_redacted(part) for part in re.split(rf"::(?={SCHEME})", url))


def _redacted(url: str) -> str:
    scheme, mark, rest = url.partition("://")
    if not mark:
        return url
    before = re.split("[/?#]", rest, maxsplit=1)[0]
    if "@" in before:
        if ":" in before or scheme.lower() not in _CONTAINER_FIRST:
            rest = before.rpartition("@")[2] + rest[len(before) :]
    elif ":" in before and not before.rpartition(":")[2].isdigit() and not before.endswith("]"):
        rest = rest.rpartition("@")[2]  # a password with a slash in it, which should have been %2F
    if scheme.lower() in _WEB:
        rest = re.split("[?#]", rest, maxsplit=1)[0]
    elif not re.fullmatch(_VERSION, query := rest[rest.find("?") :] if "?" in rest else "") and "=" in query:
        rest = rest.partition("?")[0]  # without a = it is a character of a name, or of a pattern
    return f"{scheme}://{rest}"


def lasting(url: str) -> str:
    """The URL without what is another each time that it is signed. Not to be shown."""
    query = url.partition("?")[2]
    return redacted(url) if re.search(_SIGNED, query) else f"{redacted(url)}?{query}"


def scrubbed(text: str, url: str) -> str:
    """The words of a library about ``url``, with nothing in them that ``redacted`` leaves out."""
    text = text.replace(url, redacted(url))
    text = re.sub(_URL_IN_TEXT, lambda found: redacted(found[0]), text)
    for secret in _secrets(url):
        text = text.replace(secret, "...")
    return text


def _secrets(url: str) -> list[str]:
    """What of the URL is not shown, the longest first: user and password, the query, and each by itself."""
    hidden: list[str] = []
    for part in re.split(rf"::(?={SCHEME})", url) if redacted(url) != url else []:
        user, _, rest = part.partition("://")[2].rpartition("@")
        query = rest.partition("?")[2]
        hidden += [user, *user.split(":"), query, *(pair.partition("=")[2] for pair in query.split("&"))]
    return sorted({text for text in hidden if len(text) >= _WORTH_HIDING}, key=len, reverse=True)
