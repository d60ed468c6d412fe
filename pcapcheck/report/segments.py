"""The TCP segments of a capture as columns, a batch at a time: tables.SEGMENTS."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import numpy as np

from pcapcheck.capture.frame import NO_TIME, Damage
from pcapcheck.decode.fragments import Fragments
from pcapcheck.decode.segment import WINDOW_UNSEEN, Segment, Skip
from pcapcheck.decode.through_dpkt import decode
from pcapcheck.report.columns import BATCH, Words
from pcapcheck.report.identify import address_text
from pcapcheck.stretch import open_input
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import Ints
from pcapcheck.window import EVERYTHING, Window

_NUMBERS: Final = (
    "frame", "time", "src_port", "dst_port", "seq", "ack", "tcp_flags", "window", "payload_length", "ttl", "ip_id",
)  # fmt: skip


class Segments(NamedTuple):
    """A batch of segments: integers are int64 (ABSENT where there is none), and the option octets."""

    columns: dict[str, Ints | Words]
    options: list[bytes]


def segment_batches(
    path: str,
    window: Window = EVERYTHING,
    size: int | None = BATCH,
    damaged: Callable[[Damage], None] = lambda damage: None,
) -> Iterator[Segments]:
    """The segments in the order of the file, none as one empty batch; without ``size`` all as one batch.

    Where the file breaks off, ``damaged`` is told. Raises CaptureError where it is no capture.
    """
    taken = _Taken()
    first_time: int | None = None
    batches = 0
    fragments = Fragments()
    with open_input(path) as capture:
        for frame in capture:
            if first_time is None and frame.time_ns != NO_TIME:
                first_time = frame.time_ns
            found = decode(frame.link_type, frame.data, frame.original_length)
            if found is Skip.FRAGMENT:
                found = fragments.take(frame)
            if not isinstance(found, Segment):
                continue
            if window is not EVERYTHING and not window.holds(frame.time_ns, first_time or 0, found):
                continue
            taken.take(frame.number, frame.time_ns, found)
            if len(taken.options) == size:
                yield taken.batch(path)
                taken = _Taken()
                batches += 1
    if taken.options or not batches:
        yield taken.batch(path)
    if capture.damage:
        damaged(capture.damage)


class _Taken:
    """Segments on their way into columns."""

    def __init__(self) -> None:
        self.numbers = {name: array("q") for name in _NUMBERS}
        self.addresses: dict[bytes, int] = {}
        self.ends = (array("q"), array("q"))
        self.options: list[bytes] = []
        self._append = [self.numbers[name].append for name in _NUMBERS]
        self._same: dict[bytes, bytes] = {}

    def take(self, number: int, time: int, found: Segment) -> None:
        window = ABSENT if found.unseen & WINDOW_UNSEEN else found.window
        row = (
            number, time, found.src_port, found.dst_port, found.seq, found.ack, found.tcp_flags, window,
            found.payload_length, found.ttl, found.ip_id,
        )  # fmt: skip
        for append, value in zip(self._append, row, strict=True):
            append(value)
        for end, address in zip(self.ends, (found.src, found.dst), strict=True):
            end.append(self.addresses.setdefault(address, len(self.addresses)))
        self.options.append(self._same.setdefault(found.options, found.options))

    def batch(self, path: str) -> Segments:
        words = [address_text(address) for address in self.addresses]
        columns: dict[str, Ints | Words] = {
            "capture": Words(np.zeros(len(self.options), np.int64), [path]),
            "src_ip": Words(np.frombuffer(self.ends[0], np.int64), words),
            "dst_ip": Words(np.frombuffer(self.ends[1], np.int64), words),
        }
        for name in _NUMBERS:
            columns[name] = np.frombuffer(self.numbers[name], np.int64)
        return Segments(columns, self.options)
