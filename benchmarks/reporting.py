"""Prints the CPU seconds and octets of the reports for people: ``python benchmarks/reporting.py CAPTURE``.

A capture of 100,000 handshakes: ``python benchmarks/generate.py short --packets 740000 short.pcap``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

from pcapcheck import check
from pcapcheck.report.html import html
from pcapcheck.report.markdown import markdown


def measured(name: str, write: Callable[[], str]) -> None:
    start = time.process_time()
    text = write()
    print(f"{name:10} {time.process_time() - start:6.2f} s  {len(text.encode()):9,} octets")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("capture")
    arguments = parser.parse_args()
    start = time.process_time()
    report = check(arguments.capture)
    print(f"{'check':10} {time.process_time() - start:6.2f} s  {report.outcomes().total():9,} handshakes")
    # The first one also loads pandas, matplotlib and jinja2.
    measured("html", lambda: html(report))
    measured("html again", lambda: html(report))
    measured("markdown", lambda: markdown(report))


if __name__ == "__main__":
    main()
