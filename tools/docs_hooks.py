"""What mkdocs asks while it builds the site: pages that may be missing, and the pictures of the gallery."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

# Section of the navigation, title, page.
OPTIONAL = (
    ("How to", "Report to people", "howto/report.md"),
    ("Reference", "Outputs", "outputs.md"),
    ("Explanation", "Gallery", "gallery.md"),
    ("Explanation", "Performance", "performance.md"),
)


def on_files(files: Any, config: Any) -> Any:
    """Draw the gallery's pictures: no file of theirs is kept."""
    from mkdocs.structure.files import File

    sys.path.insert(0, str(Path(__file__).resolve().parent))
    from make_gallery import drawings

    if (Path(config.docs_dir) / "gallery.md").is_file():
        for name, svg in drawings():
            files.append(File.generated(config, f"gallery/{name}.svg", content=svg))
    return files


def on_config(config: Any) -> Any:
    """Enter the optional pages that exist."""
    sections = {title: pages for entry in config.nav for title, pages in entry.items()}
    for section, title, page in OPTIONAL:
        if (Path(config.docs_dir) / page).is_file():
            sections[section].append({title: page})
    return config
