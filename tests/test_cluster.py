"""A Dask cluster of two worker processes: the bytes of a run in this process, also where a worker dies in between."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from distributed import Client, LocalCluster
from s3fs import S3FileSystem

from pcapcheck.cli import main
from pcapcheck.cluster import Cluster
from pcapcheck.errors import PcapcheckError, UsageError
from pcapcheck.judged import FAN_IN, Part
from pcapcheck.report.formats import FORMATS
from pcapcheck.report.output import writer
from pcapcheck.report.report import Report
from pcapcheck.report.terms import Terms
from pcapcheck.run import Work, check
from pcapcheck.sequence import Group
from pcapcheck.stretch import Summary
from pcapcheck.window import Window
from tests.remote.servers import web_server
from tests.remote.store import BUCKET, s3_server

SAMPLES: Final = Path(__file__).parent.parent / "sample_captures"


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    cluster = LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        silence_logs=50,
    )
    with cluster, Client(cluster) as client:
        yield client


@pytest.fixture(scope="module")
def here() -> Report:
    return check(SAMPLES)


def written(report: Report, format: str) -> str:
    out = io.StringIO()
    writer(format, Terms())(report, out)
    return out.getvalue()


@pytest.mark.parametrize("keep", ["shown", "everything"])
@pytest.mark.parametrize("merge", [True, False])
def test_every_format_is_the_same(client: Client, here: Report, keep: str, merge: bool) -> None:
    report = check(SAMPLES, keep=keep, map=Cluster(client, merge=merge))
    for name, format in FORMATS.items():
        if keep in (format.keep, "everything"):
            assert written(report, name) == written(here, name), name


def test_the_map_of_its_executor_will_do(client: Client, here: Report) -> None:
    report = check(SAMPLES, map=client.get_executor().map)
    assert written(report, "jsonl") == written(here, "jsonl")
    assert report.handshakes.equals(here.handshakes)


class Counting(Cluster):
    """A cluster whose parts are counted."""

    parts = 0

    def captures(self, work: Work, groups: Sequence[Group]) -> Iterator[Part]:
        for part in super().captures(work, groups):
            self.parts += 1
            yield part


def test_few_parts_reach_the_driver(client: Client) -> None:
    counting = Counting(client)
    report = check(SAMPLES, keep="shown", map=counting)
    assert counting.parts <= FAN_IN < len(report.capture_facts)


@pytest.mark.parametrize("sequence", [None, True])
def test_rotated_files_are_put_together_on_a_worker(client: Client, tmp_path: Path, sequence: bool | None) -> None:
    octets = (SAMPLES / "handshakes.pcap").read_bytes()
    for number, packets in enumerate(rotated(octets, 5)):
        (tmp_path / f"x.pcap{number or ''}").write_bytes(packets)
    counting = Counting(client, merge=False)
    there, here = (check(tmp_path, sequence=sequence, map=how) for how in (counting, map))
    assert counting.parts == len(here.capture_facts) == 1
    for format in ("text", "jsonl", "json", "sarif"):
        assert written(there, format) == written(here, format)


def rotated(octets: bytes, size: int) -> Iterator[bytes]:
    """A little-endian pcap in files of so many frames."""
    header, at = octets[:24], 24
    while at < len(octets):
        begin = at
        for _ in range(size):
            at += 16 + int.from_bytes(octets[at + 8 : at + 12], "little") if at < len(octets) else 0
        yield header + octets[begin:at]


def test_the_command(client: Client, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Rows too, of which each capture comes by itself."""
    printed = []
    for number, options in enumerate(([], ["--scheduler", client.scheduler.address])):
        rows = tmp_path / f"{number}.jsonl"
        assert main(["check", str(SAMPLES), "--exit-zero", f"-ojsonl:{rows}", *options]) == 0
        assert main(["check", str(SAMPLES), "--exit-zero", "--verbose", *options]) == 0
        printed.append((capfd.readouterr(), rows.read_text()))
    assert printed[0] == printed[1]


def set_environment(values: dict[str, str]) -> None:
    os.environ.update(values)


