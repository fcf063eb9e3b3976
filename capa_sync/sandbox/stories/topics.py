"""Reads the texts of the stories from `texts/SOURCE.toml`: what each ticket is about."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from importlib.resources import files

from capa_sync.model.light import light

SOURCES = ("jira", "jira-dc", "servicenow")
TWINS = ("broken", "clean")


@light
class Topic:
    """The texts of one story; words in braces differ between the broken story and its clean twin.

    Attributes:
        rule: the rule that the story is about.
        source: the tracker.
        twin: "broken" or "clean".
    """

    rule: str
    source: str
    twin: str
    texts: Mapping[str, str]
    slots: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        """Return a text with this twin's words, or one of the words; raises KeyError if the file has neither."""
        return self.slots[name] if name in self.slots else self.texts[name].format_map(self.slots)

    def get(self, name: str, default: str = "") -> str:
        """Return a text, or the default if the file has none."""
        return self[name] if name in self.texts or name in self.slots else default


def read_topics() -> Iterator[Topic]:
    """Yield every topic twice: once for each twin."""
    for source in SOURCES:
        file = files(__package__) / "texts" / f"{source}.toml"
        for rule, texts in tomllib.loads(file.read_text(encoding="utf-8")).items():
            plain = {name: text for name, text in texts.items() if name not in TWINS}
            for twin in TWINS:
                yield Topic(rule, source, twin, plain, texts[twin])
