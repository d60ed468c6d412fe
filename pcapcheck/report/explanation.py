"""The catalogues of rules and diagnoses as text: the manual page of one, and the list of all."""

from __future__ import annotations

import difflib
import textwrap
from typing import Final

from pcapcheck.diagnoses import DIAGNOSES, Diagnosis
from pcapcheck.errors import UsageError
from pcapcheck.expect.catalogue import EXPECTATIONS
from pcapcheck.report.colour import Paint
from pcapcheck.report.translated import shortened, translated
from pcapcheck.rules import RULES, Rule

_WIDTH: Final = 79

_RULES: Final = dict(sorted({**RULES, **EXPECTATIONS}.items()))
_ALL: Final[tuple[Rule | Diagnosis, ...]] = (*_RULES.values(), *DIAGNOSES.values())

_WIRESHARK: Final = (
    "The wireshark_filter of a handshake (--format jsonl or csv) shows its frames. pcapcheck prints sequence and"
    " acknowledgement numbers as they stand in the segment: compare them with the fields tcp.seq_raw and tcp.ack_raw,"
    " or turn relative sequence numbers off (Preferences, Protocols, TCP)."
)


def explanation(name: str, *, paint: Paint | None = None, language: str = "en") -> str:
    """The manual page of a rule or a diagnosis, by id or slug. Raises UsageError if there is none."""
    paint = paint or Paint()
    one = _find(name)
    if language != "en":
        return translated(one, language, paint)
    if isinstance(one, Rule):
        what = paint(one.severity, one.severity)
        facts = {"Reference": one.reference, "Needs": one.needs, "Says": one.message}
    else:
        what = "a diagnosis"
        facts = {"Rivals": ", ".join(one.rivals), "Decide by": one.decide_by, "Seen as": one.application}
    pages = [
        f"{paint(one.id, 'bold')} {one.slug} ({what})\n{_filled(one.title)}",
        "\n".join(_filled(f"{label:9}  {text}", subsequent_indent=" " * 11) for label, text in facts.items() if text),
    ]
    for heading, section in one.sections.items():
        paragraphs = section.split("\n\n")
        pages.append(paint(heading, "bold") + "\n" + "\n\n".join(_indented(text) for text in paragraphs))
    for heading, exchange in (("It finds this", one.fires), ("It does not find this", one.silent)):
        if exchange.strip():
            pages.append(paint(heading, "bold") + "\n" + textwrap.indent(shortened(exchange.strip("\n")), "  "))
    pages.append(paint("In Wireshark", "bold") + "\n" + _indented(_WIRESHARK))
    return "\n\n".join(pages)


def rules_list(width: int | None = None, *, paint: Paint | None = None) -> str:
    """Every rule and diagnosis: id, severity, slug, title.

    One line each; with a width, a long title goes below its slug.
    """
    paint = paint or Paint()
    slug_width = max(len(one.slug) for one in _ALL)
    lines = []
    for one in _ALL:
        kind = paint(one.severity.ljust(7), one.severity) if isinstance(one, Rule) else "cause  "
        head = f"{paint(one.id.ljust(5), 'bold')} {kind} "
        if width is None or 15 + slug_width + len(one.title) <= width:
            lines.append(f"{head}{one.slug.ljust(slug_width)}  {one.title}")
        else:
            lines.append(f"{head}{one.slug}")
            lines.append(textwrap.fill(one.title, width, initial_indent=" " * 14, subsequent_indent=" " * 14))
    return "\n".join(lines)


def _find(name: str) -> Rule | Diagnosis:
    for one in _ALL:
        if name.upper() == one.id or name.lower() == one.slug:
            return one
    ids = {one.id.lower(): one.id for one in _ALL}
    padded = f"{name[:-1]}0{name[-1:]}".lower()
    near = (
        [padded] if padded in ids else difflib.get_close_matches(name.lower(), [*ids, *(one.slug for one in _ALL)], 1)
    )
    if not near:
        raise UsageError(f"no rule or diagnosis is called {name!r}: `pcapcheck rules` lists them")
    raise UsageError(f"no rule or diagnosis is called {name!r}: did you mean {ids.get(near[0], near[0])}?")


def _filled(text: str, subsequent_indent: str = "") -> str:
    return textwrap.fill(text, _WIDTH, subsequent_indent=subsequent_indent, break_on_hyphens=False)


def _indented(text: str) -> str:
    return textwrap.fill(
        " ".join(text.split()), _WIDTH, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False
    )
