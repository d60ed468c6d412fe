"""The command line: what it prints (golden files), how it exits, what it refuses.

Golden files: ``python -m pytest --update-golden tests/test_cli.py``, then read the difference.
"""

from __future__ import annotations

import gzip
import json
import lzma
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import pcapcheck
from pcapcheck.cli import main
from pcapcheck.decode.compiled import COMPILED
from pcapcheck.testing import parse_exchange

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "sample_captures"
GOLDEN = Path(__file__).parent / "golden"

HANDSHAKES = "sample_captures/handshakes.pcap"
IPV6 = "sample_captures/ipv6.pcap"
CLEAN = "sample_captures/close_four_way.pcap"
REFUSED = "sample_captures/real_refused_v4.pcap"

# Name of the golden file, exit code, arguments. Rules are chosen so that the files do not change with every new one.
PRINTED = [
    ("check_handshakes", 1, ["check", HANDSHAKES, "--select", "HS02,HS03,OC"]),
    ("check_quiet", 1, ["check", HANDSHAKES, "--quiet", "--select", "HS02,HS03,OC"]),
    ("check_verbose", 0, ["check", IPV6, "--verbose", "--select", "ST06,OC"]),
    ("check_clean", 0, ["check", CLEAN, "--select", "HS02,OC"]),
    ("check_undecided", 0, ["check", "sample_captures/one_sided.pcap", "--select", "HS02,OC"]),
    ("check_jsonl", 0, ["check", IPV6, "--format", "jsonl", "--select", "OC"]),
    ("check_csv", 0, ["check", IPV6, "--format", "csv", "--select", "OC"]),
    ("rtt", 0, ["rtt", HANDSHAKES]),
    ("rtt_by_server", 0, ["rtt", HANDSHAKES, IPV6, "--by", "server"]),
    ("info", 0, ["info", HANDSHAKES, IPV6]),
    ("info_json", 0, ["info", IPV6, "--format", "json"]),
    ("explain", 0, ["explain", "HS02"]),
]


@pytest.fixture(autouse=True)
def in_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for name in ("FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(("name", "code", "arguments"), PRINTED, ids=[name for name, _, _ in PRINTED])
def test_printed(
    name: str, code: int, arguments: list[str], request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == code
    printed = capsys.readouterr()
    golden = GOLDEN / f"cli_{name}.txt"
    if request.config.getoption("--update-golden"):
        golden.write_text(printed.out, encoding="utf-8")
    assert printed.out == golden.read_text(encoding="utf-8")
    assert printed.err == ""


def test_tables_of_the_summary_fit_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    main(["check", "sample_captures", "--quiet"])
    main(["rtt", "sample_captures", "--by", "server"])
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ([CLEAN], 0),
        ([HANDSHAKES], 1),
        ([HANDSHAKES, "--exit-zero"], 0),
        ([HANDSHAKES, "--fail-on", "never"], 0),
        ([HANDSHAKES, "--ignore", "HS"], 0),
        ([REFUSED, "--select", "OC"], 0),
        ([REFUSED, "--select", "OC", "--fail-on", "warning"], 1),
        ([REFUSED, "--select", "OC", "--fail-on", "note"], 1),
        ([REFUSED, "--select", "HS", "--fail-on", "info"], 0),
        ([CLEAN, "--select", "ST06", "--fail-on", "note"], 0),
        ([CLEAN, "--select", "ST06", "--fail-on", "info"], 1),
        ([CLEAN, "tests/test_cli.py"], 2),
        ([CLEAN, "tests/test_cli.py", "--exit-zero"], 2),
        ([HANDSHAKES, "missing.pcap"], 2),
        (["missing.pcap"], 2),
    ],
)
def test_exit_code(arguments: list[str], code: int) -> None:
    assert main(["check", *arguments]) == code


