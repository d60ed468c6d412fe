"""Writes the sample captures from the exchanges beside them: ``python tools/make_samples.py [--check]``.

With ``--check`` nothing is written; captures that differ from their exchange are named, and the exit code is 1.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "sample_captures"
sys.path.insert(0, str(ROOT))  # this tree's notation, also where another version is installed

from pcapcheck.testing import parse_exchange  # noqa: E402


def capture(source: Path) -> bytes:
    """The pcap file of an exchange: in nanoseconds where its times need them."""
    exchange = parse_exchange(source.read_text(encoding="utf-8"))
    return exchange.pcap(nanoseconds=any(line.time_ns % 1000 for line in exchange.lines))


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    stale = 0
    for source in sorted(SAMPLES.glob("*.exchange")):
        target = source.with_suffix(".pcap")
        made = capture(source)
        if target.is_file() and target.read_bytes() == made:
            continue
        stale += 1
        print(target.relative_to(ROOT))
        if not arguments:
            target.write_bytes(made)
    return 1 if arguments and stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
