"""Captures in an S3 store (moto's, on loopback): the same as on disk, and on from where a connection was cut."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Final

import pytest
from s3fs import S3FileSystem

import pcapcheck
from pcapcheck.capture import find_captures, open_capture, size_of
from pcapcheck.cli import main
from tests.capture.build_captures import pcap_file
from tests.failures.captures import read
from tests.remote.servers import wire_to
from tests.remote.store import BUCKET, KEY, SECRET, Store
from tests.remote.test_web import LARGE, SAMPLE

ROOT: Final = Path(__file__).parents[2]
SAMPLES: Final = ROOT / "sample_captures"
TABLES: Final = ("handshakes", "findings", "causes", "captures")


@pytest.fixture
def bucket(store: Store) -> Store:
    """A store that holds the sample captures and other files as the disk does."""
    for path in SAMPLES.iterdir():
        store.put(f"samples/{path.name}", path.read_bytes())
    store.put("samples/.hidden.pcap", SAMPLE)
    store.put("samples/folder/", b"")
    return store


@pytest.mark.parametrize("jobs", ["1", "3"])
@pytest.mark.parametrize("format", ["jsonl", "csv", "junit"])
def test_a_prefix_gives_what_the_folder_gives(
    jobs: str, format: str, bucket: Store, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    printed = []
    for path in ("sample_captures", f"s3://{BUCKET}/samples"):
        assert main(["check", path, "--format", format, "--jobs", jobs]) == 1
        printed.append(capsys.readouterr())
    assert printed[1].out.replace(f"s3://{BUCKET}/samples/", "sample_captures/") == printed[0].out
    assert printed[1].err == printed[0].err


def test_every_table_and_what_was_ignored(bucket: Store) -> None:
    here, there = pcapcheck.check(SAMPLES), pcapcheck.check(f"s3://{BUCKET}/samples/")
    for name in TABLES:
        expected, found = here.frame(name), there.frame(name)
        assert list(map(str, found.dtypes)) == list(map(str, expected.dtypes))
        assert found.to_csv().replace(f"s3://{BUCKET}/samples/", f"{SAMPLES}/") == expected.to_csv()
    assert [os.path.basename(path) for path in there.ignored] == [os.path.basename(path) for path in here.ignored]


def test_patterns(bucket: Store) -> None:
    found = find_captures([f"s3://{BUCKET}/s*/h*.pcap", f"s3://{BUCKET}/samples/vlan.pcap"])
    assert found.inputs == [
        f"s3://{BUCKET}/samples/{name}" for name in ("half_open_discovery.pcap", "handshakes.pcap", "vlan.pcap")
    ]
    assert [size_of(path) for path in found.inputs] == [
        (SAMPLES / os.path.basename(path)).stat().st_size for path in found.inputs
    ]
    assert find_captures(f"s3://{BUCKET}/sam*").inputs == find_captures(f"s3://{BUCKET}/samples").inputs
    odd = bucket.put("odd/[1].pcap", SAMPLE)
    assert find_captures(odd).inputs == [odd]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (f"s3://{BUCKET}/x.pcap", "needed an object or a folder, found no such object"),
        (f"s3://{BUCKET}/x*.pcap", "needed objects that fit the pattern, found none"),
        ("s3://no-such-bucket/x.pcap", "needed an object or a folder, found no such object"),
    ],
)
def test_a_missing_one_is_one_line_and_exit_2(
    path: str, words: str, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", path]) == 2
    assert capsys.readouterr() == ("", f"pcapcheck: {path}: {words}\n")


def test_without_credentials(store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    url = store.put("x.pcap", SAMPLE)
    done = subprocess.run(
        [sys.executable, "-m", "pcapcheck", "check", url],
        env={**os.environ, "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (
        2, "", f"pcapcheck: {url}: needed an object or a folder, found Unable to locate credentials\n",
    )  # fmt: skip


def test_the_keys_are_not_shown(bucket: Store, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    main(["check", f"s3://{BUCKET}/samples/", f"s3://{BUCKET}/x", "-o", f"json:{tmp_path / 'json'}"])
    main(["report", f"s3://{BUCKET}/samples/", "-o", f"{tmp_path / 'report.html'}"])
    shown = "".join(capfd.readouterr()) + "".join(path.read_text() for path in tmp_path.iterdir())
    assert f"s3://{BUCKET}/samples/handshakes.pcap" in shown
    assert KEY not in shown
    assert SECRET not in shown


@pytest.mark.parametrize("seed", range(4))
def test_a_connection_that_is_cut_is_taken_up(seed: int, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    url = store.put("large.pcap", LARGE)
    random = Random(seed)
    with wire_to(store.host, store.port) as wire:
        monkeypatch.setenv("AWS_ENDPOINT_URL", wire.url)
        S3FileSystem.clear_instance_cache()
        wire.cuts += [random.randrange(2000, 1_000_000) for _ in range(4)]
        with open_capture(url) as capture:
            frames = list(capture)
    assert capture.damage is None
    assert frames == read(LARGE)[0]
    assert wire.made == 4


def test_an_object_that_is_replaced_meanwhile(store: Store) -> None:
    url = store.put("large.pcap", LARGE)
    whole = read(LARGE)[0]
    with open_capture(url) as capture:
        frames = [next(iter(capture))]
        store.put("large.pcap", pcap_file([frame._replace(time_ns=0) for frame in whole]))
        frames += capture
    assert frames == whole[: len(frames)]
    assert len(frames) < len(whole)
    assert capture.damage is not None
    assert capture.damage.found == "another file: it was changed while it was read"
    with open_capture(url) as capture:  # the next run reads what is there now
        assert next(iter(capture)).time_ns == 0
        assert len(list(capture)) == len(whole) - 1


def test_processes_and_threads_summarise_it(bucket: Store) -> None:
    url = f"s3://{BUCKET}/samples/"
    serial = pcapcheck.check(url).summary()
    with ThreadPoolExecutor(3) as pool:
        assert pcapcheck.check(url, map=pool.map).summary() == serial


def test_anything_of_fsspec(tmp_path: Path) -> None:
    import zipfile

    archive = tmp_path / "captures.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("day/a.pcap", SAMPLE)
        out.writestr("day/b.pcap", SAMPLE)
    for url in (f"zip://*::file://{archive}", f"zip://day/*.pcap::file://{archive}", f"zip://day::file://{archive}"):
        found = find_captures(url)
        assert found.inputs == [f"zip://day/{name}.pcap::file://{archive}" for name in "ab"]
    assert read(SAMPLE)[0] == list(open_capture(found.inputs[0]))
    (tmp_path / "x.pcap").write_bytes(SAMPLE)
    assert pcapcheck.check(f"file://{tmp_path}/x.pcap").outcomes().total() == 19
