"""The compiled loop and dpkt give the same, whatever the octets, the chunks in which they come, and the hash's seed."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial
from ipaddress import ip_network
from itertools import pairwise
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcapcheck import cells, stretch
from pcapcheck.capture import Capture, open_capture
from pcapcheck.capture.frame import Frame
from pcapcheck.decode import compiled
from pcapcheck.decode.compiled import LINKS, Table
from pcapcheck.errors import CaptureError
from pcapcheck.openings import FAR, Openings
from pcapcheck.reading import CompiledReading, DpktReading, Reading
from pcapcheck.rows import FIELDS
from pcapcheck.select import select
from pcapcheck.stretch import Summary
from pcapcheck.window import EVERYTHING, Window
from tests.capture.build_captures import Pipe, enhanced, interface, obsolete, pcap_file, section, simple
from tests.traffic import Captured, captures

TESTS: Final = Path(__file__).parent.parent
CAPTURES: Final = sorted(
    [*TESTS.glob("lab/*.pcap"), *TESTS.glob("malformed/*"), *TESTS.parent.glob("sample_captures/*.pcap*")]
)
SEEDS: Final = [bytes([octet]) * 32 for octet in (0, 1, 2, 127, 255)]
# The interpreted form takes a hundred times as long.
LONG: Final = 20_000

Read = Callable[[Capture], Reading]


def load_interpreted(source: str) -> ModuleType:
    """A module of the package that is compiled, as plain Python."""
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location("interpreted", TESTS.parent / "pcapcheck" / source)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    assert not module.COMPILED
    return module


INTERPRETED: Final = load_interpreted("decode/compiled.py")
THROUGH_DPKT: Final[Read] = partial(DpktReading, window=EVERYTHING)
COMPILED: Final[Read] = partial(CompiledReading, window=EVERYTHING)
IN_PYTHON: Final[Read] = partial(CompiledReading, window=EVERYTHING, table=INTERPRETED.Table)


def summary(octets: bytes, read: Read, sizes: tuple[int, ...] = (1 << 16,)) -> Summary:
    with open_capture("-", Pipe(octets, sizes)) as capture:
        return stretch._read(capture, read(capture), lambda octets: None)


def differences(one: Summary, other: Summary) -> list[object]:
    """What differs, for the message of a failure."""
    found: list[object] = [
        (name, value, vars(other.facts)[name])
        for name, value in vars(one.facts).items()
        if value != vars(other.facts)[name]
    ]
    return found + rows_that_differ(one.openings, other.openings)


def rows_that_differ(one: Openings, other: Openings) -> list[object]:
    if one.flows != other.flows:
        return [("flows", one.flows, other.flows)]
    if one.rows.octets() == other.rows.octets():
        return []
    if len(one.rows) != len(other.rows):
        return [("frames", one.rows["frame"].tolist(), other.rows["frame"].tolist())]
    names = [name for name in FIELDS if one.rows[name].tobytes() != other.rows[name].tobytes()]
    return [(name, one.rows[name].tolist(), other.rows[name].tolist()) for name in names]


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.name)
def test_every_capture(path: Path) -> None:
    octets = path.read_bytes()
    try:
        reference = summary(octets, THROUGH_DPKT)
    except CaptureError:
        with pytest.raises(CaptureError):
            summary(octets, COMPILED)
        return
    assert differences(reference, summary(octets, COMPILED)) == []
    # From a buffer that has to grow for every record to one that holds the whole file, in pieces of any size.
    for buffer in (1, 100, 3000):
        pieces = (1, 7, 64) if len(octets) < LONG else (5000,)
        assert differences(reference, summary(octets, partial(COMPILED, buffer=buffer), pieces)) == []
    for seed in SEEDS:
        assert differences(reference, summary(octets, partial(COMPILED, seed=seed))) == []
    if len(octets) < LONG:
        assert differences(reference, summary(octets, IN_PYTHON)) == []


@given(captures(), st.sampled_from(SEEDS))
@settings(max_examples=300)
def test_it_keeps_and_folds_as_the_reference(captured: Captured, seed: bytes) -> None:
    """The cells against select.py, for segments that were decoded elsewhere."""
    reference = select(captured)
    for table in (cells.new_table(seed), cells.new_table(seed, table=INTERPRETED.Table)):
        for number, time_ns, found in captured:
            cells.add(table, number, time_ns, found)
        assert rows_that_differ(reference, cells.openings_of(table)) == []


@given(captures(), st.lists(st.integers(0, 100), min_size=1, max_size=3), st.sampled_from(["compiled", "interpreted"]))
@settings(max_examples=300)
def test_what_later_stretches_have_of_a_flow_is_taken_over(captured: Captured, cuts: list[int], form: str) -> None:
    """Tables of neighbouring stretches, each with frames of its own numbers, are as one of the whole."""
    edges = [0, *sorted(cut * len(captured) // 100 for cut in cuts), len(captured)]
    tables = []
    for begin, end in pairwise(edges):
        table = cells.new_table(table=INTERPRETED.Table if form == "interpreted" else Table)
        for number, time_ns, found in captured[begin:end]:
            cells.add(table, number - begin, time_ns, found)
        tables.append(table)
    whole = cells.Tracked(*zip(tables, edges, strict=False))
    assert rows_that_differ(select(captured), whole.whole()) == []


def real_frames() -> list[Frame]:
    """One frame of each kind that the laboratory's captures hold, by link type, length and first octets."""
    found: dict[object, Frame] = {}
    for path in CAPTURES:
        try:
            with open_capture(str(path)) as capture:
                for frame in capture:
                    found.setdefault((frame.link_type, len(frame.data), frame.data[12:24]), frame)
        except CaptureError:
            continue
    return Random(5).sample(list(found.values()), 400)


