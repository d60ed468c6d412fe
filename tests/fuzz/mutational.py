"""A fuzzer that needs only Python: ``python -m tests.fuzz.mutational --executions 2000000``.

What counts as one execution: a mutated capture opened and read to its end or damage (reader), a mutated frame decoded
by one decoder (decoder), a mutated capture through the whole of ``pcapcheck check`` with all its formats (check). The
frames that a mutated capture gives are decoded too, and each counts as one execution of the decoder.

A find is an exception that is none of pcapcheck's own, more than 5 s of CPU a megabyte, or a peak memory over 500 MB. A
find is kept as a file, the rest goes on, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import faulthandler
import hashlib
import io
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
from pcapcheck.decode.through_dpkt import decode
from pcapcheck.errors import PcapcheckError
from tests.capture.build_captures import pcap_header, pcap_record
from tests.fuzz.mutate import mutated_file, mutated_frame
from tests.fuzz.seeds import frames, seeds

SECONDS_A_MEGABYTE: Final = 5
SECONDS_A_BATCH: Final = 60  # for all its frames, which take 0.1 s
MOST_MEMORY: Final = 500_000_000
# Of a thousand executions of the reader, so many are followed by a whole check.
CHECKS_IN_1000: Final = 2
# Frames that are mutated for each capture that is: both kinds take about as long.
FRAMES_A_FILE: Final = 6

DECODERS: Final[dict[str, Callable[[int, bytes, int], object]]] = {"dpkt": decode}


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

    def batch(self, number: int, files: int) -> None:
        """Mutate and run ``files`` captures and FRAMES_A_FILE as many frames; the same number gives the same ones."""
        random = Random(f"{self._seed} {number}")
        for _ in range(files):
            octets = mutated_file(random.choice(self._files), self._files, random)
            self._run("reader", octets, self._read)
            if random.randrange(1000) < CHECKS_IN_1000:
                self._run("check", octets, self._check)
        signal.setitimer(signal.ITIMER_PROF, SECONDS_A_BATCH)
        for _ in range(files * FRAMES_A_FILE):
            frame = random.choice(self._frames)
            data = mutated_frame(frame.data, random.choice(self._frames).data, random)
            link_type = frame.link_type if random.random() < 0.9 else random.randrange(300)
            self._decode(link_type, data, random.choice((len(data), frame.original_length, 0, 0xFFFFFFFF)))
        signal.setitimer(signal.ITIMER_PROF, 0)

    def _read(self, octets: bytes) -> None:
        with open_capture("-", io.BytesIO(octets)) as capture:
            for frame in capture:
                for name, decode_ in DECODERS.items():
                    decode_(frame.link_type, frame.data, frame.original_length)
                    self.executions[name] += 1

    def _check(self, octets: bytes) -> None:
        from pcapcheck.contents import info
        from pcapcheck.report import contents
        from pcapcheck.report.output import FORMATS, writer
        from pcapcheck.run import check

        self._scratch.write_bytes(octets)
        report = check(self._scratch)
        for format in FORMATS:
            writer(format)(report, io.StringIO())
        found = info(self._scratch)
        contents.write_text(found, io.StringIO())
        contents.write_json(found, io.StringIO())

    def _decode(self, link_type: int, data: bytes, original: int) -> None:
        for name, decode_ in DECODERS.items():
            self.executions[name] += 1
            try:
                decode_(link_type, data, original)
            except Exception as error:
                self._keep(error, pcap_header(link_type=link_type) + pcap_record(1, 0, data, original))

    def _run(self, kind: str, octets: bytes, run: Callable[[bytes], None]) -> None:
        self.executions[kind] += 1
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
        what = f"{type(error).__name__} in {Path(where.filename).name}:{where.lineno}"
        if what not in self.finds:
            self._folder.mkdir(parents=True, exist_ok=True)
            path = self._folder / f"{hashlib.sha256(octets).hexdigest()[:16]}.bin"
            path.write_bytes(octets)
            self.finds[what] = path
            print(f"{what}: {path}", file=sys.stderr)
            traceback.print_exception(error)


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
