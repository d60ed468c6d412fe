"""A fuzzer that needs only Python: ``python -m tests.fuzz.mutational --executions 2000000``.

What counts as one execution: a mutated capture opened and read to its end or damage, by the readers in Python (reader)
or by the compiled loop (loop); a frame of such a capture, or one that was mutated by itself, through dpkt and selection
(dpkt) or through the compiled decoder and selection (compiled); a mutated capture through the whole of ``pcapcheck
check`` and ``info`` with all formats (check).

A find is an exception that is none of pcapcheck's own, two decoders that differ in what they found or kept, more than
5 s of CPU a megabyte, or a peak memory over 500 MB. A find is kept as a file, the rest goes on, and the exit code is 1.
After a crash of the compiled loop, the file ``last`` among the finds is what it was given.
"""

from __future__ import annotations

import argparse
import faulthandler
import hashlib
import io
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import FrameType
from typing import Final

from pcapcheck.capture import open_capture
from pcapcheck.decode.compiled import COMPILED
from pcapcheck.errors import PcapcheckError
from pcapcheck.reading import CompiledReading, DpktReading
from pcapcheck.window import EVERYTHING
from tests.capture.build_captures import pcap_header, pcap_record
from tests.fuzz.mutate import mutated_file, mutated_frame
from tests.fuzz.seeds import frames, seeds

SECONDS_A_MEGABYTE: Final = 5
MOST_MEMORY: Final = 500_000_000
# Of a thousand captures, so many also go through a whole check.
CHECKS_IN_1000: Final = 2
# Frames that are mutated by themselves stand together in captures of so many, one for each mutated capture.
FRAMES_TOGETHER: Final = 20


# Of the compiled loop: many captures are longer, so that it is filled again anywhere in a record.
SMALL_BUFFER: Final = {"buffer": 1 << 11}


class Differ(Exception):
    """The two decoders do not agree."""


class Hang(Exception):
    """An execution took more CPU than SECONDS_A_MEGABYTE allows."""


