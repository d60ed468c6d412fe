"""What is in force, as text and as JSON."""

from __future__ import annotations

import json
import textwrap
from typing import Any, Final

from pcapcheck.policy.keys import KEYS
from pcapcheck.policy.policy import Override
from pcapcheck.policy.settings import Settings
from pcapcheck.report.escape import escaped

_NAME: Final = max(map(len, KEYS))
_VALUE: Final = 24


def as_text(settings: Settings, width: int = 80) -> str:
    """A line for each setting and where it is from; below it one for each part that does not fit beside it."""
    lines = [f"policy file: {escaped(settings.file) if settings.file else 'none'}", ""]
    for name, setting in settings.all.items():
        parts = _parts(name, setting.value)
        origin = escaped(setting.origin)
        if len(parts) == 1 and len(parts[0]) <= _VALUE and _NAME + _VALUE + len(origin) + 4 <= width:
            lines.append(f"{name:{_NAME}}  {parts[0]:{_VALUE}}  {origin}")
            continue
        lines.append(
            f"{name:{_NAME}}  {'':{_VALUE}}  {origin}"
            if len(origin) + _NAME + _VALUE + 4 <= width
            else f"{name}  {origin}"
        )
        for part in parts:
            lines += textwrap.wrap(part, width, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False)
    return "\n".join(lines)


def as_json(settings: Settings) -> str:
    """One object: the file, and for each setting its value and where it is from."""
    found = {
        "policy_file": settings.file or None,
        "settings": {
            name: {"value": _plain(name, setting.value), "from": setting.origin}
            for name, setting in settings.all.items()
        },
    }
    return json.dumps(found, indent=2)


def _parts(name: str, value: Any) -> list[str]:
    if name == "severity":
        return [f"{rule} = {severity}" for rule, severity in value.items()] or ["(their own)"]
    if name == "overrides":
        return [escaped(_override(one)) for one in value] or ["(none)"]
    if name == "expect":
        return [
            escaped(" ".join(filter(None, (one.expectation.text, _aside(one.name, one.severity))))) for one in value
        ] or ["(none)"]
    if name in ("select", "ignore"):
        return [", ".join(value) or ("(all)" if name == "select" else "(none)")]
    return [escaped(str(value)) or "(none)"]


def _override(one: Override) -> str:
    said = [f"{name} {', '.join(value)}" for name, value in (("select", one.select), ("ignore", one.ignore)) if value]
    said += [f"{rule} = {severity}" for rule, severity in one.severity.items()]
    return f"{', '.join(one.paths)}: {'; '.join(said) or 'nothing'}"


def _aside(*words: str) -> str:
    said = ", ".join(filter(None, words))
    return f"({said})" if said else ""


def _plain(name: str, value: Any) -> Any:
    if name == "expect":
        return [{"that": one.expectation.text, "name": one.name, "severity": one.severity} for one in value]
    if name == "overrides":
        return [
            {key: dict(part) if key == "severity" else list(part) for key, part in one._asdict().items()}
            for one in value
        ]
    if isinstance(value, tuple):
        return list(value)
    return dict(value) if name == "severity" else value
