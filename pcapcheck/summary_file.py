"""A summary as octets, and back: whatever octets are given, what comes back is a summary, or Unusable is raised.

A first line that says what it is, a digest of all that follows, the facts as JSON, then the openings in batches, each
compressed by itself: its addresses, its flows and its rows, column by column. Nothing of it is executed.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pcapcheck._version import __version__
from pcapcheck.addresses import Addresses
from pcapcheck.capture.compression import ANY_RATIO_UP_TO, LARGEST_RATIO, zstandard
from pcapcheck.capture.frame import NO_TIME, Clock, Damage
from pcapcheck.decode.segment import Skip
from pcapcheck.openings import ICMP, Flows, Openings, beside
from pcapcheck.rows import LIMITS, ROW, Rows
from pcapcheck.spilled import Spilled
from pcapcheck.stretch import CaptureFacts, Summary
from pcapcheck.tables import TUNNELS

_MAGIC: Final = b"pcapcheck summary 1\n"
_LENGTH: Final = struct.Struct("<I")  # of the facts
_DIGEST: Final = hashlib.sha256
_FLOWS: Final = 1 << 15  # of a batch
_LEVEL: Final = 1  # of zstd: rows are mostly zeros, so the quickest is good
_IP4, _IP6 = np.dtype("<u4"), np.dtype("S16")
_FLOW: Final = {"low": "<u4", "high": "<u4", "low_port": "<u2", "high_port": "<u2", "tenant": "<i8"}

# Of a run, not of the content of one file.
_NOT_STORED: Final = ("path", "interrupted", "error", "parts", "numbering", "joined")
_BLANK: Final = CaptureFacts("")
_TIMES: Final = range(-(2**62), 2**62)
_NUMBERS: Final = range(2**63)
_OFFSETS: Final = range(-(2**63) * 10**9, 2**63 * 10**9)  # of clocks: seconds in 64 bits, as nanoseconds
_LONGEST_TEXT: Final = 1000
_REASONS: Final = frozenset(reason.value for reason in Skip)

# What a row may hold: later stages find their way by these.
_LIMITS: Final = LIMITS | {"tunnel": (0, len(TUNNELS) - 1)}


class Unusable(Exception):
    """The octets are no summary of this version of pcapcheck, or damaged: the message says which."""


def to_octets(summary: Summary, key: str) -> bytes:
    """The summary, as what is known under this key. A later `from_octets` gives an equal one."""
    facts = {
        one.name: value
        for one in fields(CaptureFacts)
        if one.name not in _NOT_STORED and (value := getattr(summary.facts, one.name)) != getattr(_BLANK, one.name)
    }
    batches = [(_sizes(batch), _compressed(batch)) for batch in summary.openings.batches(_FLOWS)]
    head = {
        "version": __version__,
        "key": key,
        "facts": facts,
        "batches": [[*sizes, len(octets)] for sizes, octets in batches],
    }
    text = json.dumps(head).encode("ascii")
    rest = b"".join([_LENGTH.pack(len(text)), text, *(octets for _, octets in batches)])
    return _MAGIC + _DIGEST(rest).digest() + rest


def from_octets(octets: bytes, key: str, path: str) -> Summary:
    """The summary that was written under this key, as that of the capture at ``path``. Raises Unusable."""
    start = len(_MAGIC) + _DIGEST().digest_size
    rest = memoryview(octets)[start:]
    if not octets.startswith(_MAGIC):
        raise Unusable("is no summary of this version")
    if _DIGEST(rest).digest() != octets[len(_MAGIC) : start]:
        raise Unusable("is damaged")
    try:
        (length,) = _LENGTH.unpack_from(rest)
        head = json.loads(bytes(rest[_LENGTH.size : _LENGTH.size + length]))
        if head["version"] != __version__:
            raise Unusable("is of another version")
        if head["key"] != key:
            raise Unusable("is of another capture")
        facts = CaptureFacts(path, **{_text(name): _fact(name, value) for name, value in head["facts"].items()})
        batches = _batches(rest[_LENGTH.size + length :], head["batches"])
        return Summary(facts, _set_aside(batches) if facts.set_aside else beside(list(batches)))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, struct.error, zstandard().ZstdError):
        raise Unusable("is damaged") from None


def _fact(name: str, value: Any) -> Any:
    """One of the facts, of the type that it has. Raises ValueError or TypeError where it is another."""
    if name in _NOT_STORED:
        raise ValueError(name)
    kind = type(getattr(_BLANK, name))
    if kind is int:
        return _int(value, _TIMES if name.endswith("_time") else _NUMBERS)
    if kind is str:
        return _text(value)
    if name == "link_types":
        return tuple(map(_int, value))
    if name == "clocks":
        return tuple(Clock(_text(resolution), _int(offset, _OFFSETS)) for resolution, offset in value)
    if name == "skipped":
        return Counter(_counts(value))
    if name == "first_skipped":
        return _counts(value)
    if name == "damage":
        rule, offset, frame, needed, found, passing = value
        return Damage(_text(rule), _int(offset), _int(frame), _text(needed), _text(found), bool(passing))
    raise ValueError(name)


def _int(value: Any, allowed: range = _NUMBERS) -> int:
    if type(value) is not int or (value not in allowed and not (value == NO_TIME and allowed is _TIMES)):
        raise ValueError(value)
    return value


def _text(value: Any) -> str:
    if type(value) is not str or len(value) > _LONGEST_TEXT or not value.isprintable():
        raise ValueError(value)
    return value


def _counts(value: dict[str, Any]) -> dict[str, int]:
    if value.keys() - _REASONS:
        raise ValueError(value)
    return {reason: _int(count) for reason, count in value.items()}


def _sizes(openings: Openings) -> list[int]:
    """Of a batch: IPv4 and IPv6 addresses, flows, rows."""
    hosts = openings.flows.hosts
    return [len(hosts.ip4), len(hosts.ip6), len(openings.flows), len(openings.rows)]


def _compressed(openings: Openings) -> bytes:
    flows = openings.flows
    columns = [flows.hosts.ip4.astype(_IP4), flows.hosts.ip6]
    columns += [getattr(flows, name).astype(kind) for name, kind in _FLOW.items()]
    octets: bytes = zstandard().compress(b"".join(one.tobytes() for one in (*columns, openings.rows.records())), _LEVEL)
    return octets


def _batches(octets: memoryview, batches: list[list[int]]) -> Iterator[Openings]:
    layouts = [(_layout(*map(_int, sizes)), _int(length)) for *sizes, length in batches]
    total = sum(map(_octets, (layout for layout, _ in layouts)))
    if total > max(ANY_RATIO_UP_TO, LARGEST_RATIO * len(octets)):
        raise ValueError("a decompression bomb")
    for layout, length in layouts:
        yield _batch(octets[:length], layout)
        octets = octets[length:]


def _set_aside(batches: Iterable[Openings]) -> Spilled:
    """More connections than are kept track of at once wait on disk, as they did when they were read."""
    spilled = Spilled()
    for one in batches:
        spilled.add(one)
    return spilled


def _layout(ip4: int, ip6: int, flows: int, rows: int) -> dict[str, tuple[np.dtype[Any], int]]:
    """The columns of a batch: of what type, and how many values."""
    columns = {"ip4": (_IP4, ip4), "ip6": (_IP6, ip6)}
    columns |= {name: (np.dtype(kind), flows) for name, kind in _FLOW.items()}
    return columns | {"rows": (ROW, rows)}


def _octets(layout: dict[str, tuple[np.dtype[Any], int]]) -> int:
    return sum(kind.itemsize * count for kind, count in layout.values())


def _batch(octets: memoryview, layout: dict[str, tuple[np.dtype[Any], int]]) -> Openings:
    total = _octets(layout)
    stream = zstandard().ZstdDecompressor()
    data = stream.decompress(octets, total + 1)
    if len(data) != total or not stream.eof or stream.unused_data:
        raise ValueError("another size")
    columns: dict[str, npt.NDArray[Any]] = {}
    at = 0
    for name, (kind, count) in layout.items():
        columns[name] = np.frombuffer(data, kind, count, at)
        at += kind.itemsize * count
    hosts = Addresses(columns["ip4"].astype(np.uint32), columns["ip6"])
    flows = Flows(hosts, *(columns[name].astype(np.int64) for name in _FLOW))
    _refuse_odd(flows, columns["rows"])
    return Openings(flows, Rows.of(columns["rows"]))


def _refuse_odd(flows: Flows, rows: npt.NDArray[np.void]) -> None:
    """Raise ValueError where later stages would not find their way."""
    ip4, ip6, hosts = flows.hosts.ip4, flows.hosts.ip6, len(flows.hosts)
    step = np.diff(rows["flow"].astype(np.int64), prepend=-1)
    reporter = rows["options_length"][rows["kind"] == ICMP]
    good = [
        ip4[1:] > ip4[:-1],
        ip6[1:] > ip6[:-1],
        flows.low < hosts,
        flows.high < hosts,
        (flows.low < len(ip4)) == (flows.high < len(ip4)),
        (step == 0) | (step == 1),  # each flow has rows, in the order of the flows
        step.sum() == len(flows),
        np.diff(rows["frame"])[step[1:] == 0] >= 0,
        (reporter == 4) | (reporter == 16),
    ]
    good += [(abs(rows[name]) < _TIMES.stop) | (rows[name] == NO_TIME) for name in ("time", "folded_until")]
    good += [(rows[name] >= least) & (rows[name] <= most) for name, (least, most) in _LIMITS.items()]
    if not all(np.all(one) for one in good):
        raise ValueError("rows that no capture gives")
