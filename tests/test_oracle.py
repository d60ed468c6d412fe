"""The pipeline and the oracle agree on random exchanges: plausible ones, bent, cut, doubled and shuffled."""

from __future__ import annotations

from dataclasses import asdict

from hypothesis import given, note, settings
from hypothesis import strategies as st

from pcapcheck.decode.segment import ACK, FIN, PSH, RST, SYN, IcmpError, Segment
from pcapcheck.judge import judge
from pcapcheck.select import select
from pcapcheck.testing import format_exchange
from tests.oracle import Oracle
from tests.rows import Row, rows

CLIENT, SERVER = (b"\xc0\x00\x02\x01", 49152), (b"\xc6\x33\x64\x02", 80)
MILLISECOND = 1_000_000
Captured = list[tuple[int, int, Segment | IcmpError]]

# (from the client, flags, sequence number and ack as offsets from the ISNs, payload, window)
Step = tuple[bool, int, int, int, int, int]
ICMP = -1

OTHER_ISN = 9_000_000  # of a server that does not remember


def step(from_client: bool, flags: int, seq: int, ack: int = 0, payload: int = 0, window: int = 65535) -> Step:
    return from_client, flags, seq, ack, payload, window


SYN_STEP = step(True, SYN, 0)
PLAUSIBLE: dict[str, list[Step]] = {
    "opened": [
        SYN_STEP, step(False, SYN | ACK, 0, 1), step(True, ACK, 1, 1), step(True, PSH | ACK, 1, 1, 10),
        step(False, ACK, 1, 11), step(False, PSH | ACK, 1, 11, 20), step(True, FIN | ACK, 11, 21),
        step(False, FIN | ACK, 21, 12), step(True, ACK, 12, 22),
    ],
    "fast open": [
        step(True, SYN, 0, 0, 50), step(False, SYN | ACK, 0, 51), step(False, PSH | ACK, 1, 51, 20),
        step(True, ACK, 51, 21), step(False, FIN | ACK, 21, 51),
    ],
    "fast open not taken": [
        step(True, SYN, 0, 0, 50), step(False, SYN | ACK, 0, 1), step(True, PSH | ACK, 1, 1, 50),
        step(False, ACK, 1, 51),
    ],
    "refused": [SYN_STEP, step(False, RST | ACK, 0, 1), SYN_STEP, step(False, RST | ACK, 0, 1)],
    "refused, then answered": [
        SYN_STEP, step(False, RST | ACK, 0, 1), SYN_STEP, step(False, SYN | ACK, 0, 1), step(True, ACK, 1, 1),
    ],
    "aborted": [SYN_STEP, step(False, SYN | ACK, 0, 1), step(True, RST, 1)],
    "aborted by the server": [SYN_STEP, step(False, SYN | ACK, 0, 1), step(False, RST | ACK, 1, 1)],
    "wrong answer": [
        SYN_STEP, step(False, SYN | ACK, 0, 7), step(True, RST, 7), SYN_STEP, step(False, SYN | ACK, OTHER_ISN, 1),
        step(True, ACK, 1, OTHER_ISN + 1),
    ],
    "wrong completion": [
        SYN_STEP, step(False, SYN | ACK, 0, 1), step(True, ACK, 1, 9), step(False, RST, 9), step(True, ACK, 1, 1),
    ],
    "challenged": [
        SYN_STEP, step(False, ACK, 300, 70_000), step(True, RST, 70_000), SYN_STEP, step(False, SYN | ACK, 0, 1),
        step(True, ACK, 1, 1),
    ],
    "full accept queue": [
        SYN_STEP, step(False, SYN | ACK, 0, 1), step(True, ACK, 1, 1), step(True, PSH | ACK, 1, 1, 10),
        step(False, SYN | ACK, 0, 1), step(True, ACK, 11, 1), step(False, SYN | ACK, 0, 1), step(True, ACK, 11, 1),
    ],
    "unanswered": [SYN_STEP] * 6,
    "unreachable": [SYN_STEP, step(False, ICMP, 0), SYN_STEP],
}  # fmt: skip

NEAR = st.sampled_from([0, 1, 1, 1, 1, 2, 9, 11, 21, 51, -1, -5, 70_000])
WINDOWS = st.sampled_from([65535, 65535, 65535, 0, 1, 20])
ANY_STEP = st.one_of(
    st.tuples(st.just(True), st.just(SYN), st.just(0), st.just(0), st.sampled_from([0, 0, 0, 50]), WINDOWS),
    st.tuples(st.just(False), st.just(SYN | ACK), st.sampled_from([0, 0, 0, OTHER_ISN]), NEAR, st.just(0), WINDOWS),
    st.tuples(
        st.booleans(), st.sampled_from([ACK, ACK, ACK | FIN]), NEAR, NEAR, st.sampled_from([0, 0, 10, 50]), WINDOWS
    ),
    st.tuples(st.booleans(), st.sampled_from([RST, RST | ACK]), NEAR, NEAR, st.just(0), st.just(0)),
    st.tuples(st.just(False), st.just(ICMP), st.sampled_from([0, 3]), st.just(0), st.just(0), st.just(0)),
)  # fmt: skip
GAPS = st.sampled_from([0, 0, 1, 20, 20, 200, 1000, 1000, 3000])
ISNS = st.one_of(st.integers(0, 2**32 - 1), st.integers(2**32 - 120, 2**32 - 1), st.integers(0, 3))


