"""What mkdocs asks while it builds the site: pages that may be missing are in the navigation where they are there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

# Section of the navigation, title, page.
OPTIONAL = (
    ("How to", "Report to people", "howto/report.md"),
    ("Reference", "Outputs", "outputs.md"),
    ("Explanation", "Gallery", "gallery.md"),
    ("Explanation", "Performance", "performance.md"),
)


def on_config(config: Any) -> Any:
    """Enter the optional pages that exist."""
    sections = {title: pages for entry in config.nav for title, pages in entry.items()}
    for section, title, page in OPTIONAL:
        if (Path(config.docs_dir) / page).is_file():
            sections[section].append({title: page})
    return config
