"""Files appear whole or not at all, whatever fails; no link of somebody else's is followed."""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Final

import pytest

import pcapcheck
from pcapcheck.errors import PcapcheckError, UsageError
from pcapcheck.report import output
from pcapcheck.report.formats import FORMATS
from pcapcheck.report.output import Output, may_follow, refuse_inputs, replacing, write_file

SAMPLES: Final = Path(__file__).parents[2] / "sample_captures"


@pytest.fixture(scope="module")
def report() -> pcapcheck.Report:
    return pcapcheck.check([SAMPLES / "handshakes.pcap", SAMPLES / "ipv6.pcap"])


class Failing(io.FileIO):
    """A file on which the n-th write fails; -1 counts only."""

    def __init__(self, path: str, fails_at: int, code: int) -> None:
        super().__init__(path, "w")
        self.fails_at, self.code, self.writes = fails_at, code, 0

    def write(self, octets: Any) -> int:
        if self.writes == self.fails_at:
            raise OSError(self.code, os.strerror(self.code))
        self.writes += 1
        return super().write(bytes(octets)[:700])  # a short write, which the caller has to go on with


def opening(files: list[Failing], fails_at: int, code: int) -> Callable[..., IO[str]]:
    def open_(path: str, mode: str, **options: Any) -> IO[str]:
        assert mode == "w"
        files.append(Failing(path, fails_at, code))
        return io.TextIOWrapper(io.BufferedWriter(files[-1], 1000), **options)

    return open_


@pytest.mark.parametrize("format", [format for format in FORMATS if format != "parquet"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_an_error_at_any_write_leaves_what_was_there(
    format: str, code: int, report: pcapcheck.Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out"
    files: list[Failing] = []
    monkeypatch.setattr(output, "open", opening(files, -1, code), raising=False)
    write_file(report, Output(format, str(path)))
    whole, writes = path.read_bytes(), files[-1].writes
    assert writes > 2
    for before in (None, b"old"):
        for fails_at in range(writes):
            path.unlink(missing_ok=True)
            if before:
                path.write_bytes(before)
            monkeypatch.setattr(output, "open", opening(files, fails_at, code), raising=False)
            with pytest.raises(PcapcheckError, match=f"^cannot write {path}: {os.strerror(code)}$"):
                write_file(report, Output(format, str(path)))
            assert [file.read_bytes() for file in tmp_path.iterdir()] == ([before] if before else [])
    monkeypatch.undo()
    write_file(report, Output(format, str(path)))
    assert path.read_bytes() == whole


@pytest.mark.parametrize("name", ["fsync", "replace"])
def test_an_error_after_the_last_write_too(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*arguments: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(output.os, name, fails)
    path = tmp_path / "out"
    path.write_text("old")
    with pytest.raises(PcapcheckError, match="cannot write"), replacing(str(path)) as unfinished:
        Path(unfinished).write_text("new")
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("out", "old")]


def write_half(path: Path, error: BaseException) -> None:
    with replacing(str(path)) as unfinished:
        Path(unfinished).write_text("half")
        raise error


def test_any_other_error_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_text("old")
    for error in (KeyboardInterrupt, ValueError):
        with pytest.raises(error):
            write_half(path, error())
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("out", "old")]


def test_a_new_file_has_the_usual_rights_and_an_old_one_keeps_its_own(tmp_path: Path) -> None:
    old_mask = os.umask(0o027)
    try:
        for _ in range(2):
            with replacing(str(tmp_path / "out")) as unfinished:
                assert Path(unfinished).parent == tmp_path  # the same file system: renaming is one step
                assert Path(unfinished).name.startswith(".out.")
            assert stat.S_IMODE((tmp_path / "out").stat().st_mode) in (0o640, 0o604)
            (tmp_path / "out").chmod(0o604)
    finally:
        os.umask(old_mask)


def test_a_name_beside_the_target_that_is_taken_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is a link followed that stands there."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / ".out.1.csv").symlink_to(victim)
    names = iter(["1", "2"])
    monkeypatch.setattr(output, "_unused", lambda: next(names))
    with replacing(str(tmp_path / "out.csv")) as unfinished:
        assert Path(unfinished).name == ".out.2.csv"
    assert victim.read_text() == "precious"


def test_an_own_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "out").symlink_to("there/real")
    for text in ("first", "second"):
        with replacing(str(tmp_path / "out")) as unfinished:
            Path(unfinished).write_text(text)
        assert (tmp_path / "there" / "real").read_text() == text
    assert (tmp_path / "out").is_symlink()


def status(mode: int, owner: int) -> os.stat_result:
    return os.stat_result((mode, 0, 0, 0, owner, 0, 0, 0, 0, 0))


@pytest.mark.parametrize(
    ("folder_mode", "folder_owner", "link_owner", "followed"),
    [(0o1777, 0, 7, False), (0o1777, 0, 99, True), (0o1777, 7, 7, True), (0o0777, 0, 7, True), (0o1755, 0, 7, True)],
)
def test_whose_links_are_followed(folder_mode: int, folder_owner: int, link_owner: int, followed: bool) -> None:
    assert may_follow(status(0o777, link_owner), status(folder_mode, folder_owner), user=99) is followed


def test_another_users_link_in_a_folder_open_to_all_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = tmp_path / "victim"
    (tmp_path / "out").symlink_to(victim)
    monkeypatch.setattr(output, "may_follow", lambda link, folder, user: False)
    with pytest.raises(PcapcheckError, match="another user's link"), replacing(str(tmp_path / "out")):
        pass
    assert not victim.exists()


@pytest.mark.parametrize(
    "name", ["x" * 255, "x" * 200 + "." + "y" * 54, ".hidden", "a.b.c", "\udcff.csv", "\u6f22" * 80]
)
def test_any_possible_name_will_do(name: str, tmp_path: Path) -> None:
    with replacing(str(tmp_path / name)) as unfinished:
        Path(unfinished).write_text("x")
    assert [file.name for file in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_no_input_is_overwritten_by_any_of_its_names(
    link: Callable[[str, str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.pcap").write_bytes((SAMPLES / "ipv6.pcap").read_bytes())
    link(str(tmp_path / "in" / "a.pcap"), str(tmp_path / "other"))
    monkeypatch.chdir(tmp_path)
    for path in ("in/a.pcap", "in/../in/a.pcap", "other"):
        with pytest.raises(UsageError, match="is not overwritten"):
            refuse_inputs(path, ["in/a.pcap"])
        with pytest.raises(UsageError, match="is not overwritten"):
            refuse_inputs(path, ["in"])
