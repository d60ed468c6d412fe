"""Only what is wanted of dpkt is imported, and nobody else notices."""

from __future__ import annotations

import subprocess
import sys

ALONE = """
import sys
from pcapcheck.decode.headers import IP
assert "dpkt" not in sys.modules and "dpkt.http" not in sys.modules
import dpkt
assert dpkt.ip.IP is IP
assert isinstance(dpkt.ethernet.Ethernet(bytes(12) + b"\\x08\\x00E" + bytes(19)).data, IP)
"""

AFTER = """
import dpkt
from pcapcheck.decode.headers import IP
assert sys.modules["dpkt"] is dpkt and dpkt.ip.IP is IP
"""


UNASKED = """
from pcapcheck.decode import headers, through_dpkt
assert not any(name.startswith("dpkt") for name in sys.modules)
assert not hasattr(headers, "UDP") and not any(name.startswith("dpkt") for name in sys.modules)
assert headers.TCP is sys.modules["dpkt.tcp"].TCP
"""


def run(program: str) -> None:
    subprocess.run([sys.executable, "-c", "import sys\n" + program], check=True)


def test_dpkt_is_whole_for_others() -> None:
    run(ALONE)


def test_dpkt_was_there_before() -> None:
    run(AFTER)


def test_nothing_is_imported_before_it_is_asked_for() -> None:
    run(UNASKED)
