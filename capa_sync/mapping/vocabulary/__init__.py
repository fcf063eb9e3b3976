"""What trackers call fields, statuses and options in four languages: lists in YAML files, read at first use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from capa_sync.mapping.texts import normalise
from capa_sync.model.light import light
from capa_sync.model.patterns import ASIDE, CAMEL
from capa_sync.yamlfiles import load_with_lines

LANGUAGES = ("en", "de", "fr", "es")
Words = tuple[str, ...]
_LONGEST = 200


@light
class ListedName:
    """One name: our word for it, its words, these sorted without particles, and whether it is likely or perhaps."""

    meaning: str
    words: Words
    core: Words
    is_likely: bool


@light
class LanguageNames:
    """The names of one language.

    Attributes:
        particles: words such as `of`. neutral: words that say nothing in the name of a field.
        fields, statuses: names with our word for each. never: names of no field of ours.
        options: canonical field -> names of its options. subtasks, links: names of children.
    """

    language: str
    particles: frozenset[str]
    neutral: frozenset[str]
    fields: tuple[ListedName, ...]
    never: frozenset[Words]
    statuses: tuple[ListedName, ...]
    options: Mapping[str, tuple[ListedName, ...]]
    subtasks: tuple[ListedName, ...]
    links: tuple[ListedName, ...]


@lru_cache(maxsize=5_000)
def words_of(name: str) -> Words:
    """Return the words of a name in the form in which names are compared.

    Brackets, punctuation, capitals and the plural `s` are left out; `rootCause` and `root_cause` are two words.
    """
    name = normalise(name[:_LONGEST])
    name = name.removesuffix("_ids").removesuffix("_id") if "_" in name else name  # a reference, named as a column
    text = CAMEL.sub(" ", ASIDE.sub(" ", name))
    spaced = "".join(character if character.isalnum() else " " for character in text.casefold())
    return tuple(_singular(word) for word in spaced.split())


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def core_of(words: Words, without: frozenset[str]) -> Words:
    """Return the other words, in the order of the alphabet."""
    return tuple(sorted(word for word in words if word not in without))


@cache
def vocabularies() -> tuple[LanguageNames, ...]:
    """Return the names of every language."""
    return tuple(map(_read, LANGUAGES))


def _read(language: str) -> LanguageNames:
    data = load_with_lines((files(__package__) / f"{language}.yaml").read_text(encoding="utf-8")).data
    particles, neutral = (
        frozenset(word for text in data[key] for word in words_of(str(text))) for key in ("particles", "neutral")
    )
    return LanguageNames(
        language,
        particles,
        neutral,
        tuple(_phrases(data["fields"], particles)),
        frozenset(words_of(str(name)) for name in data["never"]),
        tuple(_phrases(data["statuses"], particles)),
        {name: tuple(_phrases(words, particles)) for name, words in data["options"].items()},
        tuple(_phrases(data["subtasks"], particles)),
        tuple(_phrases(data["links"], particles)),
    )


def _phrases(listed: Mapping[str, Any], particles: frozenset[str]) -> Iterator[ListedName]:
    """Yield the phrases of a section; a plain list holds likely names."""
    for meaning, names in listed.items():
        groups = names if isinstance(names, dict) else {"likely": names}
        for strength, group in groups.items():
            for name in group:
                words = words_of(str(name))
                yield ListedName(str(meaning), words, core_of(words, particles), strength == "likely")
