"""Opening: what a file is that is no capture, what cannot be read, and which files a folder holds."""

from __future__ import annotations

import errno
import gzip
import io
import os
import struct

import pytest

from pcapcheck.capture import find_captures, open_capture
from pcapcheck.capture.frame import Damage
from pcapcheck.errors import CaptureError, UnrecognisedFormat
from tests.capture.build_captures import Pipe, pcap_header, pcap_record, read, section

ERF = bytes(4) + (1_700_000_000).to_bytes(4, "little") + bytes([2, 4, 0, 80, 0, 0, 0, 60]) + bytes(64)
PCAP = pcap_header() + pcap_record(1, 0, b"x")

NO_CAPTURES = [
    (b"", "an empty file; nothing was captured, or the copy failed"),
    (b"hello, world\n", "a text file; if it is a hex dump, convert it with text2pcap"),
    ("grüße ".encode() * 100 + b"\xc3", "a text file"),
    ("grüße\n".encode("utf-16"), "a text file"),
    (b"\n\n", "a text file"),
    (b"  <!DOCTYPE html><title>404</title>", "an HTML page; the download was answered by a web page"),
    (b"<?xml version='1.0'?>\n<html xmlns=''>", "an HTML page"),
    (b"<?xml version='1.0'?>\n<pdml version='0'>", "tshark's XML (PDML or PSML); name the capture"),
    (b"<?xml version='1.0'?><a/>", "an XML file"),
    (b'[\n {"_index": "packets"}]', "a JSON file"),
    (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "a Git LFS pointer; run git lfs pull"),
    (ERF, "an ERF capture; convert it with editcap -F pcapng in out"),
    (bytes(8) + bytes.fromhex("9b04008000000068") + bytes(64), "an ERF capture"),
    (b"btsnoop\0\0\0\0\1", "a btsnoop (Bluetooth) capture; convert it with editcap -F pcapng in out"),
    (b"GMBU\0\2", "a Network Monitor 2 capture; convert it with editcap -F pcapng in out"),
    (b"RTSS\1\1", "a Network Monitor 1 capture; convert it with editcap -F pcapng in out"),
    (b"TRSNIFF data    \x1a", "a Sniffer capture; convert it with editcap -F pcapng in out"),
    (b"XCP\0002.002", "a Windows Sniffer (NetXRay) capture; convert it with editcap -F pcapng in out"),
    (b"\0\0\2\0\x12\5\0\x10", "a Tektronix K12 capture; convert it with editcap -F pcapng in out"),
    (b"+---------+---------------+----------+\r\n10:00:00,000", "a K12 text capture; convert it with editcap"),
    (b" COMMUNICATIONS TRACE       Title: TRACE1", "an IBM i communications trace; convert it with editcap"),
    (" COMMUNICATIONS TRACE   Title: ".encode("utf-16"), "an IBM i communications trace; convert it with editcap"),
    (b"2026-01-02 10:00:00.000001 IP 192.0.2.1.1 > 192.0.2.2.80: Flags [S]", "what tcpdump printed; name the capture"),
    (b"10:00:00.000001 IP6 ::1.1 > ::1.80", "what tcpdump printed; name the capture itself (tcpdump -w)"),
    (struct.pack(">HHIII", 10, 40, 1_700_000_000, 0, 1) + bytes(24), "an IPFIX file; it holds flow records"),
    (b"PK\3\4\x14\0", "a ZIP archive; unpack it first"),
    (b"x" + bytes(256) + b"ustar\0" + bytes(250), "a tar archive; unpack it first"),
    (b"\x02\x21\x4c\x18", "an lz4 file of the old format; decompress it first with unlz4"),
    (b"%PDF-1.7", "a PDF document; name a pcap, pcapng or snoop file"),
    (b"\x7fELF\2\1\1", "an ELF program"),
    (bytes(600), "only zero octets; the copy failed, or the disk was full"),
    (
        bytes.fromhex("80ff000102030405 99"),
        "an unknown format (first octets 80 ff 00 01 02 03 04 05); if Wireshark opens",
    ),
]


@pytest.mark.parametrize(("octets", "what"), NO_CAPTURES, ids=[what[:24] for _, what in NO_CAPTURES])
def test_what_is_no_capture_is_named_with_what_to_do(octets, what):
    with pytest.raises(UnrecognisedFormat) as raised:
        read(octets, [7])
    assert str(raised.value).startswith(f"-: at byte 0: needed a pcap, pcapng or snoop capture, found {what}")


def test_the_error_holds_the_path_as_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes").write_text("hello")
    with pytest.raises(UnrecognisedFormat) as raised:
        open_capture("./notes")
    assert raised.value.path == "./notes"


def test_a_file_gives_its_size_and_is_closed_at_the_end(tmp_path):
    path = tmp_path / "x.pcap"
    path.write_bytes(PCAP)
    with open_capture(str(path)) as capture:
        assert (capture.size, capture.bytes_read) == (len(PCAP), len(PCAP))
        assert len(list(capture)) == 1