def test_the_good_one_beside_a_bad_one_is_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "bad.bin"
    bad.write_text("hello\n")
    assert main(["check", IPV6, str(bad), "--format", "jsonl"]) == 2
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == 3
    assert printed.err.startswith(
        f"pcapcheck: {bad}: at byte 0: needed a pcap, pcapng or snoop capture, found a text file"
    )
    assert len(printed.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "words"), [(b"", "an empty file"), (b"plain text\n", "a text file")], ids=["empty", "text"]
)
def test_what_is_no_capture_gets_one_line(
    content: bytes, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.pcap"
    path.write_bytes(content)
    assert main(["check", str(path)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1
    assert words in printed.err


def test_a_folder_without_captures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.txt").write_text("nothing\n")
    assert main(["check", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"pcapcheck: no capture in {tmp_path}, only other files (1)\n"


def test_other_files_in_a_folder_are_only_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.txt").write_text("nothing\n")
    shutil.copy(SAMPLES / "close_four_way.pcap", tmp_path)
    assert main(["check", str(tmp_path), "--select", "OC"]) == 0
    assert "\n1 file is no capture\n" in capsys.readouterr().out


def test_no_tcp(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "header_only.pcap"
    path.write_bytes((SAMPLES / "ipv6.pcap").read_bytes()[:24])
    assert main(["check", str(path), "--select", "HS02"]) == 0
    assert capsys.readouterr().out == "No TCP in this capture.\n1 capture, 0 frames, 0 TCP segments\n\nNo findings.\n"
    assert main(["check", str(path), "--format", "jsonl"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["check", str(path), "--format", "csv"]) == 0
    assert capsys.readouterr().out.startswith("handshake_id,capture,client_ip,")
    assert main(["rtt", str(path)]) == 0
    assert capsys.readouterr().out == "No round-trip time was measured.\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["check", IPV6, "--select", "XX"], "no rule is called 'XX'"),
        (["check", IPV6, "--host", "example.com"], "--host example.com: neither an address nor a network"),
        (["check", IPV6, "--port", "https"], "--port https: a port is a number"),
        (["check", IPV6, "--since", "yesterday"], "'yesterday' is no time"),
        (["check", IPV6, "--since", "+2s", "--until", "+1s"], "--until +1s is before --since +2s"),
        (["check", IPV6, "--max-bytes", "10 MB"], "'10 MB' is no number of octets: write 1000000, 500k, 10M or 2G"),
        (["check", IPV6, "--output", "xml:x.xml"], "--output xml:x.xml: write FORMAT:FILE"),
        (["check", IPV6, "-o", "csv:-"], "for standard output there is --format csv"),
        (["check", IPV6, "-o", f"csv:{IPV6}"], f"{IPV6} is an input: it is not overwritten"),
        (["check", IPV6, "-o", f"csv:{CLEAN}"], f"{CLEAN} is a capture: it is not overwritten"),
        (["check", IPV6, "-o", "csv:tests"], "cannot write tests: it is a folder"),
        (["check", IPV6, "-o", "csv:missing/x.csv"], "cannot write missing/x.csv: No such file or directory"),
        (["explain", "HS2"], "no rule or diagnosis is called 'HS2': did you mean HS02?"),
        (["explain", "synack-acks-wrong-numbr"], "did you mean synack-acks-wrong-number?"),
        (["show", IPV6], "show needs --handshake N or --frame N"),
        (["show", IPV6, "--handshake", "4"], f"there is no handshake 4: {IPV6} has 3"),
        (["show", IPV6, "--frame", "99"], f"there is no frame 99: {IPV6} has 10"),
        (["show", "sample_captures", "--frame", "1"], "a frame number needs its file"),
        (["rtt", IPV6, "-o", "rtt.gif"], "--output rtt.gif: a chart is an .svg, .png or .pdf file"),
    ],
)
def test_usage_error(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("pcapcheck: ")
    assert message in printed.err
    assert len(printed.err.splitlines()) == 1


@pytest.mark.parametrize("arguments", [["check", "--no-such-option", IPV6], ["check"], ["no-such-command"]])
def test_wrong_option(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "Error: " in printed.err


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", option]) == 0
    words = capsys.readouterr().out
    assert "Verify every handshake." in words
    for name in ("format", "output", "fail-on", "exit-zero", "select", "ignore", "since", "until", "host", "port"):
        assert f"--{name}" in words


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert re.fullmatch(
        r"pcapcheck \S+ \(Python 3\.\d+\.\d+, dpkt 1\.9\.8, numpy \S+, (not )?compiled\)\n", capsys.readouterr().out
    )


def test_rules_lists_every_rule_and_diagnosis(capsys: pytest.CaptureFixture[str]) -> None:
    from pcapcheck.diagnoses import DIAGNOSES
    from pcapcheck.expect.catalogue import EXPECTATIONS
    from pcapcheck.rules import RULES

    assert main(["rules"]) == 0
    lines = capsys.readouterr().out.splitlines()
    listed = [*dict(sorted({**RULES, **EXPECTATIONS}.items())).values(), *DIAGNOSES.values()]
    assert [line.split()[0] for line in lines] == [one.id for one in listed]
    assert all(one.slug in line and one.title in line for one, line in zip(listed, lines, strict=True))


def test_every_rule_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    from pcapcheck.rules import RULES

    for rule in RULES.values():
        assert main(["explain", rule.slug]) == 0
        words = capsys.readouterr().out
        for part in (rule.id, rule.slug, rule.severity, "What it means", "What to look at next", "tcp.seq_raw"):
            assert part in words
        assert rule.fires.strip().splitlines()[-1].strip() in words


@pytest.mark.parametrize("name", ["D04", "accept-queue-full", "d04"])
def test_a_diagnosis_is_explained(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", name]) == 0
    words = capsys.readouterr().out
    for part in (
        "D04 accept-queue-full (a diagnosis)",
        "What else it could be",
        "How to decide",
        "Rivals     ack-lost",
    ):
        assert part in words


def test_an_example_of_many_flows_is_shortened(capsys: pytest.CaptureFixture[str]) -> None:
    from pcapcheck.diagnoses import DIAGNOSES

    assert main(["explain", "syn-flood"]) == 0
    words = capsys.readouterr().out
    assert len(words.splitlines()) < 140 < len(DIAGNOSES["D12"].fires.splitlines())
    assert "lines more of this kind" in words
    assert "flow 0\n" in words
    assert "flow late\n" in words


def test_outputs_are_those_of_the_formats(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    targets = {name: tmp_path / f"out.{name}" for name in ("text", "jsonl", "csv")}
    options = [option for name, path in targets.items() for option in ("-o", f"{name}:{path}")]
    assert main(["check", HANDSHAKES, "--exit-zero", *options]) == 0
    assert targets["text"].read_text() == capsys.readouterr().out
    for name in ("jsonl", "csv"):
        assert main(["check", HANDSHAKES, "--exit-zero", "--format", name]) == 0
        assert targets[name].read_text() == capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.csv", "out.jsonl", "out.text"]


def test_an_output_replaces_the_file_and_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("old")
    path.chmod(0o640)
    link = tmp_path / "link.csv"
    link.symlink_to(path)
    assert main(["check", CLEAN, "-o", f"csv:{link}"]) == 0
    assert path.read_text().startswith("handshake_id,")
    assert path.stat().st_mode & 0o777 == 0o640
    assert link.is_symlink()


def test_every_format_has_its_name_on_the_command_line() -> None:
    from pcapcheck.cli.options import Format
    from pcapcheck.report.formats import FORMATS

    assert [name.value for name in Format] == list(FORMATS)


def test_window_options(capsys: pytest.CaptureFixture[str]) -> None:
    def ports(*options: str) -> list[int]:
        assert main(["check", IPV6, "--format", "jsonl", *options]) == 0
        return [json.loads(line)["client_port"] for line in capsys.readouterr().out.splitlines()]

    assert ports() == [49152, 49153, 49154]
    assert ports("--port", "8443") == [49153]
    assert ports("--port", "8443,49154") == [49153, 49154]
    assert ports("--host", "2001:db8:1::99") == [49154]
    assert ports("--host", "2001:db8:1::/64") == [49152, 49153, 49154]
    assert ports("--host", "192.0.2.0/24") == []
    assert ports("--since", "+250ms") == [49153, 49154]
    assert ports("--until", "+0.1s") == [49152]
    assert ports("--since", "2026-01-01T00:00:00.25Z", "--until", "2026-01-01T01:00:00.4+01:00") == [49153]
    assert ports("--since", "1767225600.5") == [49154]


def test_show_by_handshake_and_by_frame(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", IPV6, "--handshake", "2"]) == 0
    by_id = capsys.readouterr().out
    assert "8443" in by_id
    for frame in ("7", "8"):
        assert main(["show", IPV6, "--frame", frame]) == 0
        assert capsys.readouterr().out == by_id


def test_show_finds_a_frame_that_was_folded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Most data segments are only counted: the frame is looked up in the capture again."""
    path = tmp_path / "data.pcap"
    data = "\n".join(f"+.1 > P. {1 + 10 * number}(10) ack 1" for number in range(20))
    parse_exchange(f"""
        flow one
        +0   > S  0 win 64240
        +.02 < S. 0 ack 1 win 65160
        +0   > .  1 ack 1
        {data}
        flow other
        client 192.0.2.1:49153
        +1   > S  0 win 64240
    """).write_pcap(path)
    kept = set(pcapcheck.check(path).traffics[0].rows["frame"].tolist())
    assert 15 not in kept
    assert main(["show", str(path), "--frame", "15"]) == 0
    assert capsys.readouterr().out.startswith("handshake 1: established")


def test_chart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "rtt.svg"
    assert main(["rtt", IPV6, "-o", str(path)]) == 0
    assert path.read_text(encoding="utf-8").startswith("<?xml")
    assert capsys.readouterr().out.startswith("Round-trip times, ms")


def test_a_hostile_file_name_cannot_steer_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a\x1b[31m\u202eb\n\x9b.pcap"
    shutil.copy(SAMPLES / "handshakes.pcap", path)
    missing = f"{path}.missing"
    assert main(["check", str(path), missing]) == 2
    printed = capsys.readouterr()
    assert "a\\x1b[31m\\u202eb\\n\\x9b.pcap:frame 56: error HS02" in printed.out
    for text in (printed.out, printed.err):
        assert text
        assert not set(text) & {"\x1b", "\u202e", "\x9b"}
    assert len(printed.err.splitlines()) == 1


def test_colour_only_where_it_is_wanted(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    main(["check", HANDSHAKES])
    plain = capsys.readouterr().out
    monkeypatch.setenv("FORCE_COLOR", "1")
    main(["check", HANDSHAKES])
    coloured = capsys.readouterr().out
    assert "\x1b" not in plain
    assert "\x1b[1;31merror\x1b[0m" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain


def run(*arguments: str, stdin: bytes = b"", **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, *arguments],
        input=stdin,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        check=False,
    )


@pytest.mark.parametrize("squeeze", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_standard_input(squeeze: type[bytes], capsys: pytest.CaptureFixture[str]) -> None:
    done = run("-m", "pcapcheck", "check", "-", "--format", "csv", stdin=squeeze((SAMPLES / "ipv6.pcap").read_bytes()))
    assert main(["check", IPV6, "--format", "csv"]) == 0
    assert done.returncode == 0, done.stderr
    # A cell that begins with a sign would be a formula.
    assert done.stdout.decode().replace("'-", IPV6) == capsys.readouterr().out


def imported(*arguments: str) -> set[str]:
    """The modules that a run of the command has imported."""
    code = (
        "import sys; before = set(sys.modules); from pcapcheck.cli import main; main(sys.argv[1:]); "
        "print(*set(sys.modules) - before, file=sys.stderr)"
    )
    done = run("-c", code, *arguments)
    assert done.stdout
    return set(done.stderr.decode().split())


@pytest.mark.parametrize("format", ["text", "jsonl"])
def test_check_imports_nothing_slow(format: str) -> None:
    modules = imported("check", HANDSHAKES, "--format", format)
    assert not {"pandas", "matplotlib", "rich", "IPython", "pydantic"} & modules


def test_a_summary_imports_only_what_it_needs() -> None:
    """It is of one file without an odd frame, and names no address."""
    modules = imported("check", "-q", CLEAN)
    assert {"numpy", "pcapcheck.cli.check"} <= modules
    assert not {"decimal", "pcapcheck.taps", "pcapcheck.cli.report"} & modules
    assert {"dpkt.ip", "socket"} & modules == (set() if COMPILED else {"dpkt.ip", "socket"})


def test_help_imports_no_numpy() -> None:
    assert "numpy" not in imported("--help")


def test_a_reader_that_goes_away_is_no_error() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "pcapcheck", "check", HANDSHAKES, "--format", "jsonl"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1  # what was found, as ever


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_a_full_disk_is_told() -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "pcapcheck", "check", CLEAN],
            stdout=full,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr == b"pcapcheck: output: No space left on device\n"


def test_interrupted_prints_what_was_read(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from pcapcheck import reading

    decode, seen = reading.decode, []

    def interrupted(link_type: int, data: bytes, original_length: int) -> object:
        seen.append(data)
        if len(seen) == 8:
            raise KeyboardInterrupt
        return decode(link_type, data, original_length)

    monkeypatch.setattr(reading, "decode", interrupted)
    assert main(["check", IPV6, "--select", "HS02", "--decoder", "dpkt"]) == 130
    printed = capsys.readouterr()
    assert printed.out.startswith("PARTIAL: interrupted; what was read by then is judged.\n2 handshakes: 1 established")
    assert printed.err == "pcapcheck: interrupted: what was read by then is judged\n"


def test_max_bytes_judges_what_lies_before(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.pcap.xz"
    path.write_bytes(lzma.compress((SAMPLES / "ipv6.pcap").read_bytes()))
    assert main(["check", str(path), "--max-bytes", "0.5k", "--select", "CAP01"]) == 0
    printed = capsys.readouterr().out
    assert (
        "CAP01 the capture ends inside a record: needed the rest of the capture, found the limit --max-bytes 500"
        in printed
    )
    assert main(["check", str(path), "--max-bytes", "1G", "--select", "CAP"]) == 0
    assert "No findings." in capsys.readouterr().out


def test_the_same_input_gives_the_same_bytes() -> None:
    printed = {
        run("-m", "pcapcheck", "check", "sample_captures", PYTHONHASHSEED=seed, COLUMNS=columns).stdout
        for seed, columns in (("0", "80"), ("1", "33"))
    }
    assert len(printed) == 1


def test_a_large_capture_without_the_compiled_modules_is_told_why_it_takes_long(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from pcapcheck.cli import running
    from pcapcheck.decode import compiled

    said = "pcapcheck: installed without its compiled modules"
    monkeypatch.setattr(compiled, "COMPILED", False)
    main(["check", IPV6])
    assert said not in capsys.readouterr().err
    monkeypatch.setattr(running, "_LARGE", 100)
    main(["check", IPV6])
    assert capsys.readouterr().err.startswith(said)
    monkeypatch.setattr(compiled, "COMPILED", True)
    main(["check", IPV6])
    assert capsys.readouterr().err == ""
