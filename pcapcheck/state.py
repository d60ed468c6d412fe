"""Summaries that are kept in a folder, so that a run goes on where one before it stopped.

An entry is a file, named by what tells the content of its capture from any other and by the options that change the
summary. Whatever is in the folder, the result is that of a run without it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import cache
from typing import Final

from pcapcheck.capture import size_of
from pcapcheck.capture.address import address
from pcapcheck.capture.content import content_of
from pcapcheck.errors import PcapcheckError, UsageError
from pcapcheck.report.escape import escaped
from pcapcheck.report.output import replacing
from pcapcheck.side_by_side import summarise
from pcapcheck.stretch import Summary
from pcapcheck.summary_file import Unusable, from_octets, to_octets
from pcapcheck.tables import MAX_TRACKED
from pcapcheck.window import EVERYTHING, Window

# Hidden, so that a folder of captures can be the place, too: nobody looks for captures there.
_PREFIX: Final = "."
_SUFFIX: Final = ".summary"


def refuse_place(folder: str) -> None:
    """Make the folder where it is not there. Raises UsageError where that, or writing to it, is not possible."""
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--state {folder}: {(error.strerror or str(error)).lower()}") from None
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise UsageError(f"--state {folder}: it cannot be written to")


def remembered(
    path: str,
    window: Window = EVERYTHING,
    progress: Callable[[int], None] | None = None,
    max_bytes: int | None = None,
    decoder: str = "auto",
    max_tracked: int = MAX_TRACKED,
    jobs: int = 1,
    *,
    folder: str,
) -> Summary:
    """As side_by_side.summarise, but what the folder knows is not read again, and what it does not know is put there.

    What was not read to its end, because it cannot be, by Ctrl-C or by a read error, is not. Standard input is not
    kept.
    """
    path = address(path)
    key = key_of(path, window, max_bytes, max_tracked)
    if key is None:
        return summarise(path, window, progress, max_bytes, decoder, max_tracked, jobs)
    kept = load(folder, key, path)
    if kept is not None:
        return _told(kept, progress, size_of(path) or 0)
    summary = summarise(path, window, progress, max_bytes, decoder, max_tracked, jobs)
    facts = summary.facts
    whole = not facts.error and not facts.interrupted and not (facts.damage and facts.damage.passing)
    if whole and key_of(path, window, max_bytes, max_tracked) == key:  # else it changed while it was read
        keep(folder, key, summary)
    return summary


def key_of(path: str, window: Window, *options: int | None) -> str | None:
    """The name of an entry: of the content and of all that the summary depends on; not of the decoder, nor the path."""
    content = content_of(path)
    if content is None:
        return None
    return hashlib.sha256(json.dumps([content, repr(window), *options]).encode()).hexdigest()


def load(folder: str, key: str, path: str) -> Summary | None:
    """The entry with this key, as the summary of the capture at ``path``; None where there is none that is good."""
    place = _place(folder, key)
    with suppress(OSError):
        if os.path.isfile(place):  # no pipe: opening one could wait for ever
            with open(place, "rb") as file:
                octets = file.read()
            try:
                return from_octets(octets, key, path)
            except Unusable as reason:
                _warn(folder, f"an entry {reason}: the capture is read again")
    return None


def keep(folder: str, key: str, summary: Summary) -> None:
    """Write an entry: whole or not at all, and without one things go on, too."""
    entry = _place(folder, key)
    if os.path.lexists(entry) and (os.path.islink(entry) or not os.path.isfile(entry)):
        _warn(folder, "an entry is no file")  # a pipe would take it for ever, a link would lead it elsewhere
        return
    try:
        # What a power failure leaves of it is told by its digest: the disk is not waited for.
        with replacing(entry, durable=False) as place, open(place, "wb") as file:
            file.write(to_octets(summary, key))
    except (OSError, PcapcheckError) as error:
        _warn(folder, f"an entry cannot be written: {str(error).rpartition(': ')[2]}")


def _place(folder: str, key: str) -> str:
    return os.path.join(folder, f"{_PREFIX}{key}{_SUFFIX}")


def _told(summary: Summary, progress: Callable[[int], None] | None, octets: int) -> Summary:
    try:
        if progress:
            progress(octets)
    except KeyboardInterrupt:
        return Summary(replace(summary.facts, interrupted=True), summary.openings)
    return summary


@cache
def _warn(folder: str, text: str) -> None:
    """Once a folder and reason: after an update every entry is of another version."""
    logging.getLogger("pcapcheck").warning("pcapcheck: --state %s: %s", escaped(folder), escaped(text))
