"""What a project asks of its captures: which rules count, how much, where, and what else is expected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from pcapcheck.diagnoses import EVENTS
from pcapcheck.expect.catalogue import EXPECTATIONS
from pcapcheck.policy.patterns import fits
from pcapcheck.rules import RULES
from pcapcheck.rules.catalogue import Rule, choose, named
from pcapcheck.rules.checked import Checked
from pcapcheck.stretch import CaptureFacts
from pcapcheck.traffic import Traffic

if TYPE_CHECKING:
    from pcapcheck.expect.ask import Asked

ALL_RULES: Final[dict[str, Rule]] = {**RULES, **EVENTS, **EXPECTATIONS}


# Nobody changes it. A MappingProxyType would say so, but does not travel to another process.
_NONE: Final[Mapping[str, str]] = {}


class Override(NamedTuple):
    """What is different for captures whose names fit one of the patterns."""

    paths: tuple[str, ...]
    select: tuple[str, ...] = ()  # instead of the policy's, where there is one
    ignore: tuple[str, ...] = ()  # besides the policy's
    severity: Mapping[str, str] = _NONE  # besides the policy's


class Policy(NamedTuple):
    """The whole of it. Rules are named by id, the beginning of ids, or slug."""

    select: tuple[str, ...] = ()  # all rules, if empty
    ignore: tuple[str, ...] = ()
    severity: Mapping[str, str] = _NONE  # of the findings of a rule, instead of its own
    overrides: tuple[Override, ...] = ()  # a later one wins
    expectations: tuple[Asked, ...] = ()
    root: str = ""  # the folder that patterns of file names count from; empty: the working directory

    def rules_for(self, path: str) -> dict[str, Rule]:
        """The rules that are asked of a capture, by id. Raises UsageError for one that does not exist."""
        own = self._overrides_for(path)
        select = next((one.select for one in reversed(own) if one.select), self.select)
        ignore = (*self.ignore, *(name for one in own for name in one.ignore))
        return {rule.id: rule for rule in choose(ALL_RULES.values(), select, ignore)}

    @property
    def together(self) -> tuple[Asked, ...]:
        """The expectations about several captures at once."""
        return tuple(one for one in self.expectations if one.expectation.overall)

    def weighed(self, checked: Iterable[Checked], path: str) -> list[Checked]:
        """The answers about one capture with the severities that the policy gives their findings."""
        if not self.severity and not any(one.severity for one in self.overrides):
            return list(checked)
        found = []
        for one in checked:
            severity = self._severity(one.rule, path)
            found.append(one._replace(answer=replace(one.answer, severities=severity)) if severity else one)
        return found

    def asked(
        self, expectations: Sequence[Asked], traffics: Sequence[Traffic], facts: Sequence[CaptureFacts]
    ) -> list[Checked]:
        """What some of its expectations find in these captures."""
        if not expectations:
            return []
        from pcapcheck.expect.ask import ask

        found = []
        for one in expectations:
            for checked in ask([one], traffics, facts, partial(fits, root=self.root)):
                path = facts[checked.capture].path
                if any(named(checked.rule, prefix) for prefix in self._ignored(path)):
                    continue
                # What the expectation itself says goes before what is said of all.
                severity = checked.answer.severities or self._severity(checked.rule, path)
                found.append(checked._replace(answer=replace(checked.answer, severities=severity)))
        return found

    def _severity(self, rule: Rule, path: str) -> str:
        """The severity that the policy gives a rule's findings in a capture; empty where it gives none."""
        for severities in (*(one.severity for one in reversed(self._overrides_for(path))), self.severity):
            # The longest name is the most particular: HS02 goes before HS.
            fitting = [name for name in severities if named(rule, name)]
            if fitting:
                return severities[max(fitting, key=lambda name: (name == rule.slug, len(name)))]
        return ""

    def _ignored(self, path: str) -> tuple[str, ...]:
        return (*self.ignore, *(name for one in self._overrides_for(path) for name in one.ignore))

    def _overrides_for(self, path: str) -> list[Override]:
        return [one for one in self.overrides if fits(path, one.paths, self.root)]
