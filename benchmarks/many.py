"""Judges many small captures on one machine and on a cluster: ``python benchmarks/many.py --captures 10000``.

Made are captures of about ``--packets`` each, nine of short connections to a SYN flood of five times as many. They are
checked to a summary by one process and by the workers of a Dask cluster on this machine, and it is told whether both
print the same octets. Of a cluster run the figures are those of the driver alone; the workers have the rest.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from measuring.page import mebibytes, put, seconds, table
from measuring.programs import BENCHMARKS, PCAPCHECK
from measuring.run import Usage, run

# One in so many is a flood.
FLOODS = 10
HEAD = ["run", "captures", "wall s", "ms a capture", "CPU s, this process", "peak MiB, this process"]

_CLUSTER = """
import sys
from distributed import LocalCluster

if __name__ == "__main__":
    workers = int(sys.argv[1])
    with LocalCluster(
        n_workers=workers, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0"
    ) as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()
"""
# What a run took that kept everything: the default of Python, and of rows before they were written one by one.
_EVERYTHING = "import sys, pcapcheck; print(pcapcheck.check(sys.argv[1], sequence=False).summary())"


def make(number: int, folder: Path, packets: float) -> tuple[int, int]:
    """Write one capture; gives its octets and its connection attempts."""
    from generate import generate

    kind = "short"
    if number % FLOODS == FLOODS - 1:
        kind, packets = "synflood", 5 * packets  # with fewer there would be no other traffic in it
    with open(folder / f"{number:06}.pcap", "wb") as output:
        truth = generate(kind, packets, number, "pcap", None, output)
    return truth.octets, sum(truth.outcomes.values())


@contextmanager
def cluster(workers: int) -> Iterator[str]:
    """The address of a scheduler with so many workers, in processes of their own."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder, "cluster.py")
        program.write_text(_CLUSTER, encoding="utf-8")
        command = [sys.executable, str(program), str(workers)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdin
            assert process.stdout
            yield process.stdout.readline().strip()
            process.stdin.close()


def row(name: str, captures: int, used: Usage) -> list[str]:
    each = f"{used.wall / captures * 1000:.1f}"
    return [name, f"{captures:,}", seconds(used.wall), each, seconds(used.cpu), mebibytes(used.peak)]


def many(captures: int, packets: float, workers: int, *, everything: bool) -> str:
    """A row for each way to check a tenth of the captures, and all of them."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="pcapcheck-") as scratch, cluster(workers) as scheduler:
        few, all_of_them, printed = Path(scratch, "few"), Path(scratch, "all"), Path(scratch, "printed")
        few.mkdir()
        all_of_them.mkdir()
        with ProcessPoolExecutor(workers, initializer=sys.path.append, initargs=[str(BENCHMARKS)]) as pool:
            making = partial(make, folder=all_of_them, packets=packets)
            made = list(pool.map(making, range(captures), chunksize=max(captures // 100, 1)))
        for number in range(captures // 10):
            os.link(all_of_them / f"{number:06}.pcap", few / f"{number:06}.pcap")
        for folder, size in ((few, captures // 10), (all_of_them, captures)):
            check = [*PCAPCHECK, "--no-sequence", str(folder)]
            outputs = []
            ways = {"one process": check, f"cluster, {workers} workers": [*check, "--scheduler", scheduler]}
            for name, command in ways.items():
                rows.append(row(name, size, run(command, output=printed)))
                outputs.append(printed.read_bytes())
                print(name, size, file=sys.stderr)
            if outputs[0] != outputs[1]:
                raise SystemExit("the cluster printed something else")
            if everything:
                rows.append(row("one process, all kept", size, run([sys.executable, "-c", _EVERYTHING, str(folder)])))
    octets, attempts = (sum(column) for column in zip(*made, strict=True))
    head = f"{captures:,} captures, {octets / 1e6:,.0f} MB, {attempts:,} connection attempts; the same bytes printed."
    return f"{head}\n\n{table(HEAD, rows)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--captures", type=int, default=10_000)
    parser.add_argument("--packets", type=float, default=400, help="of each, about")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--everything", action="store_true", help="also a run that keeps all handshakes")
    parser.add_argument("--into", type=Path, help="put the table into this page")
    arguments = parser.parse_args()
    text = many(arguments.captures, arguments.packets, arguments.workers, everything=arguments.everything)
    print(text)
    if arguments.into:
        put(arguments.into, "many", text)


if __name__ == "__main__":
    main()
