"""Writes the pages that are made from the tables that run: phrases, settings, views."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path

from capa_sync.rules.docs import phrases_table
from capa_sync.starter import starter_path
from capa_sync.store import open_register
from capa_sync.store.views import VIEWS


def write_pages(folder: Path) -> None:
    """Write every generated page into a folder, which git ignores."""
    folder.mkdir(exist_ok=True)
    for name, text in (("phrases", _phrases()), ("settings", _settings()), ("views", _views())):
        (folder / f"{name}.md").write_text(text, encoding="utf-8")


def _phrases() -> str:
    """Return the vocabulary: phrases by family, then fields, then placeholders of messages."""
    table = phrases_table()
    lines = ["# Every phrase, field and placeholder", "", "Made from the table that the rule engine runs."]
    family = ""
    for phrase in table["phrases"]:
        if phrase["family"] != family:
            family = phrase["family"]
            lines += ["", f"## {family.capitalize()}", ""]
        lines += [f"`{phrase['phrase']}`", f": {phrase['means']}", f"  Example: `{phrase['example']}`", ""]
    lines += ["", "## Fields", "", "| field | type | meaning | words |", "|---|---|---|---|"]
    lines += [
        f"| `{field['field']}` | {field['kind']} | {_cell(field['means'])} | {', '.join(field['words'])} |"
        for field in table["fields"]
    ]
    lines += ["", "## Placeholders of messages", "", "| placeholder | meaning |", "|---|---|"]
    lines += [f"| `{_cell(each['placeholder'])}` | {_cell(each['means'])} |" for each in table["placeholders"]]
    return "\n".join(lines) + "\n"


def _settings() -> str:
    """Return the annotated example file, which a test holds against the settings model."""
    example = (starter_path("deploy") / "settings.example.toml").read_text(encoding="utf-8")
    return (
        "# Every setting\n\nThe example file that `capa-sync init` and the package ship. A test proves that it names "
        "every key of the settings model, with its default.\n\n```toml\n" + example + "```\n"
    )


def _views() -> str:
    """Return the public views with their columns, read from a register that was just made."""
    lines = ["# The register's views", "", "Columns as an opened register has them.", ""]
    with tempfile.TemporaryDirectory() as folder:
        register = open_register(Path(folder) / "register.db", clock_now=datetime.now(UTC))  # noqa: TID251 - a page
        try:
            for name in (view for view in VIEWS if view.startswith("v_")):
                columns = ", ".join(f"`{column}`" for column in register.view_columns(name))
                lines += [f"## {name}", "", columns, ""]
        finally:
            register.close()
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
