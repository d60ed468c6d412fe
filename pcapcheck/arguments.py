"""What is written on a command line, turned into what the library takes. A wrong word raises UsageError."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final, NamedTuple

from pcapcheck.errors import UsageError
from pcapcheck.report.formats import FILE_VARIABLES, FILES_ONLY, FORMATS
from pcapcheck.report.output import Output, refuse_missing
from pcapcheck.window import EVERYTHING, Window

_NANOSECONDS: Final = {
    "ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "min": 60 * 10**9, "h": 3600 * 10**9,
    "d": 86400 * 10**9,
}  # fmt: skip
_AFTER_START: Final = rf"\+(\d+)(?:\.(\d{{1,9}}))?({'|'.join(_NANOSECONDS)})"
_EPOCH_SECONDS: Final = r"(\d+)(?:\.(\d{1,9}))?"
_ISO_FRACTION: Final = r"(?<=:\d\d)[.,](\d{1,9})(?!\d)"
_OCTETS: Final = r"(?a)(\d+(?:\.\d+)?)([kKMGT]?)"
_FACTORS: Final = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Moment(NamedTuple):
    """Nanoseconds since the epoch, or since the capture's first frame."""

    ns: int
    after_start: bool = False


def moment(text: str) -> Moment:
    """ISO 8601 (UTC where no zone is said), seconds since the epoch, or ``+10s`` after the first frame."""
    if found := re.fullmatch(_AFTER_START, text):
        whole, fraction, unit = found.groups()
        # Digits below a nanosecond are dropped.
        return Moment(int(whole + _digits(fraction)) * _NANOSECONDS[unit] // 10**9, after_start=True)
    if found := re.fullmatch(_EPOCH_SECONDS, text):
        return Moment(int(found[1] + _digits(found[2])))
    fraction = re.search(_ISO_FRACTION, text)
    try:
        when = datetime.fromisoformat(re.sub(_ISO_FRACTION, "", text))
    except ValueError:
        raise UsageError(
            f"{text!r} is no time: write 2026-01-31T12:00:00Z, seconds since 1970, or +10s after the first frame"
        ) from None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    seconds = (when - _EPOCH) // timedelta(seconds=1)
    return Moment(seconds * 10**9 + int(_digits(fraction[1] if fraction else None)))


def _digits(fraction: str | None) -> str:
    return (fraction or "").ljust(9, "0")


def window(
    since: str | None = None, until: str | None = None, hosts: Sequence[str] = (), ports: Sequence[str] = ()
) -> Window:
    """The window that these options describe: EVERYTHING where there is none of them."""
    if since is None and until is None and not hosts and not ports:
        return EVERYTHING
    start = moment(since) if since is not None else None
    end = moment(until) if until is not None else None
    if start and end and start.after_start == end.after_start and end.ns < start.ns:
        raise UsageError(f"--until {until} is before --since {since}")
    return Window(
        since=start.ns if start and not start.after_start else None,
        until=end.ns if end and not end.after_start else None,
        since_start=start.ns if start and start.after_start else None,
        until_start=end.ns if end and end.after_start else None,
        hosts=tuple(_network(text) for text in words(hosts)),
        ports=tuple(_port(text) for text in words(ports)),
    )


def words(values: Sequence[str]) -> list[str]:
    """The values of a repeatable option, each of which may hold several with commas between."""
    return [word for value in values for word in (part.strip() for part in value.split(",")) if word]


def outputs(values: Sequence[str]) -> list[Output]:
    """``FORMAT:FILE`` each."""
    found: list[Output] = []
    formats = (*FORMATS, *FILES_ONLY)
    for value in values:
        format, colon, path = value.partition(":")
        if format in FILE_VARIABLES and not path:
            path = _from_environment(format, value)
            colon = ":"
        if not colon or not path or format not in formats:
            raise UsageError(f"--output {value}: write FORMAT:FILE with one of {', '.join(formats)}, as in csv:out.csv")
        if path == "-":
            raise UsageError(f"--output {value}: for standard output there is --format {format}")
        if path in [other.path for other in found]:
            raise UsageError(f"--output {value}: {path} is written already")
        if format == "dataset" and any(other.format == format for other in found):
            raise UsageError(f"--output {value}: there is one dataset of a run")
        refuse_missing(format)
        found.append(Output(format, path))
    return found


def _from_environment(format: str, value: str) -> str:
    variable = FILE_VARIABLES[format]
    path = os.environ.get(variable, "")
    if not path:
        raise UsageError(f"--output {value}: {variable} is not set: write {format}:FILE")
    return path


def octets(text: str) -> int:
    """A number of octets: ``1000``, ``500k``, ``10M``, ``2.5G``, ``1T``, by powers of 1000."""
    from decimal import Decimal

    found = re.fullmatch(_OCTETS, text)
    number = Decimal(found[1]) * _FACTORS[found[2].lower()] if found else Decimal(0)
    if number < 1 or number >= 2**63:
        raise UsageError(f"{text!r} is no number of octets: write 1000000, 500k, 10M or 2G")
    return int(number)


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        raise UsageError(f"--host {text}: neither an address nor a network, as 192.0.2.1 or 2001:db8::/32") from None


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise UsageError(f"--port {text}: a port is a number from 0 to 65535")
    return int(text)
