"""What is in force, and from where: command line, then environment, then policy file, then default."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from pcapcheck.errors import UsageError
from pcapcheck.policy import file as policy_file
from pcapcheck.policy.keys import KEYS
from pcapcheck.policy.policy import Policy

DEFAULT: Final = "default"
CONFIG_VARIABLE: Final = "PCAPCHECK_CONFIG"


class Setting(NamedTuple):
    """A value, and the option, variable or file that says it."""

    value: Any
    origin: str


@dataclass(frozen=True, eq=False)
class Settings:
    """Every setting by the name of its key."""

    all: dict[str, Setting]
    file: str = ""  # the policy file, if one was read
    folder: str = ""  # what patterns of file names count from; empty is the working directory

    def __getitem__(self, name: str) -> Any:
        return self.all[name].value

    @property
    def policy(self) -> Policy:
        """The part that says what is found."""
        from_above = self.all["select"].origin.startswith(("--", "PCAPCHECK_"))
        return Policy(
            self["select"],
            self["ignore"],
            self["severity"],
            # What is said for some captures is said in the file: to select on the command line goes before it.
            tuple(one._replace(select=()) if from_above else one for one in self["overrides"]),
            self["expect"],
            self.folder,
        )


def settings(
    options: Mapping[str, Any],
    *,
    config: str | None = None,
    isolated: bool = False,
    start: str = "",
    environment: Mapping[str, str] = os.environ,
) -> Settings:
    """Every setting. ``options`` are those given on the command line, by key.

    The policy file is looked for from the folder ``start`` upwards; with ``isolated`` it is not, and ``config`` is one
    to read instead. Expectations of the command line are asked besides those of the file. Raises UsageError for a
    mistake in a file or a variable.
    """
    if isolated and config:
        raise UsageError("--isolated reads no policy file, and --config names one")
    config = config or environment.get(CONFIG_VARIABLE)
    found = None
    if not isolated:
        found = policy_file.read(config) if config else policy_file.find(start)
    folder = found.folder if found else ""
    known = {}
    for name, key in KEYS.items():
        known[name] = Setting(key.default, DEFAULT)
        if found and name in found.values:
            known[name] = Setting(found.values[name], found.path)
            if name == "baseline":
                known[name] = Setting(os.path.join(folder, found.values[name]), found.path)
        if key.variable and (text := environment.get(key.variable)):
            try:
                known[name] = Setting(key.read(text), key.variable)
            except UsageError as error:
                raise UsageError(f"{key.variable}: {error}") from None
        if options.get(name) is not None:
            if name == "expect" and known[name].value:
                origin = f"{known[name].origin} and --expect"
                known[name] = Setting((*known[name].value, *options[name]), origin)
            else:
                known[name] = Setting(options[name], f"--{name}")
    return Settings(known, found.path if found else "", folder)
