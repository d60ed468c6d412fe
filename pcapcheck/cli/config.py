"""``pcapcheck config``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from pcapcheck.cli.options import Config, Isolated
from pcapcheck.cli.running import say, settings_of, width


class ConfigFormat(StrEnum):
    text = "text"
    json = "json"


def config(
    config: Config = None,
    isolated: Isolated = False,
    format: Annotated[ConfigFormat, typer.Option(help="How it is written.")] = ConfigFormat.text,
) -> None:
    """Show the settings in force, and where each is from.

    The command line goes before the environment (PCAPCHECK_FAIL_ON and so on), that before the policy file, that before
    the default.
    """
    from pcapcheck.policy.describe import as_json, as_text

    settings = settings_of(config, isolated)
    say(as_json(settings) if format is ConfigFormat.json else as_text(settings, width()))
