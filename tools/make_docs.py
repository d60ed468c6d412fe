"""Writes docs/rules.md and docs/rules/*.md from the rules: ``python tools/make_docs.py [--check]``.

With ``--check`` nothing is written; pages that differ from the rules are named, and the exit code is 1.
"""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
sys.path.insert(0, str(ROOT))  # this tree's rules, also where another version is installed

from pcapcheck.rules import RULES, Rule  # noqa: E402

# The groups of the catalogue, by the letters that an id begins with.
GROUPS = {
    "CAP": "What the capture lacks",
    "HS": "Order and numbers",
    "IC": "ICMP",
    "OC": "Outcomes",
    "OP": "Options",
    "RS": "Resets",
    "ST": "Shapes",
}

INTRODUCTION = """\
# Rules

Every rule answers pass, fail, not applicable or undecidable for each handshake (or once for the capture). A failed one
is a finding. `pcapcheck explain RULE` prints the same pages; `--select` and `--ignore` take an id, the beginning of
one, or a name.

Severities: **error** contradicts the standard, **warning** is a failure or a deviation with harmless causes too,
**note** is worth knowing, **info** only names what was seen.
"""


def letters(rule: Rule) -> str:
    return rule.id.rstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ").rstrip("0123456789")


def index() -> str:
    """The table of all rules."""
    parts = [INTRODUCTION]
    for group, rules in groupby(RULES.values(), letters):
        parts.append(f"## {GROUPS[group]}\n\n| id | name | severity | finds |\n|---|---|---|---|\n")
        parts[-1] += "".join(
            f"| [{rule.id}](rules/{rule.id}.md) | `{rule.slug}` | {rule.severity} | {rule.title} |\n" for rule in rules
        )
    return "\n".join(parts)


def page(rule: Rule) -> str:
    """The manual page of one rule."""
    parts = [
        f"# {rule.id} `{rule.slug}`\n",
        f"{rule.title}\n",
        f"| severity | reference | needs |\n|---|---|---|\n| {rule.severity} | {rule.reference} | {rule.needs} |\n",
    ]
    parts += [f"## {heading}\n\n{text}\n" for heading, text in rule.sections.items()]
    parts += [f"## Found in\n\n```\n{rule.fires}\n```\n", f"## Not found in\n\n```\n{rule.silent}\n```\n"]
    return "\n".join(parts)


def pages() -> dict[Path, str]:
    made = {DOCS / "rules" / f"{rule.id}.md": page(rule) for rule in RULES.values()}
    return {DOCS / "rules.md": index(), **made}


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    made = pages()
    kept = set((DOCS / "rules").glob("*.md"))
    stale = [path for path, text in made.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    superfluous = sorted(kept - set(made))
    for path in (*stale, *superfluous):
        print(path.relative_to(ROOT))
    if not arguments:
        (DOCS / "rules").mkdir(parents=True, exist_ok=True)
        for path in stale:
            path.write_text(made[path], encoding="utf-8")
        for path in superfluous:
            path.unlink()
    return 1 if arguments and (stale or superfluous) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
