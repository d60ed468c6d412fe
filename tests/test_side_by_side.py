"""One file, read at several places at the same time, gives what one reading gives, whatever it is and wherever cut."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from ipaddress import ip_network
from pathlib import Path
from random import Random
from typing import Final
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pcapcheck
from pcapcheck import side_by_side, stretch
from pcapcheck.capture import open_capture
from pcapcheck.capture.boundary import boundary
from pcapcheck.capture.frame import Frame
from pcapcheck.cells import Tracked
from pcapcheck.cli import main
from pcapcheck.decode.compiled import COMPILED
from pcapcheck.decode.fragments import LONGEST_WAIT, MOST_OCTETS
from pcapcheck.openings import Openings
from pcapcheck.spilled import Spilled
from pcapcheck.stretch import Summary
from pcapcheck.tables import MAX_TRACKED
from pcapcheck.window import EVERYTHING, Window
from tests.capture.build_captures import RAW, enhanced, interface, pcap_file, section, statistics
from tests.decode.frames import ip4, tcp
from tests.decode.test_fragments import SYN_HEADER, pieces4
from tests.failures.captures import starts_of_records
from tests.fuzz.mutate import mutated_file
from tests.fuzz.seeds import seeds

TESTS: Final = Path(__file__).parent
CAPTURES: Final = sorted(
    path
    for folder in (TESTS / "lab", TESTS / "kernel", TESTS / "malformed", TESTS.parent / "sample_captures")
    for path in folder.glob("*.pcap*")
)
HANDSHAKES: Final = TESTS.parent / "sample_captures/handshakes.pcap"
SEEDS: Final = seeds()
SECOND: Final = 10**9


@pytest.fixture(autouse=True, scope="module")
def small_files_are_cut() -> Iterator[None]:
    with patch.object(side_by_side, "LEAST", 1):
        yield


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("captures") / "any.pcap"


def rows_of(summary: Summary) -> tuple[object, bytes]:
    openings = summary.openings
    if isinstance(openings, Spilled | Tracked):
        openings = openings.whole()
    assert isinstance(openings, Openings)
    return list(openings.flows), openings.rows.octets()


def same(path: Path, window: Window = EVERYTHING, jobs: int = 3) -> Summary:
    """What ``jobs`` threads read; it is what one reading gives."""
    whole = stretch.summarise(str(path), window)
    found = side_by_side.summarise(str(path), window, jobs=jobs)
    if whole.facts.error:
        assert str(found.facts.error) == str(whole.facts.error)
        return found
    assert found.facts == whole.facts
    assert rows_of(found) == rows_of(whole)
    return found


class Cuts:
    """Where the file is cut, instead of where records seem to begin; how many stretches were then put together."""

    def __init__(self, *starts: int) -> None:
        self._starts = starts
        self.used = 0

    def __enter__(self) -> Cuts:
        together = side_by_side._together

        def counting(stretches: Sequence[object], max_tracked: int) -> Summary:
            self.used = len(stretches)
            return together(stretches, max_tracked)  # type: ignore[arg-type]

        self._patches = [patch.object(side_by_side, "_together", counting)]
        if self._starts:
            self._patches.append(patch.object(side_by_side, "_starts", lambda *given: list(self._starts)))
        for one in self._patches:
            one.start()
        return self

    def __exit__(self, *error: object) -> None:
        for one in self._patches:
            one.stop()


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.name)
def test_every_capture(path: Path) -> None:
    octets, random = path.read_bytes(), Random(path.name)
    for jobs in (2, 3, 8):
        same(path, jobs=jobs)
    # Places that are no beginnings of records, too.
    for count in (1, 2, 5):
        with Cuts(*sorted(random.sample(range(25, len(octets) + 8), count))):
            same(path, jobs=count + 1)


@pytest.mark.parametrize("path", [path for path in CAPTURES if path.suffix == ".pcap"][::4], ids=lambda path: path.name)
def test_cut_at_records(path: Path) -> None:
    starts = starts_of_records(path.read_bytes())[1:-1]
    for count in (1, 2, 5):
        cuts = sorted(Random(path.name).sample(starts, min(count, len(starts))))
        if cuts:
            with Cuts(*cuts) as taken:
                same(path, jobs=count + 1)
            assert taken.used == (len(cuts) + 1 if COMPILED else 0)


def test_the_report_is_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    for output in ("text", "jsonl", "json"):
        printed = []
        for jobs in ("1", "2", "5"):
            with Cuts() as cuts:
                main(["check", str(HANDSHAKES), "--exit-zero", "--jobs", jobs, "--format", output])
            printed.append(capsys.readouterr().out)
            assert cuts.used == (int(jobs) if jobs != "1" and COMPILED else 0)
        assert printed[0]
        assert printed.count(printed[0]) == 3


@settings(max_examples=300)
@given(st.sampled_from(SEEDS), st.randoms(use_true_random=False), st.integers(2, 6), st.data())
def test_damaged_captures(place: Path, seed: object, random: Random, jobs: int, data: st.DataObject) -> None:
    octets = mutated_file(seed, SEEDS, random)  # type: ignore[arg-type]
    place.write_bytes(octets)
    same(place, jobs=jobs)
    anywhere = st.lists(st.integers(1, max(1, len(octets) - 1)), min_size=1, max_size=5, unique=True).map(sorted)
    with Cuts(*(place for place in data.draw(anywhere) if place > 24)):
        same(place, jobs=jobs)


# Fragments of few datagrams, a second or so apart, so that they wait, are put together and expire across the cuts.
FRAGMENTS: Final = [
    *pieces4(SYN_HEADER, 16),
    *pieces4(SYN_HEADER, 8, 16),
    *(ip4(SYN_HEADER[:16], fragment=0x2000, src=bytes([10, 0, 0, host])) for host in range(3)),
    *(ip4(SYN_HEADER[16:], fragment=2, src=bytes([10, 0, 0, host])) for host in range(3)),
    ip4(tcp(b"0123")),
]
TIMES: Final = st.sampled_from([0, SECOND, 20 * SECOND, LONGEST_WAIT, LONGEST_WAIT + 1, -SECOND])


@settings(max_examples=400)
@given(st.lists(st.tuples(st.sampled_from(FRAGMENTS), TIMES), min_size=2, max_size=14), st.data())
def test_fragments_on_both_sides_of_cuts(place: Path, sent: list[tuple[bytes, int]], data: st.DataObject) -> None:
    frames, time = [], 1000 * SECOND
    for number, (octets, after) in enumerate(sent, start=1):
        time += after
        frames.append(Frame(number, time, RAW, len(octets), octets))
    octets = pcap_file(frames, "pcap-ns", link_type=RAW)
    place.write_bytes(octets)
    starts = starts_of_records(octets)[1:-1]
    cuts = data.draw(st.lists(st.sampled_from(starts), min_size=1, max_size=4, unique=True).map(sorted))
    with Cuts(*cuts):
        same(place)


def test_a_datagram_on_both_sides_is_read_by_one(place: Path) -> None:
    first, second = pieces4(SYN_HEADER, 16)
    other = ip4(tcp(b"x"))
    frames = [Frame(number, number, RAW, len(one), one) for number, one in enumerate([first, other, second, other], 1)]
    octets = pcap_file(frames, "pcap-ns", link_type=RAW)
    place.write_bytes(octets)
    starts = starts_of_records(octets)
    for cut, used in ((starts[1], 1), (starts[2], 1), (starts[3], 2)):
        with Cuts(cut) as cuts:
            found = same(place)
        assert found.facts.segments == 3
        assert cuts.used == (used if COMPILED else 0)


def test_as_many_fragments_as_may_wait(place: Path) -> None:
    """Those that wait at a cut would have pushed out others behind it."""
    payload = bytes(60_000)
    most = MOST_OCTETS // len(payload)
    pieces = [ip4(payload, 17, fragment=0x2000, src=bytes([10, 0, 0, host])) for host in range(most + 2)]
    pieces.append(ip4(b"rest of it", 17, fragment=len(payload) // 8, src=bytes([10, 0, 0, 0])))
    frames = [Frame(number, number, RAW, len(one), one) for number, one in enumerate(pieces, start=1)]
    octets = pcap_file(frames, "pcap-ns", link_type=RAW)
    place.write_bytes(octets)
    for at in (1, 2, most // 2, most):
        with Cuts(starts_of_records(octets)[at]):
            same(place)


def test_records_inside_a_packet_are_no_beginnings(place: Path) -> None:
    """A payload that is itself a capture: the cut falls into it, which is found out."""
    inner = HANDSHAKES.read_bytes()[24:]
    data = ip4(tcp(inner[:60_000]))
    last = ip4(tcp(b"x" * 10))
    frames = [Frame(number, number, RAW, len(one), one) for number, one in enumerate([data, data, data, last], start=1)]
    octets = pcap_file(frames, link_type=RAW)
    place.write_bytes(octets)
    with open_capture(str(place)) as capture:
        middle = len(octets) // 2
        found = boundary(octets[middle:], 1 << 19, capture.plain())  # type: ignore[arg-type]
    assert found is not None
    assert middle + found not in starts_of_records(octets)
    with Cuts() as cuts:
        assert same(place, jobs=2).facts.frames == 4
    assert cuts.used == (1 if COMPILED else 0)


@pytest.mark.parametrize("order", "<>")
def test_interfaces_in_the_middle_of_a_pcapng_file(place: Path, order: str) -> None:
    """What is described after the first frame is known to those that read from the front only."""
    packet = ip4(tcp(b"x"))
    one, other = (enhanced(10**6 * second, packet, interface_id=second // 5, order=order) for second in (3, 7))
    later = interface(RAW, tsresol=9, order=order)
    head = section(order) + interface(RAW, order=order)
    for octets, used in (
        (head + one * 8, 2),
        (head + one * 4 + later + (one + other) * 4, 1),
        (head + one * 4 + section(order) + interface(RAW, order=order) + one * 4, 1),
        (head + one * 4 + statistics(0, ifdrop=3, order=order) + one * 4 + statistics(0, ifdrop=5, order=order), 1),
        (head + one * 8 + statistics(0, end=10**9, ifdrop=5, order=order), 2),
        (head + statistics(0, ifdrop=3, order=order) + one * 8 + statistics(0, ifdrop=5, order=order), 0),
    ):
        place.write_bytes(octets)
        with Cuts(len(octets) - 3 * len(one) - (len(octets) - len(head)) % len(one)) as cuts:
            same(place, jobs=2)
        assert cuts.used == (used if COMPILED else 0)


@pytest.mark.parametrize(
    "window",
    [
        Window(since_start=SECOND, until_start=30 * SECOND),
        Window(until_start=10 * SECOND),
        Window(ports=(443,)),
        Window(hosts=(ip_network("10.0.0.0/8"),)),
    ],
)
def test_windows(window: Window) -> None:
    for jobs in (2, 5):
        same(HANDSHAKES, window, jobs)


@pytest.mark.parametrize("most", [1, 3, 10])
def test_more_connections_than_are_tracked(most: int) -> None:
    path = str(TESTS / "lab/clean_many_interleaved.pcap")
    whole = stretch.summarise(path)
    found = side_by_side.summarise(path, max_tracked=most, jobs=3)
    assert rows_of(found) == rows_of(whole)
    assert isinstance(found.openings, Spilled)
    assert found.facts.set_aside >= 200


def test_what_a_pipe_or_a_limit_says_is_read_from_front_to_back() -> None:
    with Cuts() as cuts:
        side_by_side.summarise(str(HANDSHAKES), max_bytes=10**6, jobs=3)
        side_by_side.summarise(str(HANDSHAKES), decoder="dpkt", jobs=3)
        side_by_side.summarise(str(TESTS / "there_is_none.pcap"), jobs=3)
    assert cuts.used == 0


def test_interrupted_the_good_prefix_is_there() -> None:
    """What is given is what the frames in front give, as many as were read without a gap."""
    octets = HANDSHAKES.read_bytes()
    starts = starts_of_records(octets)
    for told in range(12):
        summary = side_by_side.summarise(str(HANDSHAKES), progress=after(told), jobs=4)
        if not summary.facts.interrupted:
            break
        assert_prefix(summary, octets[: starts[summary.facts.frames]])
    assert told > 0


def after(times: int) -> Callable[[int], None]:
    """A ``progress`` that is told so often before it interrupts."""
    told = iter(range(times))

    def progress(octets: int) -> None:
        if next(told, None) is None:
            raise KeyboardInterrupt

    return progress


def assert_prefix(summary: Summary, octets: bytes) -> None:
    import io

    with open_capture("-", io.BytesIO(octets)) as capture:
        whole = stretch._read(capture, stretch.reading("auto", capture, EVERYTHING, MAX_TRACKED), stretch.untold)
    assert rows_of(summary) == rows_of(whole)
    assert (summary.facts.segments, summary.facts.octets) == (whole.facts.segments, whole.facts.octets)


def test_files_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of several files is read by as many threads as there are for it, by one at least."""
    given: list[int] = []

    def summarise(path: str, window: Window, *, jobs: int, **options: object) -> Summary:
        given.append(jobs)
        return stretch.summarise(path, window)

    monkeypatch.setattr("pcapcheck.run.summarise", summarise)
    paths = [str(path) for path in CAPTURES[:3]]
    for count, jobs, expected in ((1, 4, 4), (2, 4, 2), (3, 4, 1), (3, 1, 1)):
        given.clear()
        pcapcheck.check(paths[:count], jobs=jobs, sequence=False)
        assert given == [expected] * count
