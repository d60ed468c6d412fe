"""The texts for people in other languages than English: rules, diagnoses and headings, by id.

English stands in the docstrings of rules and diagnoses. What programs read (ids, slugs, names of columns and options,
outcomes) and charts are never translated.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

from pcapcheck.errors import UsageError

LANGUAGES: Final = ("en", "zh")

# The headings of a manual page, and the keys of their texts in the TOML files.
KEYS: Final = {
    "What it means": "means",
    "Why it matters": "why",
    "Common causes": "causes",
    "What to look at next": "next",
    "What else it could be": "else",
    "How to decide": "decide",
    "What the application saw": "application",
}


def language(wanted: str | None, environment: Mapping[str, str]) -> str:
    """The language of texts for people: what is asked for, else PCAPCHECK_LANG, else the locale's if it is known.

    Raises UsageError for one that is asked for and not there.
    """
    for asked, where in ((wanted, "--lang"), (environment.get("PCAPCHECK_LANG"), "PCAPCHECK_LANG")):
        if asked:
            if asked not in LANGUAGES:
                raise UsageError(f"{where} {asked}: there is {' and '.join(LANGUAGES)}")
            return asked
    # In the order of POSIX: the first that is set counts.
    locale = next(filter(None, map(environment.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    return "zh" if locale.startswith("zh") else "en"


@cache
def texts(language: str) -> dict[str, dict[str, str]]:
    """The texts of a language: by id of a rule or diagnosis ``title`` and KEYS, and the ``headings``."""
    found: dict[str, dict[str, str]] = {}
    for file in sorted((files(__package__) / language).iterdir(), key=lambda file: file.name):
        for id, values in tomllib.loads(file.read_text(encoding="utf-8")).items():
            found.setdefault(id, {}).update(values)
    return found
