"""The keys of a policy file: what each is called, what it takes, and what holds without it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from pcapcheck.policy import values


class Key(NamedTuple):
    """A setting. ``read`` turns what TOML or the environment gives into the value, or raises UsageError."""

    name: str
    takes: str
    meaning: str
    default: Any
    read: Callable[[Any], Any]
    from_text: bool = True  # also from the environment: PCAPCHECK_FAIL_ON

    @property
    def variable(self) -> str:
        """The environment variable, empty where there is none."""
        return f"PCAPCHECK_{self.name.upper().replace('-', '_')}" if self.from_text else ""


_ALL: Final = (
    Key("format", "text", "what goes to standard output", "text", values.format),
    Key("fail-on", "text", "exit with 1 if a finding is as severe as this, or more", "error", values.fail_on),
    Key("require-handshakes", "number", "exit with 1 if fewer handshakes could be judged", 0, values.number),
    Key("select", "list of rules", "only these rules", (), values.rules),
    Key("ignore", "list of rules", "not these rules", (), values.rules),
    Key("baseline", "file name", "report only what this baseline does not know", "", values.text),
    Key("severity", "table", "severity of the findings of a rule", {}, values.severities, from_text=False),
    Key("overrides", "tables", "what is different for some captures", (), values.overrides, from_text=False),
    Key("expect", "tables or texts", "expectations", (), values.expectations, from_text=False),
)  # fmt: skip

KEYS: Final[dict[str, Key]] = {key.name: key for key in _ALL}
