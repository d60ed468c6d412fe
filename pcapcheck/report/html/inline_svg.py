"""A matplotlib figure as an ``svg`` element inside a page that allows no inline styles."""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# On a dark page another colour for each that a chart may have; a raster of many points keeps its own.
DARK: Final = {
    "#333333": "#d3d8dd", "#555555": "#a3acb5", "#bbbbbb": "#59626b", "#e4e4e4": "#2c333a", "#999999": "#69737d",
    "#0072b2": "#4ea5e0", "#d55e00": "#ff8a3d", "#009e73": "#2fc79a", "#cc79a7": "#e59ac4", "#e69f00": "#f0b93a",
    "#767676": "#9aa4ae", "#b00020": "#ff7b72", "#cfe3f1": "#1f3c52", "#8c4a00": "#c58a52", "#9e6ab8": "#c79ae0",
    "#5c0011": "#d9536b", "#9aa4ae": "#808a94",
}  # fmt: skip

_DPI: Final = 110  # of the raster of many points

_STYLE: Final = re.compile(r' style="([^"]*)"')
_COORDINATES: Final = re.compile(r'( (?:d|x|y|transform)=")([^"]*)"')
_LONG: Final = re.compile(r"(\.\d{2})\d+")
_ID: Final = re.compile(r' id="([^"]*)"')
# What CSS says of a font in one word, as matplotlib wrote it until 3.10: [weight] size family.
_FONT: Final = re.compile(r"(?:(?P<weight>bold|\d00) )?(?P<size>[\d.]+px) (?P<family>.+)")


def inline_svg(figure: Figure, name: str, title: str, description: str) -> str:
    """The figure, its ids beginning with ``name``, with a title and a description for those who do not see it."""
    from pcapcheck.charts.drawing import svg

    return page_svg(svg(figure, _DPI), name, title, description)


def page_svg(svg: str, name: str, title: str, description: str) -> str:
    """An SVG file of matplotlib's as an element of a page."""
    box = re.search(r'viewBox="([^"]*)"', svg)
    assert box is not None
    body = svg[svg.index("</metadata>") + len("</metadata>") :].rpartition("</svg>")[0]
    body = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", body, count=1, flags=re.DOTALL)
    body = _STYLE.sub(_attributes, body)
    body = _COORDINATES.sub(_rounded, body)
    used = set(re.findall(r'(?:url\(#|href="#)([^)"]*)', body))
    body = _ID.sub(lambda found: f' id="{name}-{found[1]}"' if found[1] in used else "", body)
    body = re.sub(r'(url\(#|href="#)', rf"\g<1>{name}-", body)
    body = re.sub(r">\s+<", "><", body).strip()
    head = (
        f'<svg class="chart" viewBox="{box[1]}" role="img" aria-labelledby="{name}-t {name}-d"'
        ' xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
    )
    said = f'<title id="{name}-t">{escape(title)}</title><desc id="{name}-d">{escape(description)}</desc>'
    return f"{head}{said}{body}</svg>"


def dark_css() -> str:
    """The colours of charts for those who ask for a dark page."""
    # Not below .chart: what <use> draws is a tree of its own, in which there is no such ancestor.
    rules = "".join(
        f'[fill="{light}"]{{fill:{dark}}}[stroke="{light}"]{{stroke:{dark}}}' for light, dark in DARK.items()
    )
    return f"@media screen and (prefers-color-scheme:dark){{{rules}}}"


def _attributes(found: re.Match[str]) -> str:
    """Presentation attributes instead of a style: a policy that forbids inline styles lets them through."""
    parts = []
    for declaration in found[1].split(";"):
        name, _, value = (word.strip() for word in declaration.partition(":"))
        if name == "font" and (font := _FONT.fullmatch(value)):
            parts.append(f' font-size="{font["size"]}"')
            parts += [f' font-weight="{font["weight"]}"'] if font["weight"] else []
        elif name and name not in ("font", "font-family"):
            parts.append(f' {name}="{value}"')
    return "".join(parts)


def _rounded(found: re.Match[str]) -> str:
    short = " ".join(_LONG.sub(r"\1", found[2]).split())
    return f'{found[1]}{short}"'
