"""Tables in text: what is left of the first column is kept whole, the rest is numbers flush right."""

from __future__ import annotations

from collections.abc import Sequence

_INDENT = "  "
_GAP = "  "


def table(title: str, header: Sequence[str], rows: Sequence[tuple[str, ...]], width: int) -> list[str]:
    """The lines of a table under its title. A label too long for its column stands on a line of its own."""
    cells = [header, *(row[1:] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    room = width - sum(column + len(_GAP) for column in widths)
    labels = [_INDENT + row[0] for row in rows]
    first = max([len(text) for text in (title, *labels) if len(text) <= room], default=min(len(title), room))
    lines = _line(title, header, widths, first)
    for label, row in zip(labels, rows, strict=True):
        lines += _line(label, row[1:], widths, first)
    return lines


def _line(label: str, cells: Sequence[str], widths: Sequence[int], first: int) -> list[str]:
    right = "".join(_GAP + cell.rjust(column) for cell, column in zip(cells, widths, strict=True))
    if len(label) <= first:
        return [(label.ljust(first) + right).rstrip()]
    return [label.rstrip(), " " * max(first, 0) + right]