def test_standard_input_may_be_buffered_a_file_or_memory_and_stays_open(tmp_path):
    path = tmp_path / "x.pcap"
    path.write_bytes(PCAP)
    with path.open("rb") as file, io.BufferedReader(Pipe(PCAP, [3])) as buffered, io.BytesIO(PCAP) as memory:
        for stdin, size in ((file, len(PCAP)), (buffered, None), (memory, None)):
            with open_capture("-", stdin) as capture:
                assert len(list(capture)) == 1
            assert capture.size == size
            assert not stdin.closed


def test_no_standard_input_is_an_error():
    with pytest.raises(CaptureError, match="needed a standard input"):
        open_capture("-")


@pytest.mark.parametrize(
    ("name", "reason"), [("missing.pcap", "no such file or directory"), ("", "is a directory"), ("a\0b", "null byte")]
)
def test_what_cannot_be_opened_says_why(tmp_path, name, reason):
    with pytest.raises(CaptureError, match=reason) as raised:
        open_capture(f"{tmp_path}/{name}")
    assert not isinstance(raised.value, UnrecognisedFormat)


class Failing(Pipe):
    """A pipe that breaks with an error where it should end."""

    def readinto(self, buffer):
        count = super().readinto(buffer)
        if count == 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return count


@pytest.mark.parametrize("extra", [b"", b"half a record"])
def test_a_read_error_in_the_middle_is_damage_behind_the_good_prefix(extra):
    with open_capture("-", Failing(PCAP + extra)) as capture:
        assert len(list(capture)) == 1
    error = os.strerror(errno.EIO).lower()
    assert capture.damage == Damage("CAP01", len(PCAP), 1, "the rest of the file", f"a read error ({error})", True)


def test_a_read_error_inside_gzip_and_inside_the_file_header():
    with open_capture("-", Failing(gzip.compress(PCAP)[:-4])) as capture:
        assert len(list(capture)) == 1
    assert capture.damage is not None
    assert "a read error" in capture.damage.found
    for octets in (b"", PCAP[:2], PCAP[:10], gzip.compress(PCAP)[:12]):
        with pytest.raises(CaptureError, match="a read error"):
            open_capture("-", Failing(octets))


def test_an_input_that_would_block_is_not_taken_for_its_end():
    class Unready(Pipe):
        def readinto(self, buffer):
            return super().readinto(buffer) or None

    with open_capture("-", Unready(PCAP)) as capture:
        assert len(list(capture)) == 1
    assert capture.damage is not None
    assert "non-blocking" in capture.damage.found


@pytest.fixture
def folder(tmp_path, monkeypatch):
    files = {
        "in/b.pcap": PCAP,
        "in/a.txt": b"hello",
        "in/cut.bin": PCAP[:10],
        "in/z.gz": gzip.compress(PCAP),
        "in/notes.gz": gzip.compress(b"hello"),
        "in/c/d.pcapng": section(),
        "in/empty.pcap": b"",
        "in/.hidden.pcap": PCAP,
        "in/.git/e.pcap": PCAP,
        "other.txt": b"hello",
    }
    for name, octets in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_bytes(octets)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_folder_gives_its_captures_by_their_octets_in_the_order_of_names(folder):
    found = find_captures(["in"])
    assert found.inputs == ["in/b.pcap", "in/c/d.pcapng", "in/cut.bin", "in/z.gz"]
    assert found.ignored == ["in/a.txt", "in/empty.pcap", "in/notes.gz"]
    assert found.errors == []


def test_a_named_file_is_an_input_whatever_it_is_and_paths_stay_as_given(folder):
    found = find_captures(["other.txt", "in/", "-", "./in/.hidden.pcap"])
    assert found.inputs == [
        "other.txt", "in/b.pcap", "in/c/d.pcapng", "in/cut.bin", "in/z.gz", "-", "./in/.hidden.pcap",
    ]  # fmt: skip


def test_a_file_named_twice_is_read_once(folder):
    (folder / "in" / "link.pcap").symlink_to("b.pcap")
    found = find_captures(["in/z.gz", "-", "in", "./in/b.pcap", "-", "in/z.gz"])
    assert found.inputs == ["in/z.gz", "-", "in/b.pcap", "in/c/d.pcapng", "in/cut.bin"]


def test_a_named_file_is_an_input_even_if_a_folder_ignored_it_before(folder):
    found = find_captures(["in", "in/a.txt"])
    assert found.inputs[-1] == "in/a.txt"
    assert "in/a.txt" not in found.ignored


def test_what_is_not_there_is_an_error_and_the_rest_goes_on(folder):
    found = find_captures(["no", "in/b.pcap", "a\0b"])
    assert found.inputs == ["in/b.pcap"]
    assert [error.path for error in found.errors] == ["no", "a\0b"]
    assert "no such file or directory" in str(found.errors[0])


def test_pipes_broken_links_and_links_to_folders_in_a_folder_are_passed_by(folder):
    os.mkfifo(folder / "in" / "pipe.pcap")
    (folder / "in" / "broken.pcap").symlink_to("nowhere")
    (folder / "in" / "loop").symlink_to(".")
    assert find_captures(["in"]).inputs == ["in/b.pcap", "in/c/d.pcapng", "in/cut.bin", "in/z.gz"]
