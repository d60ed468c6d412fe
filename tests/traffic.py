"""Any traffic between few hosts with few numbers, as Hypothesis strategies: much of it is repeated."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st

from pcapcheck.capture.frame import NO_TIME
from pcapcheck.decode.segment import ACK, FIN, PSH, RST, SYN, IcmpError, Segment

Captured = list[tuple[int, int, Segment | IcmpError]]

HOSTS: Final = [(b"\xc0\x00\x02\x01", 1025), (b"\xc6\x33\x64\x02", 80), (b"\xc0\x00\x02\x03", 1025)]
FLAGS: Final = st.sampled_from(
    [SYN, SYN, SYN, SYN | ACK, SYN | ACK, ACK, ACK, ACK, PSH | ACK, FIN | ACK, FIN | ACK, RST, RST | ACK, SYN | RST, 0]
)
TIMESTAMP: Final = b"\x01\x01\x08\x0a"
OPTIONS: Final = st.one_of(
    st.just(b""),
    st.sampled_from([0, 5, 5, 9, 2**32 - 1]).map(lambda tsval: TIMESTAMP + tsval.to_bytes(4) + b"\0\0\0\1"),
    st.just(b"\x01\x01\x05\x0a" + bytes(7) + b"\1"),
)


ENDS: Final = st.permutations(HOSTS).map(lambda hosts: (hosts[0], hosts[1]))
NUMBERS: Final = st.sampled_from([2**32 - 20, 2**32 - 1, 0, 1, 30, 5000])


def segments(ends: Any = ENDS, flags: Any = FLAGS) -> Any:
    """Segments between few hosts with few numbers, so that much is repeated."""
    octets = st.sampled_from([0, 0, 1, 50])
    return st.builds(segment, ends, NUMBERS, NUMBERS, flags, octets, OPTIONS)


def segment(ends: Any, seq: int, ack: int, flags: int, octets: int = 0, options: bytes = b"") -> Segment:
    (src, src_port), (dst, dst_port) = ends
    return Segment(src, dst, src_port, dst_port, seq, ack, flags, 100, octets, 64, 7, 0, options, 0, 0, -1, "")


ERRORS: Final = st.builds(
    lambda reporter, ends, seq, code: IcmpError(
        reporter, ends[0][0], ends[1][0], ends[0][1], ends[1][1], seq, 4, 3, code, 64, 1, -1, ""
    ),
    st.sampled_from([b"\xcb\x00\x71\x01", b"\xcb\x00\x71\x02"]),
    ENDS,
    st.sampled_from([0, 1]),
    st.sampled_from([1, 3]),
)
# Long runs of one kind go beyond what is kept of it; the rest is anything at all.
TRAFFIC: Final = st.lists(
    st.one_of(
        segments().map(lambda one: [one]),
        ERRORS.map(lambda one: [one]),
        st.tuples(segments(), st.integers(2, 16)).map(lambda run: [run[0]] * run[1]),
        ENDS.flatmap(
            lambda ends: st.lists(segments(st.just(ends), st.sampled_from([ACK, PSH | ACK])), min_size=5, max_size=12)
        ),
    ),
    max_size=8,
).map(lambda runs: [one for run in runs for one in run])


@st.composite
def captures(draw: st.DrawFn) -> Captured:
    time = 0
    captured: Captured = []
    for number, one in enumerate(draw(TRAFFIC), start=1):
        time += draw(st.sampled_from([1, 0, 1000, -500]))
        captured.append((number, time if number % 17 else NO_TIME, one))
    return captured
