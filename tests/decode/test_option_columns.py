"""Options read as columns are what the parser of one header reads."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcapcheck.decode import compiled
from pcapcheck.decode import option_columns as option_columns_module
from pcapcheck.decode.option_columns import FAST_OPEN_LENGTH, KIND_BIT, MALFORMED, ROOM, OptionColumns, option_columns
from pcapcheck.decode.options import LENGTHS, Options, parse_options
from pcapcheck.decode.segment import OPTIONS_UNSEEN
from tests.decode.test_compiled import INTERPRETED


def columns_of(headers: list[tuple[bytes, bool]]) -> OptionColumns:
    options = np.zeros(len(headers), f"V{ROOM}")
    for index, (octets, _) in enumerate(headers):
        options[index] = np.void(octets.ljust(ROOM, b"\xee"))  # what lies behind the length does not count
    lengths = np.array([len(octets) for octets, _ in headers], np.uint8)
    unseen = np.array([0 if complete else OPTIONS_UNSEEN for _, complete in headers], np.uint8)
    return option_columns(options, lengths, unseen)


def row_of(columns: OptionColumns, index: int, octets: bytes) -> Options:
    """One entry of the columns as the parser would give it, but for the SACK blocks and the words of the faults."""
    at = int(columns.mptcp[index])
    return Options(
        int(columns.mss[index]),
        int(columns.wscale[index]),
        bool(columns.sack_permitted[index]),
        int(columns.tsval[index]),
        int(columns.tsecr[index]),
        int(columns.fast_open[index]),
        -1 if at < 0 else octets[at + 2] >> 4,
        bool(columns.md5[index]),
        bool(columns.ao[index]),
    )


# Options as hosts send them, with now and then a wrong octet, and plain noise.
KINDS = st.sampled_from([0, 1, 1, *LENGTHS, 69, 253, 254])


@st.composite
def option(draw: st.DrawFn) -> bytes:
    kind = draw(KINDS)
    if kind < 2:
        return bytes([kind])
    right = [length for length in range(2, 41) if length in LENGTHS.get(kind, range(2, 41))]
    length = draw(st.one_of(st.sampled_from(right[:6]), st.integers(0, 255)))
    value = draw(st.one_of(st.just(b"\xf9\x89" + bytes(38)), st.binary(min_size=40, max_size=40)))
    return bytes([kind, length]) + value[: max(0, min(length, 40) - 2)]


HEADER = st.one_of(
    st.lists(option(), max_size=8).map(lambda parts: b"".join(parts)[:ROOM]),
    st.binary(max_size=ROOM),
    st.binary(min_size=8, max_size=8).map(lambda stamps: b"\x01\x01\x08\x0a" + stamps),
)


@pytest.mark.parametrize("read", [compiled.read_options, INTERPRETED.read_options], ids=["compiled", "interpreted"])
@settings(max_examples=300, deadline=None)
@given(headers=st.lists(st.tuples(HEADER, st.booleans()), min_size=1, max_size=20))
def test_columns_say_what_the_parser_says(read: Callable[..., None], headers: list[tuple[bytes, bool]]) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(option_columns_module, "read_options", read)
        columns = columns_of(headers)
    for index, (octets, complete) in enumerate(headers):
        parsed = parse_options(octets, complete=complete)
        assert row_of(columns, index, octets) == parsed._replace(sack=(), faults=())
        assert columns.sack[index] == bool(parsed.sack)
        assert columns.faults[index] == faults_of(parsed)


def faults_of(parsed: Options) -> int:
    """The bits of the faults that the parser puts into words."""
    wrong_lengths = {f"kind 34 has length {length}" for length in range(2, 256)}
    bits = {FAST_OPEN_LENGTH if fault in wrong_lengths else MALFORMED for fault in parsed.faults}
    return sum(bits)


def test_kinds() -> None:
    columns = columns_of([(bytes.fromhex("020405b4 01 030307 00"), True), (b"", True)])
    assert columns.kinds.tolist() == [int(KIND_BIT[[0, 1, 2, 3]].sum()), 0]


def test_many_headers() -> None:
    octets = bytes.fromhex("020405b4 0402 080a 0000000a 0000000b 01 030307")
    columns = columns_of([(octets, True)] * 70_000)
    assert set(columns.mss.tolist()) == {1460}
    assert set(columns.tsecr.tolist()) == {11}


@pytest.mark.parametrize("size", [0, 1])
def test_no_options(size: int) -> None:
    columns = columns_of([(b"", True)] * size)
    assert columns.mss.tolist() == [-1] * size
    assert columns.faults.tolist() == [0] * size
