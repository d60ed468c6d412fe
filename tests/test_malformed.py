"""Every capture that once broke something is read, judged and described: no exception, no loop, little memory."""

from __future__ import annotations

import time
import tracemalloc
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import Final

import pytest

from pcapcheck.capture import open_capture
from pcapcheck.contents import info
from pcapcheck.decode.through_dpkt import decode
from pcapcheck.errors import CaptureError
from pcapcheck.report import contents
from pcapcheck.report.output import FORMATS, writer
from pcapcheck.run import check
from tests.fuzz.mutational import Fuzzer

FOLDER: Final = Path(__file__).parent / "malformed"
FILES: Final = sorted(path for path in FOLDER.iterdir() if path.name != "README.md")
SECONDS: Final = 5.0


def test_each_is_described() -> None:
    described = (FOLDER / "README.md").read_text()
    assert FILES
    assert [path.name for path in FILES if f"`{path.name}`" not in described] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_malformed_capture(path: Path) -> None:
    begun = time.process_time()
    report = check(path)
    for format in FORMATS:
        out = StringIO()
        writer(format)(report, out)
        assert len(out.getvalue()) < 400_000  # SARIF brings the pages of all rules along
    found = info(path)
    contents.write_text(found, out := StringIO())
    assert len(out.getvalue()) < 400_000  # SARIF brings the pages of all rules along
    contents.write_json(found, StringIO())
    assert time.process_time() - begun < SECONDS


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_decoders_agree(path: Path, tmp_path: Path) -> None:
    with suppress(CaptureError):
        Fuzzer("", tmp_path).read(path.read_bytes())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_memory_that_reading_it_takes(path: Path) -> None:
    tracemalloc.start()
    try:
        with open_capture(str(path)) as capture:
            for frame in capture:
                decode(frame.link_type, frame.data, frame.original_length)
    except CaptureError:
        pass
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 100_000_000