class Fuzzer:
    """Runs mutated inputs, counts them and keeps the finds."""

    def __init__(self, seed: str, folder: Path) -> None:
        self.executions: Counter[str] = Counter()
        self.finds: dict[str, Path] = {}  # by what went wrong and where
        self.slowest = 0.0
        self._seed, self._folder = seed, folder
        self._files, self._frames = seeds(), frames()
        self._scratch = Path(tempfile.mkdtemp()) / "fuzzed.pcap"
        folder.mkdir(parents=True, exist_ok=True)
        self._last = os.open(folder / "last", os.O_CREAT | os.O_RDWR)

    def batch(self, number: int, files: int) -> None:
        """Mutate and run ``files`` captures, and as many of mutated frames; the same number gives the same ones."""
        random = Random(f"{self._seed} {number}")
        for _ in range(files):
            octets = mutated_file(random.choice(self._files), self._files, random)
            self._run(octets, self.read)
            if random.randrange(1000) < CHECKS_IN_1000:
                self._run(octets, self._check)
            self._run(self._of_frames(random), self.read)

    def _of_frames(self, random: Random) -> bytes:
        """A sound capture of mutated frames."""
        first = random.choice(self._frames)
        link_type = first.link_type if random.random() < 0.9 else random.randrange(300)
        octets = [pcap_header(link_type=link_type)]
        for _ in range(FRAMES_TOGETHER):
            frame = random.choice(self._frames)
            data = mutated_frame(frame.data, random.choice(self._frames).data, random)
            original = random.choice((len(data), frame.original_length, 0, 0xFFFFFFFF))
            octets.append(pcap_record(random.randrange(1000), random.randrange(10**6), data, original))
        return b"".join(octets)

    def read(self, octets: bytes) -> None:
        os.pwrite(self._last, octets, 0)
        os.ftruncate(self._last, len(octets))
        results: list[dict[str, object]] = []
        for reader, decoder, reading in (("reader", "dpkt", DpktReading), ("loop", "compiled", CompiledReading)):
            self.executions[reader] += 1
            with open_capture("-", io.BytesIO(octets)) as capture:
                read = reading(capture, EVERYTHING, **({} if reading is DpktReading else SMALL_BUFFER))
                read.run(_nothing)
            self.executions[decoder] += capture.frame_count
            openings = read.openings()
            results.append({
                **vars(read.tally()), "damage": capture.damage, "frames": capture.frame_count,
                "end": capture.end_time_ns, "link types": capture.link_types, "clocks": capture.clocks,
                "dropped": capture.dropped, "flows": openings.flows, "rows": openings.rows.octets(),
            })  # fmt: skip
        if different := [name for name, value in results[0].items() if results[1][name] != value]:
            raise Differ(f"about {', '.join(different)}")

    def _check(self, octets: bytes) -> None:
        from pcapcheck.contents import info
        from pcapcheck.report import contents
        from pcapcheck.report.output import FORMATS, writer
        from pcapcheck.run import check

        self.executions["check"] += 1
        self._scratch.write_bytes(octets)
        report = check(self._scratch)
        for format in FORMATS:
            writer(format)(report, io.StringIO())
        found = info(self._scratch)
        contents.write_text(found, io.StringIO())
        contents.write_json(found, io.StringIO())

    def _run(self, octets: bytes, run: Callable[[bytes], None]) -> None:
        before = time.process_time()
        allowed = SECONDS_A_MEGABYTE * max(1.0, len(octets) / 1e6)
        signal.setitimer(signal.ITIMER_PROF, allowed)
        try:
            run(octets)
        except PcapcheckError:
            pass
        except Exception as error:  # that is what is looked for
            self._keep(error, octets)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        self.slowest = max(self.slowest, time.process_time() - before)

    def _keep(self, error: BaseException, octets: bytes) -> None:
        frames = traceback.extract_tb(error.__traceback__)
        where = frames[-2 if isinstance(error, Hang) else -1]  # of a hang: what the signal came to
        said = f" {error}" if isinstance(error, Differ) else ""
        what = f"{type(error).__name__}{said} in {Path(where.filename).name}:{where.lineno}"
        if what not in self.finds:
            path = self._folder / f"{hashlib.sha256(octets).hexdigest()[:16]}.bin"
            path.write_bytes(octets)
            self.finds[what] = path
            print(f"{what}: {path}", file=sys.stderr)
            traceback.print_exception(error)


def _nothing() -> None:
    pass


def hang(number: int, frame: FrameType | None) -> None:
    raise Hang


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--executions", type=int, default=2_000_000, help="stop after so many of all kinds together")
    parser.add_argument("--cpu-minutes", type=float, default=1e9, help="or after so much CPU")
    parser.add_argument("--seed", default="0", help="other seeds give other mutations")
    parser.add_argument("--first-batch", type=int, default=0)
    parser.add_argument("--finds", type=Path, default=Path(tempfile.gettempdir()) / "pcapcheck-finds")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGPROF, hang)
    fuzzer = Fuzzer(options.seed, options.finds)
    number, begun = options.first_batch, time.process_time()
    while fuzzer.executions.total() < options.executions and time.process_time() - begun < 60 * options.cpu_minutes:
        fuzzer.batch(number, 1000)
        number += 1
    if not COMPILED:
        print("the compiled module is not there: its source was run instead", file=sys.stderr)
    return report(fuzzer, time.process_time() - begun, number)


def report(fuzzer: Fuzzer, seconds: float, batches: int) -> int:
    """Print what was run and found; gives the exit code."""
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # kibibytes on Linux
    counts = ", ".join(f"{name} {count}" for name, count in sorted(fuzzer.executions.items()))
    print(f"{fuzzer.executions.total()} executions ({counts}) in {batches} batches, {seconds:.0f} s of CPU")
    print(f"{len(fuzzer.finds)} finds, slowest execution {fuzzer.slowest:.3f} s, peak memory {memory / 1e6:.0f} MB")
    return 1 if fuzzer.finds or memory > MOST_MEMORY else 0


if __name__ == "__main__":
    faulthandler.enable()
    sys.exit(main())