FRAMES: Final = real_frames()


@st.composite
def mutated(draw: st.DrawFn) -> Frame:
    """A real frame, cut, or with some octets changed, or of another link type."""
    frame = draw(st.sampled_from(FRAMES))
    data = bytearray(frame.data)
    for _ in range(draw(st.integers(0, 4))):
        if data:
            at = draw(st.integers(0, min(len(data) - 1, 80)))
            data[at] = draw(
                st.one_of(st.integers(0, 255), st.sampled_from([0x45, 0x60, 6, 17, 0, 43, 60, 44, 0x50, 0xFF]))
            )
    cut = draw(st.one_of(st.just(len(data)), st.integers(0, len(data))))
    link_type = draw(st.one_of(st.just(frame.link_type), st.sampled_from([*LINKS, 147])))
    original = draw(st.sampled_from([len(data), len(data) + 900, max(cut, 1)]))
    return Frame(1, draw(st.integers(0, 2**40)) * 1000, link_type, original, bytes(data[:cut]))


@st.composite
def pcaps(draw: st.DrawFn) -> bytes:
    frames = draw(st.lists(mutated(), max_size=12))
    kind, order = draw(st.sampled_from(["pcap", "pcap-ns", "pcap-modified"])), draw(st.sampled_from("<>"))
    return pcap_file(frames, kind, order, frames[0].link_type if frames else 1)


@st.composite
def pcapngs(draw: st.DrawFn) -> bytes:
    order = draw(st.sampled_from("<>"))
    resolutions = st.sampled_from([None, None, 9, 6, 3, 0x8A, 0x80 | 20, 12])
    parts = [section(order)]
    for frame in draw(st.lists(mutated(), max_size=12)):
        kind = draw(st.sampled_from(["enhanced"] * 6 + ["simple", "obsolete", "section"]))
        if kind == "section":
            order = draw(st.sampled_from("<>"))
            parts.append(section(order))
        if kind == "section" or len(parts) == 1 or draw(st.integers(0, 3)) == 0:
            parts.append(
                interface(
                    frame.link_type,
                    tsresol=draw(resolutions),
                    order=order,
                    tsoffset=draw(st.sampled_from([None, 0, 5, -3])),
                )
            )
        time = draw(st.one_of(st.just(frame.time_ns), st.integers(0, 2**64 - 1)))
        if kind == "simple":
            parts.append(simple(frame.data, order=order))
        elif kind == "obsolete":
            parts.append(obsolete(time, frame.data, order=order))
        else:
            parts.append(enhanced(time, frame.data, frame.original_length, order=order))
    return b"".join(parts)


