"""A dataset: a folder for each table, in it a Parquet file for each capture, written where the capture is judged.

``handshake_id`` counts over all captures of a run, and how many come before a capture is known only when those are
judged. So there are two steps: each capture is written with numbers of its own, and these are counted on when all are
there. Both are the same on one machine and on many. The folder appears when everything is in it.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Final, NamedTuple

from pcapcheck.capture.address import is_remote
from pcapcheck.errors import PcapcheckError, UsageError
from pcapcheck.report.output import refuse_missing
from pcapcheck.report.report import Report

# Not hosts: what an address did cannot be put together from what it did in each capture.
TABLES: Final = ("handshakes", "findings", "causes", "captures")


class Numbered(NamedTuple):
    """A capture of the run: its name, which one it is, from 1, and how many handshakes those before it have."""

    name: str
    number: int
    before: int


class Dataset(NamedTuple):
    """A dataset that is being written. It travels: what workers do to it they do to files that all of them see."""

    folder: str  # where it grows

    def add(self, report: Report) -> None:
        """Write the tables of a report on one capture."""
        from pcapcheck.report.parquet import write_table

        for table in TABLES:
            write_table(report, self._unnumbered(table, report.capture_facts[0].path), table)

    def number(self, one: Numbered) -> None:
        """Give a capture that was added its numbers, and its files their names."""
        from pcapcheck.report.parquet import counted_on

        for table in TABLES:
            source = self._unnumbered(table, one.name)
            target = os.path.join(self.folder, table, f"{one.number:06}.parquet")
            if one.before and table != "captures":
                counted_on(source, target, table, one.before)
                os.unlink(source)
            else:
                os.replace(source, target)

    def _unnumbered(self, table: str, name: str) -> str:
        digest = sha256(name.encode("utf-8", "surrogateescape")).hexdigest()
        return os.path.join(self.folder, table, f".{digest}.parquet")


@contextmanager
def dataset(path: str) -> Iterator[Dataset]:
    """A dataset that is at ``path`` when all is in it, and nowhere if that fails.

    Raises UsageError where pyarrow is missing or ``path`` is something already, but for an empty folder.
    """
    if is_remote(path):
        raise UsageError(f"cannot write {path}: a dataset goes to a folder")
    refuse_missing("dataset")
    refuse_filled(path)
    path = path.rstrip("/" + os.sep)
    parent, name = os.path.split(path)
    unfinished = os.path.join(parent, f".{name[:40]}.{secrets.token_hex(8)}")
    try:
        for table in TABLES:
            os.makedirs(os.path.join(unfinished, table))
        yield Dataset(unfinished)
        if os.path.isdir(path):
            os.rmdir(path)
        os.rename(unfinished, path)
    except OSError as error:
        raise PcapcheckError(f"cannot write {path}: {error.strerror or error}") from None
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def refuse_filled(path: str) -> None:
    """Raise UsageError where something would be overwritten, or mixed with other captures."""
    if os.path.isdir(path) and not os.listdir(path):
        return
    if os.path.lexists(path.rstrip("/" + os.sep)):
        raise UsageError(f"cannot write {path}: a dataset goes to a new or an empty folder")
