"""The modules that are compiled while installing (setup.py), and whether each was built from the source beside it."""

from __future__ import annotations

import zlib
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Final

from pcapcheck.errors import PcapcheckError

# In Cython's pure Python mode: where no extension module is, they run as they stand and give the same.
SOURCES: Final = ("decode/compiled.py", "regular_rows.py")

_PACKAGE: Final = Path(__file__).parent


def refuse_stale() -> None:
    """Raise PcapcheckError where an extension module was built from another source than is there.

    Only an editable installation can be like that: tools/build_backend.py notes the check sum of the source beside the
    module that it builds there.
    """
    for source in map(_PACKAGE.joinpath, SOURCES):
        module = source.with_suffix(EXTENSION_SUFFIXES[0])
        try:
            built_from = Path(f"{module}.source").read_text()
        except OSError:
            continue
        if built_from != str(zlib.crc32(source.read_bytes())) and module.exists():
            raise PcapcheckError(f"{module.name} was not built from the {source} that is there now: pip install -e .")
