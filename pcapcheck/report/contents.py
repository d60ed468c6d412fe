"""The contents of captures in text and as JSON: what ``pcapcheck info`` prints."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any, Final, TextIO

from pcapcheck.capture.frame import NO_TIME, Clock
from pcapcheck.capture.interface import Interface
from pcapcheck.capture.link_types import name_of
from pcapcheck.contents import Contents, Found
from pcapcheck.report.escape import escaped
from pcapcheck.report.identify import time_text
from pcapcheck.report.summary import counted, share
from pcapcheck.report.table import table

_LABEL: Final = 14  # columns of a label
_COUNTS: Final = {
    "received": "received",
    "accepted": "accepted by the filter",
    "dropped": "dropped",
    "os_dropped": "dropped by the system",
    "delivered": "delivered",
}
_LISTED: Final = 20
_INTERFACES_SHOWN: Final = 50
_COMMENTS_SHOWN: Final = 10


def write_text(found: Found, out: TextIO, *, width: int = 80) -> None:
    """A block of lines for each capture."""
    described = [one for one in found.contents if not one.error]
    blocks = [_block(one, width) for one in described]
    if found.interrupted:
        blocks.append(["PARTIAL: interrupted; what was read by then is described."])
    if found.ignored:
        are = "file is no capture" if len(found.ignored) == 1 else "files are no captures"
        blocks.append([f"{len(found.ignored)} {are}"])
    if blocks:
        out.write("\n\n".join("\n".join(lines) for lines in blocks) + "\n")


def write_json(found: Found, out: TextIO) -> None:
    """An array with one object a capture, in the order given; one that cannot be read has ``error``."""
    known = {id(one.error) for one in found.contents}
    objects = [_object(one) for one in found.contents]
    objects += [_object(Contents(error.path, error=error)) for error in found.errors if id(error) not in known]
    json.dump(objects, out, indent=2)
    out.write("\n")


def _block(one: Contents, width: int) -> list[str]:
    lines = [escaped(one.path)]
    for label, text in _facts(one):
        lines += textwrap.wrap(
            f"  {label.ljust(_LABEL)}{text}",
            width,
            subsequent_indent=" " * (2 + _LABEL),
            break_long_words=False,
            break_on_hyphens=False,
        )
    shown = one.interfaces[:_INTERFACES_SHOWN] if one.format == "pcapng" else []
    for number, interface in enumerate(shown):
        lines += _filled(f"  Interface {number}: {_interface(interface)}", width)
    if len(one.interfaces) > len(shown) > 0:
        lines.append(f"  and {counted(len(one.interfaces) - len(shown), 'more interface')}")
    for comment in one.comments[:_COMMENTS_SHOWN]:
        lines += _filled(f"  Comment: {escaped(comment)}", width)
    if one.comment_count > _COMMENTS_SHOWN:
        lines.append(f"  and {counted(one.comment_count - _COMMENTS_SHOWN, 'more comment')}")
    if one.skipped:
        lines += _not_judged(one, width)
    if one.damage:
        what = "Cut" if one.damage.rule == "CAP01" else "Corrupt"
        where = f"after frame {one.damage.frame}, at byte {one.damage.offset}"
        needed = f"needed {escaped(one.damage.needed)}, found {escaped(one.damage.found)}"
        lines += _filled(f"  {what} {where}: {needed}", width)
    return lines


def _facts(one: Contents) -> Iterable[tuple[str, str]]:
    container = f"{one.format}, {one.byte_order}"
    yield "format", f"{container}, compressed by {one.compression}" if one.compression else container
    if one.size is not None:
        yield "file size", counted(one.size, "octet")
    if len(one.sections) > 1:
        yield "sections", str(len(one.sections))
    for section in one.sections[:1]:
        made = ", ".join(escaped(text) for text in (section.application, section.os, section.hardware) if text)
        if made:
            yield "made by", made
    yield "link type", _listed([name_of(link_type) for link_type in one.link_types])
    yield "clock", _listed([_clock(clock) for clock in one.clocks])
    snaplens = sorted({interface.snaplen for interface in one.interfaces})
    yield "snaplen", _listed([str(snaplen or "unlimited") for snaplen in snaplens])
    others = f" ({one.frames - one.packets} of them without a packet)" if one.frames > one.packets else ""
    yield "frames", f"{one.frames}{others}"
    cut = f", {counted(one.shortened, 'frame')} shortened" if one.shortened else ""
    yield "octets", f"{one.octets} on the wire, {one.captured_octets} captured{cut}"
    if one.first_time != NO_TIME:
        yield "first", time_text(one.first_time)
        yield "last", time_text(one.last_time)
        yield "duration", f"{one.duration // 10**9}.{one.duration % 10**9:09d} s"
    if one.duration:
        yield "rates", _rates(one)
    if one.packets:
        yield "mean size", f"{_rounded(one.octets, one.packets)} octets"
    if one.steps_back:
        back = f"{counted(one.steps_back, 'frame')} earlier than the one before"
        yield "order", f"{back}, the first of them frame {one.first_step_back}"
    elif one.packets > one.untimed:
        yield "order", "by time"
    if one.untimed:
        yield "untimed", counted(one.untimed, "frame")
    if one.format in ("pcapng", "snoop"):
        yield "dropped", counted(one.dropped, "frame")
    if one.comment_count:
        yield "comments", str(one.comment_count)
    if one.packets:
        about = f", {counted(one.icmp_errors, 'ICMP error')} about TCP" if one.icmp_errors else ""
        yield "TCP", counted(one.segments, "segment") + about


def _listed(words: Sequence[str]) -> str:
    more = f"; and {len(words) - _LISTED} more" if len(words) > _LISTED else ""
    return "; ".join(words[:_LISTED]) + more or "none stated"


def _rates(one: Contents) -> str:
    frames = _rounded(one.packets * 10**9, one.duration)
    octets, bits = _rounded(one.octets * 10**9, one.duration), _rounded(8 * one.octets * 10**9, one.duration)
    return f"{frames} frames/s, {octets} octets/s, {bits} bit/s"


def _rounded(dividend: int, divisor: int) -> str:
    """One decimal below 100, rounded half up."""
    tenths = (20 * dividend + divisor) // (2 * divisor)
    return f"{tenths // 10}.{tenths % 10}" if tenths < 1000 else str((2 * dividend + divisor) // (2 * divisor))


def _clock(clock: Clock) -> str:
    return f"{clock.resolution} s" + (f", offset {clock.offset_ns // 10**9} s" if clock.offset_ns else "")


def _interface(one: Interface) -> str:
    words = [escaped(one.name or one.description) or "without a name"]
    if one.name and one.description:
        words.append(escaped(one.description))
    words += [name_of(one.link_type), f"snaplen {one.snaplen or 'unlimited'}", f"clock {_clock(one.clock)}"]
    if one.filter:
        words.append(f'filter "{escaped(one.filter)}"')
    words += [escaped(text) for text in (one.os, one.hardware) if text]
    words.append(counted(one.frames, "frame"))
    words += [f"{getattr(one, name)} {says}" for name, says in _COUNTS.items() if getattr(one, name) is not None]
    if one.start_ns != NO_TIME:
        words.append(f"from {time_text(one.start_ns)}")
    if one.end_ns != NO_TIME:
        words.append(f"to {time_text(one.end_ns)}")
    return ", ".join(words)


def _not_judged(one: Contents, width: int) -> list[str]:
    rows = [
        (reason, str(number), share(number, one.packets), str(one.first_skipped[reason]))
        for reason, number in sorted(one.skipped.items(), key=lambda item: (-item[1], item[0]))
    ]
    title = f"Not judged: {one.skipped.total()} of {counted(one.packets, 'frame')}"
    return [f"  {line}" for line in table(title, ("", "", "first"), rows, width - 2)]


def _filled(text: str, width: int) -> Sequence[str]:
    return textwrap.wrap(text, width, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)


def _object(one: Contents) -> dict[str, Any]:
    if one.error:
        return {"capture": one.path, "error": str(one.error)}
    return {
        "capture": one.path,
        "format": one.format,
        "byte_order": one.byte_order,
        "compression": one.compression,
        "size": one.size,
        "frames": one.frames,
        "packets": one.packets,
        "octets": one.octets,
        "captured_octets": one.captured_octets,
        "shortened": one.shortened,
        "link_types": one.link_types,
        "clocks": [clock._asdict() for clock in one.clocks],
        "sections": [{**asdict(section), "byte_order": _ORDERS[section.byte_order]} for section in one.sections],
        "interfaces": [_interface_object(interface) for interface in one.interfaces],
        "first_time_ns": _time(one.first_time),
        "last_time_ns": _time(one.last_time),
        "duration_ns": one.duration,
        "untimed": one.untimed,
        "steps_back": one.steps_back,
        "first_step_back": one.first_step_back or None,
        "dropped": one.dropped,
        "comment_count": one.comment_count,
        "comments": one.comments,
        "segments": one.segments,
        "icmp_errors": one.icmp_errors,
        "skipped": [
            {"reason": reason, "frames": number, "first_frame": one.first_skipped[reason]}
            for reason, number in sorted(one.skipped.items())
        ],
        "damage": one.damage._asdict() if one.damage else None,
        "partial": one.interrupted,
    }


_ORDERS: Final = {"<": "little-endian", ">": "big-endian"}


def _interface_object(one: Interface) -> dict[str, Any]:
    return {**asdict(one), "clock": one.clock._asdict(), "start_ns": _time(one.start_ns), "end_ns": _time(one.end_ns)}


def _time(time_ns: int) -> int | None:
    return None if time_ns == NO_TIME else time_ns
