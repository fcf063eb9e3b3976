"""Writes the pages that are made from what runs: phrases, settings, views, mistakes with their answers."""

from __future__ import annotations

from pathlib import Path

from mistakes_page import mistakes_page
from ruamel.yaml import YAML

from capa_sync.model.view_columns import PUBLIC_VIEWS
from capa_sync.rules.docs import phrases_table, type_words
from capa_sync.rules.subjects import Kind
from capa_sync.starter import starter_path

_EXAMPLES = YAML(typ="safe").load(Path(__file__).with_name("phrase_examples.yaml").read_text(encoding="utf-8"))


def write_pages(folder: Path) -> None:
    """Write every generated page into a folder, which git ignores."""
    folder.mkdir(exist_ok=True)
    for name, text in (
        ("phrases", _phrases()),
        ("settings", _settings()),
        ("views", _views()),
        ("mistakes", mistakes_page()),
    ):
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
        kinds = ", ".join(sorted(type_words(Kind(kind)) for kind in phrase["said_of"]))
        lines += [f"`{phrase['phrase']}`", f": {phrase['means']}", f"  Said of: {kinds}."]
        lines += [f"  Example: `{phrase['example']}`", *_lives(phrase["phrase"]), ""]
    lines += ["", "## Fields", "", "| field | type | meaning | words |", "|---|---|---|---|"]
    lines += [
        f"| `{field['field']}` | {type_words(Kind(field['kind']))} | {_cell(field['means'])} "
        f"| {', '.join(field['words'])} |"
        for field in table["fields"]
    ]
    lines += ["", "## Placeholders of messages", "", "| placeholder | meaning |", "|---|---|"]
    lines += [f"| `{_cell(known['placeholder'])}` | {_cell(known['means'])} |" for known in table["placeholders"]]
    return "\n".join(lines) + "\n"


def _lives(phrase: str) -> list[str]:
    """Return a life of which a phrase's example is true and one of which it is false; a test evaluates both.

    A phrase of another distribution has none here.
    """
    known = _EXAMPLES.get(phrase, {})
    asked = f" on {known['on']}" if "on" in known else ""
    words = {"true_of": "true", "false_of": "false"}
    return [
        line
        for key, word in words.items()
        for line in (
            "",
            f"  It is {word}{asked} of:",
            "",
            "  ```yaml",
            *(f"  - {row}" for row in known[key]),
            "  ```",
        )
    ]


def _settings() -> str:
    """Return the annotated example file, which a test holds against the settings model."""
    example = (starter_path("deploy") / "settings.example.toml").read_text(encoding="utf-8")
    return (
        "# Every setting\n\nThe example file that `capa-sync init` and the package ship. A test proves that it names "
        "every key of the settings model, with its default.\n\n```toml\n" + example + "```\n"
    )


_FORMS = (
    "Every program that reads SQLite may read these views of the register file. Instants are ISO 8601 in UTC and end "
    "with `Z`; a date alone is `YYYY-MM-DD`. A text that a ticket does not have is empty, not NULL; a column is NULL "
    "only where its sentence says so. On the page, columns marked *masked* show `restricted` for a confidential "
    "ticket."
)


def _views() -> str:
    """Return the public views with a sentence for each column; a test holds them against SQLite's own list."""
    lines = ["# The register's views", "", _FORMS]
    for view in PUBLIC_VIEWS:
        lines += ["", f"## {view.name}", "", view.row, "", "| column | type | meaning |", "|---|---|---|"]
        lines += [
            f"| `{column.name}` | {column.type}{', masked' if column.masked else ''} | {_cell(column.sentence)} |"
            for column in view.columns
        ]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
