"""A manual page in another language."""

from __future__ import annotations

import textwrap
from typing import Final

from pcapcheck.diagnoses import Diagnosis
from pcapcheck.report.colour import Paint
from pcapcheck.report.wide import columns, filled
from pcapcheck.rules import Rule
from pcapcheck.texts import KEYS, texts

_WIDTH: Final = 79
# Columns of a label and the space behind it.
_LABEL: Final = 14

# Lines of an example that are shown before some are left out.
_LONGEST: Final = 30


def translated(one: Rule | Diagnosis, language: str, paint: Paint) -> str:
    """The page of a rule or a diagnosis. Ids, slugs, severities, messages and examples stay as programs know them."""
    known, headings = texts(language)[one.id], texts(language)["headings"]
    if isinstance(one, Rule):
        what = paint(one.severity, one.severity)
        facts = {"Reference": one.reference, "Says": one.message}
    else:
        what = headings["a diagnosis"]
        facts = {"Rivals": ", ".join(one.rivals), "Seen as": one.application}
    pages = [
        f"{paint(one.id, 'bold')} {one.slug} ({what})\n{filled(known['title'], _WIDTH)}",
        "\n".join(_fact(headings[label], text) for label, text in facts.items() if text),
    ]
    for heading in one.sections:
        pages.append(paint(headings[heading], "bold") + "\n" + filled(known[KEYS[heading]], _WIDTH, "  "))
    for heading, exchange in (("It finds this", one.fires), ("It does not find this", one.silent)):
        if exchange.strip():
            example = textwrap.indent(shortened(exchange.strip("\n")), "  ")
            pages.append(paint(headings[heading], "bold") + "\n" + example)
    wireshark = texts(language)["wireshark"]["text"]
    pages.append(paint(headings["In Wireshark"], "bold") + "\n" + filled(wireshark, _WIDTH, "  "))
    return "\n\n".join(pages)


def _fact(label: str, text: str) -> str:
    return filled(text, _WIDTH, " " * _LABEL, label + " " * (_LABEL - columns(label)))


def shortened(exchange: str) -> str:
    """An exchange of many flows alike, without the most of them: the first ones and the last."""
    lines = exchange.splitlines()
    flows = [number for number, line in enumerate(lines) if line.startswith("flow")]
    end = max((number for number in flows if number <= _LONGEST), default=0)
    if len(lines) <= _LONGEST or not end < flows[-1]:
        return exchange
    return "\n".join([*lines[:end], f"# ... {flows[-1] - end} lines more of this kind", *lines[flows[-1] :]])
