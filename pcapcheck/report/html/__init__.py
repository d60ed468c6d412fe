"""The report as one HTML file that needs nothing else: no network, no script to be read, no style but its own."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from importlib.resources import files
from itertools import pairwise
from typing import Any, Final

from pcapcheck.report.html.figures import Chart, charts_of, colours
from pcapcheck.report.html.inline_svg import dark_css
from pcapcheck.report.ladder_svg import css as ladder_css
from pcapcheck.report.ladder_svg import svg as ladder
from pcapcheck.report.overview import Overview, overview
from pcapcheck.report.report import Report
from pcapcheck.report.rtt_table import milliseconds
from pcapcheck.report.steps import story
from pcapcheck.tables import ABSENT
from pcapcheck.texts import texts

# What the page may weigh, and what a finding that is shown does without its ladder: the rest is for ladders.
_MOST_OCTETS: Final = 1_900_000
_FINDING_OCTETS: Final = 2_800
_LADDER_ROWS: Final = 16
_MOST_CAPTURES: Final = 200

WORDS: Final = {
    "outcomes": "Outcomes",
    "causes": "Causes",
    "circumstances": "Also true of them",
    "findings": "Findings",
    "times": "Round-trip times",
    "servers": "Servers",
    "captures": "Captures",
    "softened": "What faults of the capture leave undecided",
    "skipped": "Not decoded",
    "reproduce": "How to reproduce",
}


def html(report: Report, *, command: Sequence[str] = (), language: str = "en") -> str:
    """The page. ``command`` is what it names under "How to reproduce".

    In another language than English headings and what rules and diagnoses say stand in it; the rest stays.
    """
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    said = overview(report, command)
    words = WORDS if language == "en" else texts(language)["report"]
    # jinja2 escapes all but Markup: what is Markup here holds nothing that was not escaped when it was made.
    style = Markup(f"{_source('page.css')}{ladder_css(dark=False)}{_dark_ladders()}{dark_css()}")
    script = Markup(_source("page.js"))
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters["marked"] = _marked
    environment.filters["title"] = lambda one: one.title if language == "en" else texts(language)[one.id]["title"]
    environment.filters["ms"] = lambda number: "" if number == ABSENT else milliseconds(number)
    template = environment.from_string(_source("page.html.j2"))
    charts = charts_of(report)
    shown = sum(len(group.shown) for group in said.rules)
    room = _MOST_OCTETS - sum(len(chart.svg) for chart in charts) - shown * _FINDING_OCTETS
    return template.render(
        said=said,
        language=language,
        words=words,
        headings={name: words[name] for name in _sections(said, charts)},
        bars=_bars(said),
        captures=said.captures[:_MOST_CAPTURES],
        shown=shown,
        found=sum(group.total for group in said.rules),
        found_outcomes=sorted({one.outcome for group in said.rules for one in group.shown} - {""}),
        found_servers=sorted({one.server for group in said.rules for one in group.shown} - {""}),
        charts=charts,
        colours=colours(),
        figure=_figure,
        ladders=_Ladders(report, room),
        style=style,
        script=script,
        style_hash=_hash(style),
        script_hash=_hash(script),
    )


def _sections(said: Overview, charts: Sequence[Chart]) -> list[str]:
    return [
        *(["outcomes"] if said.outcomes else []),
        *(["causes"] if said.causes or said.circumstances else []),
        "findings",
        *(["times"] if said.estimates or said.intervals or any(one.name != "outcomes" for one in charts) else []),
        *(["servers"] if said.servers else []),
        "captures",
        "reproduce",
    ]


def _bars(said: Overview) -> list[tuple[str, str]]:
    """Where the part of each outcome begins, and how wide it is, of 1000."""
    ends = [0]
    for one in said.outcomes:
        ends.append(ends[-1] + one.total)
    total = max(ends[-1], 1)
    return [(f"{1000 * a / total:.2f}", f"{1000 * (b - a) / total:.2f}") for a, b in pairwise(ends)]


class _Ladders:
    """Deals out the ladders of handshakes: the first time the drawing, then a reference to it."""

    def __init__(self, report: Report, room: int) -> None:
        self._report = report
        self._boxes: dict[int, str] = {}
        self._room = room  # octets

    def take(self, handshake_id: int) -> Any:
        """The ladder as an element, or nothing where there is no more room for it."""
        from markupsafe import Markup

        name = f"h{handshake_id}"
        if handshake_id in self._boxes:
            return Markup(
                f'<svg class="ladder" {self._boxes[handshake_id]} role="img" aria-labelledby="{name}-t {name}-d">'
                f'<use href="#{name}"/></svg>'
            )
        if self._room <= 0:
            return ""
        drawn = ladder(story(self._report, handshake_id - 1), name=name, most=_LADDER_ROWS)
        self._room -= len(drawn)
        box = re.search(r'viewBox="[^"]*" width="\d+" height="[\d.]+"', drawn)
        assert box is not None
        self._boxes[handshake_id] = box[0]
        return Markup(
            drawn.replace("</desc>", f'</desc><g id="{name}" class="ladder">', 1).replace("</svg>", "</g></svg>")
        )


def _figure(chart: Chart) -> Any:
    from markupsafe import Markup

    region = f'<div class="scroll" tabindex="0" role="group" aria-label="Chart: {chart.title}">'
    return Markup(f"<figure>{region}{chart.svg}</div></figure>")


def _marked(text: str) -> Any:
    """A text of the catalogue, which marks what is code with backquotes."""
    from markupsafe import Markup, escape

    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _dark_ladders() -> str:
    dark = ladder_css()
    return dark[dark.index("@media") :].replace("@media (", "@media screen and (", 1)


def _source(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"
