"""The names that capturing programs give to the files of one capture, and which of two files follows the other.

- ``tcpdump -C``: ``x.pcap``, ``x.pcap1``, ``x.pcap2``; with ``-W`` ``x.pcap00`` to ``x.pcap09``, then again from 0.
- ``tcpdump -G``: the time of the first frame in the name, ``x-20260131-120000.pcap``; with ``-C`` also a number.
- ``dumpcap -b``, and ``editcap -c`` or ``-i``: ``x_00001_20260131120000.pcapng``, or the number behind the time.

Each may be compressed (``tcpdump -z``).
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from pcapcheck.evidence import SECOND

_COMPRESSED: Final = r"(?i)\.(?:gz|bz2|xz|zst|lz4)$"
_DUMPCAP: Final = r"(.*)_(?:(\d{5,})_\d{14}|\d{14}_(\d{5,}))(\.\w+)?"
_NUMBERED: Final = r"(?i)(.*?\.(?:pcap|pcapng|ntar|cap|dmp|dump|snoop))(\d*)"
_BARE: Final = r"(.*\D)(\d+)"  # no file extension
# strftime's usual forms, and %s.
_STAMP: Final = (
    r"(?<!\d)(?:(?:19|20)\d{6}[-_.T]?\d{6}|(?:19|20)\d{6}[-_.T]\d{4}|[12]\d{9}"
    r"|(?:19|20)\d\d-\d\d-\d\d[-_.T ]\d\d[-:._]?\d\d(?:[-:._]?\d\d)?)(?!\d)"
)

# How long nothing may have been captured between two files. After 130 s no attempt is open any more. Where names only
# say that one file began after the other (times, a ring that began anew), as long as a missing answer proves nothing.
NUMBERED_GAP: Final = 130 * SECOND
STAMPED_GAP: Final = 3 * SECOND


class Name(NamedTuple):
    """What a name says: files of one series may be one capture."""

    series: str
    stamp: str = ""  # what strftime put in
    number: int = 0
    bare: bool = False  # a number without a file extension before it: it counts only beside the file without a number


def parsed(path: str) -> Name:
    """What the name of a file says."""
    folder, file = os.path.split(path)
    file = re.sub(_COMPRESSED, "", file)
    if found := re.fullmatch(_DUMPCAP, file):
        stem, number, other, extension = found.groups()
        return Name(os.path.join(folder, f"{stem}_N_T{extension or ''}"), number=int(number or other))
    stamp = "".join(re.findall(_STAMP, file))
    series = os.path.join(folder, re.sub(_STAMP, "T", file))
    if found := re.fullmatch(_NUMBERED, series):
        return Name(found[1], stamp, int(found[2] or 0))
    if not stamp and (found := re.fullmatch(_BARE, series)):
        return Name(found[1], stamp, int(found[2]), bare=True)
    return Name(series, stamp)


def series(paths: Sequence[str]) -> list[list[str]]:
    """The paths, in their order, those of one series together and in the order of their names."""
    if len(paths) < 2:
        return [[path] for path in paths]  # one alone need not be looked at
    found: dict[str, list[tuple[Name, str]]] = {}
    names = [parsed(path) for path in paths]
    whole = {name.series for name in names if not name.bare}
    for name, path in zip(names, paths, strict=True):
        own = path == "-" or (name.bare and name.series not in whole)
        found.setdefault(path if own else name.series, []).append((name, path))
    return [[path for _, path in sorted(one)] for one in found.values()]


def gap_between(path: str, following: str, ring: Sequence[str]) -> int | None:
    """How long nothing may have been captured between two files of the series ``ring``, if the second may follow the
    first; None where it cannot.
    """
    name, other = parsed(path), parsed(following)
    if name.stamp != other.stamp:
        return STAMPED_GAP if name.stamp < other.stamp and other.number == 0 else None
    if other.number == name.number + 1:
        return NUMBERED_GAP
    numbers = [one.number for one in map(parsed, ring) if one.stamp == name.stamp]
    again = name.number == max(numbers) and other.number == min(numbers) and name.number != other.number
    return STAMPED_GAP if again else None
