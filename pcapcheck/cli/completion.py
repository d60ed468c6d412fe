"""What a shell completes: rules and formats. Loaded rules cost a moment, so they are looked up only when asked for."""

from __future__ import annotations


def of_rules(incomplete: str) -> list[tuple[str, str]]:
    """Ids and slugs of rules, each with what it finds."""
    from pcapcheck.policy.policy import ALL_RULES

    names = [(name, one.title) for one in ALL_RULES.values() for name in (one.id, one.slug)]
    return [found for found in names if found[0].lower().startswith(incomplete.lower())]


def of_pages(incomplete: str) -> list[tuple[str, str]]:
    """Rules and diagnoses."""
    from pcapcheck.diagnoses import DIAGNOSES

    names = [(name, one.title) for one in DIAGNOSES.values() for name in (one.id, one.slug)]
    found = [one for one in names if one[0].lower().startswith(incomplete.lower())]
    return list(dict.fromkeys([*of_rules(incomplete), *found]))


def of_outputs(incomplete: str) -> list[str]:
    """``csv:`` and so on: the file name is typed."""
    from pcapcheck.report.formats import FILES_ONLY, FORMATS

    return [f"{format}:" for format in (*FORMATS, *FILES_ONLY) if format.startswith(incomplete)]