def test_captures_in_a_store(client: Client, here: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    with s3_server() as store:
        for path in SAMPLES.iterdir():
            store.put(f"samples/{path.name}", path.read_bytes())
        client.run(set_environment, store.environment())
        for name, value in store.environment().items():
            monkeypatch.setenv(name, value)
        S3FileSystem.clear_instance_cache()
        there = check(f"s3://{BUCKET}/samples", map=Cluster(client))
        for format in ("text", "jsonl", "csv"):
            assert written(there, format).replace(f"s3://{BUCKET}/samples", str(SAMPLES)) == written(here, format)
        (error,) = check(f"s3://{BUCKET}/none.pcap", map=Cluster(client)).errors
        assert "worker" not in str(error)  # the driver knows already


def test_a_dataset_is_written_by_the_workers(client: Client, tmp_path: Path) -> None:
    check(SAMPLES, keep="shown", dataset=tmp_path / "here")
    check(SAMPLES, keep="shown", dataset=tmp_path / "there", map=Cluster(client))
    here, there = (
        {path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.parquet")}
        for name in ("here", "there")
    )
    assert here == there != {}


class Killing(Cluster):
    """A cluster of which the worker with the most results is killed when the first part is here."""

    killed = 0

    def captures(self, work: Work, groups: Sequence[Group]) -> Iterator[Part]:
        parts = super().captures(work, groups)
        yield next(parts)
        # What it has judged and nobody has fetched is lost, and so is what it is working on.
        held = {worker: len(keys) for worker, keys in self._client.has_what().items()}
        worker = max(held, key=lambda worker: held[worker])
        assert held[worker]
        self.killed = self._client.run(os.getpid)[worker]
        os.kill(self.killed, signal.SIGKILL)
        yield from parts


@pytest.mark.parametrize("merge", [True, False])
def test_a_lost_worker_changes_nothing(client: Client, here: Report, merge: bool) -> None:
    killing = Killing(client, merge=merge)
    report = check(SAMPLES, map=killing)
    assert written(report, "jsonl") == written(here, "jsonl")
    client.wait_for_workers(2)
    assert killing.killed not in client.run(os.getpid).values()


def kept(state: Path) -> dict[str, tuple[int, int]]:
    """The entries: one that is written anew is another file."""
    # One that is being written has a name with another dot before it, and is gone at any moment.
    found = [(path.name, path.stat()) for path in state.glob("*.summary") if not path.name.startswith("..")]
    return {name: (status.st_ino, status.st_mtime_ns) for name, status in found}


@pytest.mark.parametrize("where", ["one process", "cluster"])
def test_a_killed_driver_is_resumed(client: Client, here: Report, tmp_path: Path, where: str) -> None:
    """Killed with half of the captures behind it, at the latest while it waits for one that does not come."""
    paths = [str(facts.path) for facts in here.capture_facts]
    half, state = len(paths) // 2, tmp_path / "state"
    with web_server() as site:
        late = site.put("/late.pcap", (SAMPLES / "handshakes.pcap").read_bytes(), stalls=5000)
        plain = [sys.executable, "-m", "pcapcheck", "check", *paths[:half], late, *paths[half:]]
        # The folder is named from the driver's working directory, which is not that of the workers.
        resumable = [*plain, "--state", "state"]
        if where == "cluster":
            resumable += ["--scheduler", client.scheduler.address]
        with subprocess.Popen(resumable, cwd=tmp_path, stdout=subprocess.PIPE) as driver:
            while driver.poll() is None and not (site.asked and len(kept(state)) >= half):
                time.sleep(0.01)
            driver.kill()
            assert driver.communicate()[0] == b""
        assert driver.returncode == -signal.SIGKILL
        before = kept(state)
        site.done.set()
        resumed, whole = (
            subprocess.run(command, cwd=tmp_path, capture_output=True, check=False) for command in (resumable, plain)
        )
        assert (resumed.stdout, resumed.stderr, resumed.returncode) == (whole.stdout, whole.stderr, 1)
        assert before.items() < kept(state).items()  # none of them was read again
        assert half <= len(before) < len(kept(state)) == len(paths) + 1


def test_one_more_file_costs_the_cluster_one_file(client: Client, tmp_path: Path) -> None:
    captures, state = tmp_path / "captures", tmp_path / "state"
    captures.mkdir()
    octets = (SAMPLES / "handshakes.pcap").read_bytes()
    for name in "abcde":
        (captures / f"{name}.pcap").write_bytes(octets[: 5000 + ord(name)])
    check(captures, state=state, map=Cluster(client))
    before = kept(state)
    (captures / "c2.pcap").write_bytes(octets)
    report = check(captures, state=state, map=Cluster(client))
    assert written(report, "jsonl") == written(check(captures), "jsonl")
    assert before.items() < kept(state).items()
    assert (len(before), len(kept(state))) == (5, 6)


def test_a_worker_that_cannot_open_a_capture_says_which(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "gone.pcap"
    path.write_bytes((SAMPLES / "handshakes.pcap").read_bytes())

    class Late(Cluster):
        def captures(self, work: Work, groups: Sequence[Group]) -> Iterator[Part]:
            path.unlink()  # the driver saw it, the worker does not
            return super().captures(work, groups)

    (error,) = check(path, map=Late(client)).errors
    assert str(error).startswith(
        f"{path}: needed a readable file, found no such file or directory; worker tcp://127.0.0.1:"
    )
    assert str(error).endswith(" says so: a path must name the same file on every worker")


def test_what_is_no_capture_is_told_as_here(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "notes.pcap"
    path.write_text("no capture")
    there, here = check(path, map=Cluster(client)), check(path)
    assert [str(error) for error in there.errors] == [str(error) for error in here.errors]
    assert written(there, "json") == written(here, "json")


def test_standard_input_is_refused(client: Client) -> None:
    with pytest.raises(UsageError, match="standard input cannot be read by a cluster"):
        check("-", map=Cluster(client))


def test_another_version_is_refused(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pcapcheck.cluster.__version__", "99")
    with pytest.raises(PcapcheckError, match=r"^worker tcp://127\.0\.0\.1:\d+ has pcapcheck .*, and 99 is needed$"):
        check(SAMPLES, map=Cluster(client))


def test_no_scheduler(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("pcapcheck.cluster._PATIENCE", 0.5)
    assert main(["check", str(SAMPLES), "--scheduler", "tcp://127.0.0.1:9"]) == 2
    assert "--scheduler tcp://127.0.0.1:9: no Dask scheduler answers there" in capsys.readouterr().err


def test_what_a_worker_raises_is_raised_here(client: Client) -> None:
    class Failing(Cluster):
        def captures(self, work: Work, groups: Sequence[Group]) -> Iterator[Part]:
            return super().captures(replace(work, read=fails), groups)

    with pytest.raises(ZeroDivisionError):
        check(SAMPLES, map=Failing(client))


def fails(path: str, window: Window) -> Summary:
    raise ZeroDivisionError
