"""The catalogue of rules as text: the manual page of one, and the list of all."""

from __future__ import annotations

import difflib
import textwrap
from typing import Final

from pcapcheck.errors import UsageError
from pcapcheck.report.colour import Paint
from pcapcheck.rules import RULES, Rule
from pcapcheck.rules.catalogue import HEADINGS

_WIDTH: Final = 79

_WIRESHARK: Final = (
    "The wireshark_filter of a handshake (--format jsonl or csv) shows its frames. pcapcheck prints sequence and"
    " acknowledgement numbers as they stand in the segment: compare them with the fields tcp.seq_raw and tcp.ack_raw,"
    " or turn relative sequence numbers off (Preferences, Protocols, TCP)."
)


def explanation(rule: str, *, paint: Paint | None = None) -> str:
    """The manual page of a rule, by id or slug. Raises UsageError if there is none."""
    paint = paint or Paint()
    one = _find(rule)
    pages = [
        f"{paint(one.id, 'bold')} {one.slug} ({paint(one.severity, one.severity)})\n{_filled(one.title)}",
        "\n".join(
            _filled(text, subsequent_indent=" " * 11)
            for text in (
                f"Reference  {one.reference}",
                f"Needs      {one.needs}",
                f"Says       {one.message}",
            )
        ),
    ]
    for heading in HEADINGS:
        if heading in one.sections:
            paragraphs = one.sections[heading].split("\n\n")
            pages.append(paint(heading, "bold") + "\n" + "\n\n".join(_indented(text) for text in paragraphs))
    for heading, exchange in (("It finds this", one.fires), ("It does not find this", one.silent)):
        if exchange.strip():
            pages.append(paint(heading, "bold") + "\n" + textwrap.indent(exchange.strip("\n"), "  "))
    pages.append(paint("In Wireshark", "bold") + "\n" + _indented(_WIRESHARK))
    return "\n\n".join(pages)


def rules_list(width: int | None = None, *, paint: Paint | None = None) -> str:
    """Every rule: id, severity, slug, title. One line a rule; with a width, a long title goes below its slug."""
    paint = paint or Paint()
    slug_width = max((len(rule.slug) for rule in RULES.values()), default=0)
    lines = []
    for rule in RULES.values():
        head = f"{paint(rule.id.ljust(5), 'bold')} {paint(rule.severity.ljust(7), rule.severity)} "
        if width is None or 15 + slug_width + len(rule.title) <= width:
            lines.append(f"{head}{rule.slug.ljust(slug_width)}  {rule.title}")
        else:
            lines.append(f"{head}{rule.slug}")
            lines.append(textwrap.fill(rule.title, width, initial_indent=" " * 14, subsequent_indent=" " * 14))
    return "\n".join(lines)


def _find(name: str) -> Rule:
    for rule in RULES.values():
        if name.upper() == rule.id or name.lower() == rule.slug:
            return rule
    known = [known for rule in RULES.values() for known in (rule.id.lower(), rule.slug)]
    near = difflib.get_close_matches(name.lower(), known, n=1)
    if not near:
        raise UsageError(f"no rule is called {name!r}: `pcapcheck rules` lists them")
    meant = near[0].upper() if near[0].upper() in RULES else near[0]
    raise UsageError(f"no rule is called {name!r}: did you mean {meant}?")


def _filled(text: str, subsequent_indent: str = "") -> str:
    return textwrap.fill(text, _WIDTH, subsequent_indent=subsequent_indent, break_on_hyphens=False)


def _indented(text: str) -> str:
    return textwrap.fill(
        " ".join(text.split()), _WIDTH, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False
    )
