"""Captures on a web server: the same as on disk, whatever becomes of the connection."""

from __future__ import annotations

import gzip
import json
import pickle
import re
from pathlib import Path
from random import Random
from typing import Final

import pytest

import pcapcheck
from pcapcheck.capture import bodies, find_captures, open_capture, size_of
from pcapcheck.capture.address import Address, address
from pcapcheck.capture.frame import Frame
from pcapcheck.cli import main
from tests.capture.build_captures import pcap_file
from tests.failures.captures import read
from tests.remote.servers import Page, Site

SAMPLES: Final = Path(__file__).parents[2] / "sample_captures"
SAMPLE: Final = (SAMPLES / "handshakes.pcap").read_bytes()
TRIES: Final = 6


def large() -> bytes:
    """A capture of some megabytes, so that most of it is not yet on this side when a connection ends."""
    octets = bytes(range(256)) * 5
    return pcap_file([Frame(number, number * 1000, 1, len(octets), octets) for number in range(1, 2501)])


LARGE: Final = large()


def frames_of(url: str) -> list[Frame]:
    with open_capture(url) as capture:
        frames = list(capture)
    assert capture.damage is None
    return frames


@pytest.mark.parametrize("name", ["handshakes.pcap", "vlan.pcap", "snaplen_48.pcap"])
@pytest.mark.parametrize("format", ["json", "jsonl", "csv", "sarif", "junit"])
@pytest.mark.parametrize("packed", [False, True])
def test_the_result_is_that_of_the_file(
    name: str, format: str, packed: bool, site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    octets = (SAMPLES / name).read_bytes()
    octets = gzip.compress(octets) if packed else octets
    Path("here.pcap").write_bytes(octets)
    site.put("/here.pcap", octets)
    printed = []
    for path in ("here.pcap", f"{site.url}/here.pcap"):
        main(["check", path, "--format", format, "--with-handshakes"])
        printed.append(capsys.readouterr())
    assert printed[0].out
    # But for the name, what is reckoned from it (fingerprints), and in SARIF that it counts from a root.
    different = re.compile(rf'{site.url}/|(?<=": ")[0-9a-f]{{16,64}}|,\s*"uriBaseId": "%SRCROOT%"')
    here, there = (different.sub("", one.out) for one in printed)
    assert (there, printed[1].err) == (here, printed[0].err)


def test_it_is_read_in_one_answer(site: Site) -> None:
    url = site.put("/x.pcap", LARGE)
    assert len(frames_of(url)) == 2500
    assert site.asked == [("/x.pcap", "")]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("length", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_a_dropped_connection_is_taken_up(packed: bool, ranges: bool, length: bool, seed: int, site: Site) -> None:
    octets = gzip.compress(SAMPLE) if packed else SAMPLE
    drops = sorted(Random(seed).sample(range(len(octets)), 4))
    url = site.put("/x.pcap", octets, drops=list(drops), ranges=ranges, length=length)
    assert frames_of(url) == read(SAMPLE)[0]
    assert not site.pages["/x.pcap"].drops
    starts = site.starts()
    assert starts == sorted(starts)
    assert all(start <= dropped for start, dropped in zip(starts, drops, strict=False))
    assert len(starts) == len(drops) + 1


def test_it_is_taken_up_where_it_stopped(site: Site) -> None:
    url = site.put("/x.pcap", LARGE, drops=[1_000_000, 2_000_000, 3_000_000])
    assert frames_of(url) == read(LARGE)[0]
    starts = site.starts()
    assert starts[0] == 0
    # What had arrived and nobody had asked for yet is asked for again: less than a megabyte.
    assert all(0 <= dropped - start < 1_000_000 for start, dropped in zip(starts[1:], [1e6, 2e6, 3e6], strict=True))


def test_it_ends_exactly_where_the_connection_dropped(site: Site) -> None:
    """In an answer of unknown length only the server knows that nothing is missing: 416."""
    url = site.put("/x.pcap", SAMPLE, drops=[len(SAMPLE)], length=False)
    assert frames_of(url) == read(SAMPLE)[0]


def test_a_server_that_falls_silent(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "_SILENCE_S", 0.3)
    url = site.put("/x.pcap", SAMPLE, stalls=5000)
    assert frames_of(url) == read(SAMPLE)[0]
    assert len(site.asked) == 2


def test_it_is_given_up_after_six_tries(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    url = site.put("/x.pcap", SAMPLE, always_drops=5000)
    with open_capture(url) as capture:
        frames = list(capture)
    assert frames == read(SAMPLE[:5000])[0]
    assert capture.damage is not None
    assert capture.damage.rule == "CAP01"
    assert capture.damage.found.startswith("6 read errors in a row (")
    assert len(site.asked) == TRIES
    assert main(["check", url, "--format", "csv", "--fail-on", "warning"]) == 1


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ({"tag": '"one"'}, {"tag": '"two"'}),
        ({"tag": None}, {"tag": None, "octets": SAMPLE + b"more"}),
        ({"tag": None, "headers": {"Last-Modified": "old"}}, {"tag": None, "headers": {"Last-Modified": "new"}}),
        ({"tag": None}, {"tag": None, "octets": SAMPLE[:4000]}),
        ({"length": False, "tag": None}, {"tag": None, "octets": SAMPLE[:4000]}),
        ({"ranges": False}, {"ranges": False, "tag": '"two"'}),
    ],
)  # fmt: skip
def test_an_object_that_changed_meanwhile(first: dict[str, object], then: dict[str, object], site: Site) -> None:
    later = Page(**{"octets": SAMPLE, **then})  # type: ignore[arg-type]
    url = site.put("/x.pcap", SAMPLE, drops=[5000], then=later, **first)
    with open_capture(url) as capture:
        frames = list(capture)
    assert frames == read(SAMPLE)[0][: len(frames)]
    assert len(frames) == 14
    assert capture.damage is not None
    assert (capture.damage.rule, capture.damage.needed, capture.damage.found) == (
        "CAP01", "the rest of the file", "another file: it was changed while it was read",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("statuses", "words", "asked"),
    [
        ([403], "HTTP status 403 Forbidden", 1),
        ([401], "HTTP status 401 Unauthorized", 1),
        ([410], "HTTP status 410 Gone", 1),
        ([416], "HTTP status 416 Requested Range Not Satisfiable", 1),
        ([500] * 9, "6 read errors in a row (HTTP status 500 Internal Server Error)", TRIES),
    ],
)
def test_what_cannot_be_read_is_one_line_and_exit_2(
    statuses: list[int], words: str, asked: int, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    url = site.put("/x.pcap", SAMPLE, statuses=statuses)
    assert main(["check", url]) == 2
    assert capsys.readouterr().err == f"pcapcheck: {url}: needed a readable object, found {words}\n"
    assert len(site.asked) == asked


def test_a_missing_one(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", f"{site.url}/x.pcap"]) == 2
    assert capsys.readouterr().err == (
        f"pcapcheck: {site.url}/x.pcap: needed a readable object, found no such object\n"
    )


def test_a_host_that_does_not_answer(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "http://127.0.0.1:9/x.pcap"]) == 2  # the discard port: nobody listens there
    assert capsys.readouterr().err.startswith(
        "pcapcheck: http://127.0.0.1:9/x.pcap: needed a readable object, found connect call failed"
    )


def test_one_missing_among_many(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    url = site.put("/x.pcap", SAMPLE)
    assert main(["check", "-q", f"{site.url}/y.pcap", url]) == 2
    assert "19 handshakes" in capsys.readouterr().out


def test_a_server_that_is_busy_at_first(site: Site) -> None:
    url = site.put("/x.pcap", SAMPLE, statuses=[503, 429], drops=[3000])
    assert frames_of(url) == read(SAMPLE)[0]


def test_a_redirect(site: Site) -> None:
    site.put("/there.pcap", SAMPLE, drops=[3000])
    url = site.put("/here.pcap", location="/there.pcap")
    assert frames_of(url) == read(SAMPLE)[0]
    assert pcapcheck.check(url).capture_facts[0].path == url


def test_an_encoded_answer_is_read_as_it_is_stored(site: Site) -> None:
    packed = gzip.compress(SAMPLE)
    url = site.put("/x.pcap", packed, drops=[1000], headers={"Content-Encoding": "gzip"})
    assert frames_of(url) == read(SAMPLE)[0]


def test_a_page_that_is_no_capture(site: Site) -> None:
    url = site.put("/login", b"<!doctype html><html>Log in</html>")
    (error,) = pcapcheck.check(url).errors
    assert error.found == "an HTML page"


def test_folders_and_patterns(site: Site) -> None:
    names = ["a.pcap", "b.pcap", "notes.txt", ".hidden.pcap"]
    for name in names:
        site.put(f"/2026/{name}", SAMPLE if name.endswith("pcap") else b"notes")
    site.put("/2026/more/c.pcap", SAMPLE)
    html = {"headers": {"Content-Type": "text/html"}}
    links = "".join(f'<a href="{name}">{name}</a>' for name in ["../", "?C=N;O=D", *names, "more/"])
    site.put("/2026/", links.encode(), **html)
    site.put("/2026/more", location="/2026/more/")
    site.put("/2026/more/", b'<a href="/2026/">up</a> <a href="c.pcap">c.pcap</a>', **html)
    base = f"{site.url}/2026/"
    found = find_captures([base])
    assert found.inputs == [base + "a.pcap", base + "b.pcap", base + "more/c.pcap"]
    assert (found.ignored, found.errors) == ([base + "notes.txt"], [])
    assert find_captures([base + "[ab]*"]).inputs == [base + "a.pcap", base + "b.pcap"]
    assert find_captures([base + "*/*.pcap"]).inputs == [base + "more/c.pcap"]
    nothing, nowhere = find_captures([base + "z*", f"{site.url}/2025/"]).errors
    assert str(nothing) == f"{base}z*: needed objects that fit the pattern, found none"
    assert str(nowhere) == f"{site.url}/2025/: needed an object or a folder, found no such object"


def test_sizes_for_the_progress_bar(site: Site) -> None:
    known, unknown = site.put("/x.pcap", SAMPLE), site.put("/y.pcap", SAMPLE, length=False)
    assert [size_of(address(url)) for url in (known, unknown)] == [len(SAMPLE), None]
    told: list[int] = []
    pcapcheck.check(known, progress=told.append)
    assert sum(told) == len(SAMPLE)


SECRETS: Final = ("alice", "open sesame", "open%20sesame", "s3cr3tsignature")


@pytest.fixture
def secret(site: Site) -> str:
    """A URL with a user, a password and a signature."""
    site.put("/x.pcap", SAMPLE, drops=[4000])
    site.put("/cut.pcap", SAMPLE, always_drops=4000)
    there = site.url.removeprefix("http://")
    return f"http://alice:open%20sesame@{there}/x.pcap?X-Amz-Signature=s3cr3tsignature&X-Amz-Expires=3600"


@pytest.mark.parametrize("name", ["x.pcap", "cut.pcap", "missing.pcap"])
def test_credentials_are_sent_and_not_shown(
    name: str, secret: str, site: Site, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    url = secret.replace("/x.pcap", f"/{name}")
    formats = ["csv", "json", "jsonl", "sarif", "junit", "markdown", "gitlab", "github", "parquet"]
    outputs = [word for format in formats for word in ("-o", f"{format}:{tmp_path / format}")]
    main(["check", url, *outputs])
    main(["report", url, "-o", str(tmp_path / "report.html")])
    main(["show", url, "--handshake", "1"])
    main(["show", url, "--handshake", "1000"])
    main(["rtt", url])
    main(["diff", url, url])
    main(["info", url, "--format", "json"])
    main(["check", url, "--select", "HS99"])
    assert site.authorizations == {"alice:open sesame"}
    assert ("/x.pcap?X-Amz-Signature=s3cr3tsignature&X-Amz-Expires=3600".replace("x.pcap", name), "") in site.asked
    shown = [text.encode() for text in capfd.readouterr()]
    files = [path.read_bytes() for path in tmp_path.iterdir()]
    assert len(files) == (len(formats) + 1 if name != "missing.pcap" else len(formats))
    for octets in shown + files:
        assert not [secret for secret in SECRETS if secret.encode() in octets]
    assert f"{site.url}/{name}".encode() in shown[name == "missing.pcap"]


def test_nor_in_what_is_raised(secret: str, site: Site) -> None:
    import traceback

    with pytest.raises(pcapcheck.CaptureError) as raised:
        pcapcheck.read_pcap(secret.replace("x.pcap", "missing.pcap"))
    text = "".join(traceback.format_exception(raised.value)).replace(repr(secret), "")
    assert "s3cr3tsignature" not in text
    assert "sesame" not in text
    table = pcapcheck.read_pcap(secret)
    assert set(table["capture"]) == {f"{site.url}/x.pcap"}


def test_what_differs_in_its_secrets_only_is_told_apart(secret: str, site: Site) -> None:
    report = pcapcheck.check([secret, secret + "&more", secret])
    assert [facts.path for facts in report.capture_facts] == [f"{site.url}/x.pcap", f"{site.url}/x.pcap#2"]
    assert [facts.segments for facts in report.capture_facts] == [155, 155]


def test_an_address_goes_to_another_process_whole(secret: str) -> None:
    (place,) = find_captures(secret).inputs
    again = pickle.loads(pickle.dumps(place))
    assert isinstance(again, Address)
    assert (str(again), again.url) == (str(place), secret)
    assert json.dumps(again) == json.dumps(str(place))