@settings(max_examples=400)
@given(st.one_of(pcaps(), pcapngs()), st.data())
def test_any_octets(octets: bytes, data: st.DataObject) -> None:
    """Real frames with octets changed, in files with octets changed or cut: every decoder in every form agrees."""
    octets = bytes(octets)
    for _ in range(data.draw(st.sampled_from([0, 0, 0, 1, 2]))):
        at = data.draw(st.integers(0, len(octets) - 1))
        octets = octets[:at] + bytes([data.draw(st.integers(0, 255))]) + octets[at + 1 :]
    octets = octets[: data.draw(st.one_of(st.just(len(octets)), st.integers(0, len(octets))))]
    try:
        reference = summary(octets, THROUGH_DPKT)
    except CaptureError:
        return
    assert differences(reference, summary(octets, COMPILED)) == []
    assert (
        differences(reference, summary(octets, partial(COMPILED, buffer=data.draw(st.integers(1, 200))), (3, 50))) == []
    )
    assert differences(reference, summary(octets, IN_PYTHON)) == []


def moments() -> st.SearchStrategy[int | None]:
    return st.one_of(st.none(), st.none(), st.integers(-5, 2**41).map(lambda time: time * 1000), st.integers())


HOSTS: Final = ["10.77.1.2", "10.77.0.0/16", "0.0.0.0/0", "fd77:1::2", "fd77::/16", "::/0", "10.77.2.2/31", "192.0.2.1"]
WINDOWS: Final = st.builds(
    Window,
    moments(),
    moments(),
    moments(),
    moments(),
    st.lists(st.sampled_from(HOSTS), max_size=2).map(
        lambda texts: tuple(ip_network(text, strict=False) for text in texts)
    ),
    st.lists(st.sampled_from([80, 40001, 40002, 443, 0]), max_size=2).map(tuple),
)


@settings(max_examples=200)
@given(st.one_of(pcaps(), pcapngs()), WINDOWS)
def test_any_window(octets: bytes, window: Window) -> None:
    """--since, --until, --host and --port leave out the same segments."""
    reference = summary(octets, partial(DpktReading, window=window))
    assert differences(reference, summary(octets, partial(CompiledReading, window=window))) == []
    in_python = partial(CompiledReading, window=window, table=INTERPRETED.Table)
    assert differences(reference, summary(octets, in_python)) == []


@pytest.mark.parametrize("table", [compiled.Table, INTERPRETED.Table], ids=["compiled", "interpreted"])
def test_it_never_reads_behind_the_end(table: type[compiled.Table]) -> None:
    """A record that says it is longer than what is there stops the loop; bounds checks stop a wrong end."""
    record = bytearray(struct.pack("<IIII", 1, 0, 60, 60) + bytes(60))
    walk = cells.new_table(table=table).walk_pcap
    assert walk(memoryview(record), 0, 75, False, 1000, 16, 262_144, 1, 1) == 0
    for there in (10, 20):  # not even the record's header, and the header alone
        with pytest.raises(IndexError):
            walk(memoryview(record[:there]), 0, 76, False, 1000, 16, 262_144, 1, 1)


def test_its_constants_are_those_of_the_other_modules() -> None:
    assert FAR == 1 << 30
    assert set(LINKS.values()) == set(range(1, 8))
