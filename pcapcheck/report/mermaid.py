"""The ladder of one handshake as a Mermaid sequence diagram, for Markdown that draws them (GitHub, GitLab, wikis)."""

from __future__ import annotations

from pcapcheck.report.escape import escaped
from pcapcheck.report.identify import time_text
from pcapcheck.report.report import Report
from pcapcheck.report.steps import Step, story


def ladder_mermaid(report: Report, index: int) -> str:
    """The handshake at ``index`` in the order of ``report.handshakes``.

    Raises UsageError where there is no such handshake.
    """
    told = story(report, index)
    lines = [
        "sequenceDiagram",
        f"    %% {_comment(told.title)}, {time_text(told.start)}, {_comment(told.path)}",
        f"    participant C as client {_text(told.client)}",
        f"    participant S as server {_text(told.server)}",
    ]
    for step in told.steps:
        lines += [f"    {line}" for line in _step(step)]
    return "\n".join(lines) + "\n"


def _step(step: Step) -> list[str]:
    arrow = ("C->>S" if step.to_server else "S->>C").replace("->>", "-->>" if step.icmp else "->>")
    time = step.since_start if step.since_start == "no time" else f"{step.since_start} ms"
    said = step.icmp_lines if step.icmp else tuple(piece.text for piece in step.numbers)
    words = " ".join([step.flags, ", ".join(said)])
    frame = f"{step.frame} of {step.file}" if step.file else str(step.frame)
    lines = [f"{arrow}: {_text(f'{frame}, {time}: {words}')}"]
    if step.wrong:
        # Red, and readable on a light and a dark page.
        lines = ["rect rgba(214, 39, 40, 0.18)", *lines, f"Note over C,S: {_text(step.complaint)}", "end"]
    elif step.words and not step.icmp:
        lines.append(f"Note over C,S: {_text(step.words)}")
    if step.folded:
        lines.append(f"Note over C,S: {_text(step.folded)}")
    return lines


def _text(text: str) -> str:
    """Text of a message: ``#`` begins an entity, ``;`` ends a statement, and Mermaid lets HTML through."""
    return "".join(f"#{ord(letter)};" if letter in "#;<>&{}%" else letter for letter in escaped(text))


def _comment(text: str) -> str:
    """Text of a comment, which may not look like a directive (``%%{init: ...}%%``)."""
    return "".join(letter for letter in escaped(text) if letter not in "{}%")
