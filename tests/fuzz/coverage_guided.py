"""The same looked for by coverage, with atheris: ``python -m tests.fuzz.coverage_guided CORPUS [libFuzzer options]``.

Needs ``pip install 'atheris>=3'`` (Linux, Python 3.11 or later). An input is a capture; its frames go through the
decoder. CORPUS is a folder for inputs that reach new code: seeds that are missing there are written into it first.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["pcapcheck"]):
    from pcapcheck.capture import open_capture
    from pcapcheck.decode.through_dpkt import decode

from pcapcheck.errors import CaptureError
from tests.fuzz.seeds import seeds

LONGEST = 4096


def one_input(octets: bytes) -> None:
    try:
        with open_capture("-", io.BytesIO(octets)) as capture:
            capture.details = True
            for frame in capture:
                decode(frame.link_type, frame.data, frame.original_length)
    except CaptureError:
        pass


def main() -> None:
    corpus = Path(next(word for word in sys.argv[1:] if not word.startswith("-")))
    corpus.mkdir(parents=True, exist_ok=True)
    for seed in seeds():
        (corpus / f"seed-{seed.name}").write_bytes(seed.octets[:LONGEST])
    atheris.Setup([sys.argv[0], f"-max_len={LONGEST}", "-timeout=5", "-rss_limit_mb=500", *sys.argv[1:]], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