@st.composite
def bent(draw: st.DrawFn) -> list[Step]:
    """A plausible exchange of which some segments are lost, doubled, exchanged, replaced or added."""
    steps = list(draw(st.sampled_from(sorted(PLAUSIBLE.items())))[1])
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(steps)))
        how = draw(st.sampled_from(["lose", "double", "exchange", "replace", "add"]))
        if how == "add":
            steps.insert(at, draw(ANY_STEP))
        elif at < len(steps):
            if how == "lose":
                del steps[at]
            elif how == "double":
                steps.insert(draw(st.integers(at, len(steps))), steps[at])
            elif how == "exchange":
                steps[at : at + 2] = steps[at : at + 2][::-1]
            else:
                steps[at] = draw(ANY_STEP)
    return steps


def one_attempt(steps: list[Step]) -> list[Step]:
    """From the SYN on, with a right SYN-ACK recorded just before it; without any SYN, from the first SYN-ACK on."""
    kinds = [one[:2] for one in steps]
    if (True, SYN) in kinds:
        at = kinds.index((True, SYN))
        early = [one for one in steps[max(0, at - 1) : at] if one[:4] == (False, SYN | ACK, 0, 1)]
        steps = early + steps[at:]
        # A repeated SYN may leave out the data of the first, not bring new data.
        data = steps[len(early)][4]
        steps = [(*one[:4], min(one[4], data), one[5]) if one[:2] == (True, SYN) else one for one in steps]
        answered = [is_right(one, data) for one in steps]
        return [
            one
            for at, one in enumerate(steps)
            if one[:2] != (False, SYN | ACK) or answered[at] or not any(answered[:at])
        ]
    if (False, SYN | ACK) in kinds:
        steps = steps[kinds.index((False, SYN | ACK)) :]
        return [one for one in steps if one[1] != SYN | ACK or one[3] == steps[0][3]]
    return steps


def is_right(one: Step, data: int) -> bool:
    """A SYN-ACK or RST-ACK that acknowledges the SYN."""
    return not one[0] and one[1] in (SYN | ACK, RST | ACK) and 0 < one[3] <= 1 + data


@st.composite
def captures(draw: st.DrawFn) -> tuple[Captured, int]:
    """The frames of an exchange, and when the capture ends."""
    steps = one_attempt(draw(st.one_of(bent(), st.lists(ANY_STEP, max_size=10))))
    isns = draw(ISNS), draw(ISNS)
    time, captured = 1_700_000_000 * 1000 * MILLISECOND, []
    for number, one in enumerate(steps, start=1):
        time += draw(GAPS) * MILLISECOND
        captured.append((number, time, content(one, isns, number)))
    return captured, time + draw(GAPS) * MILLISECOND


def content(one: Step, isns: tuple[int, int], ip_id: int) -> Segment | IcmpError:
    from_client, flags, seq, ack, payload, window = one
    (src, src_port), (dst, dst_port) = (CLIENT, SERVER) if from_client else (SERVER, CLIENT)
    if flags == ICMP:
        number = (isns[0] + seq) % 2**32
        return IcmpError(b"\xcb\x00\x71\x01", dst, src, dst_port, src_port, number, 4, 3, 1, 64, ip_id, -1, "")
    own, other = isns if from_client else isns[::-1]
    seq, ack = (own + seq) % 2**32, (other + ack) % 2**32 if flags & ACK else 0
    return Segment(src, dst, src_port, dst_port, seq, ack, flags, window, payload, 64, ip_id, 0, b"", 0, 1, -1, "")


def the_attempt(found: list[Row]) -> Row | None:
    assert len(found) <= 1
    return found[0] if found else None


@settings(max_examples=500)
@given(captures())
def test_pipeline_and_oracle_agree(capture: tuple[Captured, int]) -> None:
    captured, end = capture
    note(f"{format_exchange(captured)}\n# ends {end - captured[-1][1] if captured else 0} ns later")
    row = the_attempt(rows(judge(select(captured), 0, end)))
    expected = asdict(Oracle(captured, CLIENT, end).verdict())
    if row is None:
        assert expected["outcome"] == "stray"
    else:
        assert {name: row[name] for name in expected} == expected
