"""A short run of the fuzzer, and that it sees what it looks for. (Longer ones: README.md here.)"""

from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path

import pytest

from pcapcheck.capture import open_capture
from pcapcheck.reading import Tally
from tests.fuzz import mutational
from tests.fuzz.mutational import Fuzzer, main
from tests.fuzz.seeds import frames, seeds


@pytest.fixture(autouse=True)
def old_handler() -> object:
    before = signal.getsignal(signal.SIGPROF)
    yield
    signal.signal(signal.SIGPROF, before)


def test_a_short_run_finds_nothing(tmp_path: Path) -> None:
    signal.signal(signal.SIGPROF, mutational.hang)
    fuzzer = Fuzzer("short", tmp_path)
    for number in range(5):
        fuzzer.batch(number, 100)
    assert fuzzer.finds == {}
    assert fuzzer.executions.total() > 20_000
    assert fuzzer.executions["check"] > 0


def test_the_same_batch_is_the_same_inputs(tmp_path: Path) -> None:
    runs = []
    for _ in range(2):
        inputs: list[bytes] = []
        fuzzer = Fuzzer("seed", tmp_path)
        fuzzer.read = inputs.append  # type: ignore[method-assign]
        fuzzer.batch(3, 50)
        runs.append(inputs)
    assert runs[0] == runs[1]
    assert len(set(runs[0])) > 90


def test_an_exception_of_the_reader_is_a_find(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object) -> None:
        raise IndexError

    monkeypatch.setattr(mutational, "open_capture", broken)
    assert main(["--executions", "100", "--finds", str(tmp_path)]) == 1
    assert len([path for path in tmp_path.iterdir() if path.name != "last"]) == 1  # the same place is one find


def test_decoders_that_differ_are_a_find(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Lossy(mutational.CompiledReading):
        def tally(self) -> Tally:
            return replace(super().tally(), segments=0)

    monkeypatch.setattr(mutational, "CompiledReading", Lossy)
    assert main(["--executions", "100", "--finds", str(tmp_path)]) == 1
    (find,) = (path for path in tmp_path.iterdir() if path.name != "last")
    with open_capture(str(find)) as capture:
        assert len(list(capture)) > 0


def test_a_loop_is_a_find(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(*arguments: object) -> None:
        while True:
            pass

    monkeypatch.setattr(mutational, "SECONDS_A_MEGABYTE", 0.02)
    monkeypatch.setattr(mutational, "open_capture", endless)
    fuzzer = Fuzzer("seed", tmp_path)
    signal.signal(signal.SIGPROF, mutational.hang)
    fuzzer.batch(0, 2)
    assert next(iter(fuzzer.finds)).startswith("Hang in test_fuzz.py")


def test_the_seeds_are_of_every_container() -> None:
    names = {seed.name for seed in seeds()}
    assert {"pcap<", "pcap-ns>", "pcap-modified<", "pcapng<", "pcapng>", "snoop", "gzip", "bzip2", "xz"} <= names
    assert len(names) > 150
    assert len(frames()) > 500
    for seed in seeds():
        assert all(0 <= at < len(seed.octets) for at, _ in seed.fields), seed.name
