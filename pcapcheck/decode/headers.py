"""dpkt's header classes, without the sixty protocols that importing its package brings along.

``import dpkt`` runs every protocol module that it has, which takes three times as long as the three that are wanted
here, and a fifth of the time that a small capture needs in all. So a bare package stands in its place while they are
imported, and is taken away again: whoever imports dpkt afterwards gets the whole of it, with these same classes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec, module_from_spec

__all__ = ["IP", "IP6", "TCP", "Packet"]


@contextmanager
def _bare_package(name: str) -> Iterator[None]:
    """The package, found but not run, unless it is there already."""
    spec = find_spec(name)
    if name in sys.modules or spec is None:
        yield
        return
    sys.modules[name] = module_from_spec(spec)
    try:
        yield
    finally:
        del sys.modules[name]


with _bare_package("dpkt"):
    from dpkt.dpkt import Packet
    from dpkt.ip import IP
    from dpkt.ip6 import IP6
    from dpkt.tcp import TCP
