"""Every read in turn fails or gives less than was asked for."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path
from typing import Any, Final

import pytest

from pcapcheck.capture import open_capture
from pcapcheck.errors import CaptureError
from pcapcheck.stretch import summarise
from tests.capture.build_captures import Pipe
from tests.failures.captures import CAPTURES, read
from tests.fuzz.seeds import generated

CONTAINERS: Final = [
    *generated(),
    *((path.name, path.read_bytes()) for path in CAPTURES if path.stem in ("handshakes", "ipv6", "vlan")),
]
EACH: Final = pytest.mark.parametrize(("name", "octets"), CONTAINERS, ids=[name for name, _ in CONTAINERS])
PIECE: Final = 97  # octets of a read: an odd number, so that reads end anywhere in a record


class Failing(Pipe):
    """Octets in pieces, and at the n-th read an error instead of one."""

    def __init__(self, octets: bytes, fails_at: int, code: int) -> None:
        super().__init__(octets, [PIECE])
        self.fails_at, self.code = fails_at, code

    def readinto(self, buffer: Any) -> int:
        if self._reads == self.fails_at:
            raise OSError(self.code, os.strerror(self.code))
        return super().readinto(buffer)


@EACH
@pytest.mark.parametrize("code", [errno.EIO, errno.ESTALE])
def test_an_error_at_each_read_is_damage_behind_the_frames_before_it(name: str, octets: bytes, code: int) -> None:
    whole, _ = read(octets)
    words, before = f"a read error ({os.strerror(code).lower()})", 0
    found: list[tuple[int, str]] = []
    reads = -(-len(octets) // PIECE) + 1  # the last one finds the end
    for fails_at in range(reads):
        try:
            with open_capture("-", Failing(octets, fails_at, code)) as capture:
                frames = list(capture)
        except CaptureError as error:
            found.append((fails_at, error.found))
            continue
        assert frames == whole[: len(frames)]
        assert len(frames) >= before
        before = len(frames)
        assert capture.damage is not None
        assert (capture.damage.rule, capture.damage.found) == ("CAP01", words)
    assert before == len(whole)
    # In the file header, or in the first block of a compression.
    assert found == [(number, words) for number in range(len(found))]
    assert 0 < len(found) < 12


@EACH
@pytest.mark.parametrize("sizes", [[1], [2, 1, 3], [5, 64, 1], [4095, 1]])
def test_short_reads_change_nothing(name: str, octets: bytes, sizes: list[int]) -> None:
    whole, all_of_it = read(octets)
    with open_capture("-", Pipe(octets, sizes)) as capture:
        assert list(capture) == whole
    assert capture.damage is None
    assert vars(all_of_it).keys() == vars(capture).keys()
    assert (capture.clocks, capture.link_types, capture.end_time_ns, capture.dropped) == (
        all_of_it.clocks, all_of_it.link_types, all_of_it.end_time_ns, all_of_it.dropped,
    )  # fmt: skip


def test_a_file_that_fails_while_it_is_read_is_judged_up_to_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    octets = next(path for path in CAPTURES if path.stem == "handshakes").read_bytes()
    real = io.open

    def failing(path: str, *arguments: Any, **options: Any) -> Any:
        return Failing(octets, 200, errno.EIO) if path == "on a bad disk" else real(path, *arguments, **options)

    monkeypatch.setattr("builtins.open", failing)
    summary = summarise("on a bad disk")
    assert summary.facts.damage is not None
    assert summary.facts.damage.found == "a read error (input/output error)"
    assert 0 < summary.facts.frames < 156
    assert 0 < summary.facts.segments < 155
