"""Language files for people: the mistakes of a site's folder, and a whole file to edit or to translate."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from capa_sync.errors import Problem, UserError
from capa_sync.model.comment_texts import ENGLISH, CommentTexts
from capa_sync.model.userfile import yaml_files
from capa_sync.rules.comment_texts import (
    ACTION_PARTS,
    VALUES,
    is_language,
    load_comment_texts,
    shipped_languages,
)
from capa_sync.rules.rule import Rule
from capa_sync.rules.subjects import SUBJECTS
from capa_sync.rules.translating import digest_of, english_of, translation_problems
from capa_sync.rules.wording import MessageTemplate


def check_language_files(folder: Path, rules: Sequence[Rule]) -> list[Problem]:
    """Return every mistake of the language files in a folder; `rules`: those that they are for, none to ask not."""
    problems: list[Problem] = []
    for file in yaml_files([folder]):
        if file.parent != folder or file.suffix != ".yaml" or not is_language(file.stem):
            hint = "name it after the code of its language, such as de.yaml"
            problems.append(Problem(str(file), 0, "this file is not read: its name is no language", hint))
            continue
        try:
            texts = load_comment_texts(file.stem, folder, str(folder))
        except UserError as error:
            problems += error.problems
            continue
        problems += translation_problems(rules, texts, of_site=str(file)) if rules else []
    return problems


def language_file_lines(language: str, rules: Iterable[Rule], folder: Path | None) -> Iterator[str]:
    """Yield the lines of a language's file: what it has, and as comments in English what it has not.

    Raises UserError for a language that is no code, and with the mistakes of the site's file.
    """
    texts = _texts_in(language, folder)
    yield f"language: {language}"
    yield from ("", "sentences:")
    own, english = asdict(texts.sentences), asdict(ENGLISH.sentences)
    for name, sentence in own.items():
        yield _line("  ", name, sentence.strip(), is_own=sentence != english[name])
    yield from ("", f"{'' if texts.months != ENGLISH.months else '# '}months: [{', '.join(texts.months)}]")
    yield from ("", "fields:")
    labels = {name: subject.label for name, subject in SUBJECTS.items()} | {name: name for name in ACTION_PARTS}
    yield from _words(labels, texts.fields)
    yield from ("", "values:")
    yield from _words({value: value.replace("_", " ") for value in VALUES}, texts.values)
    if language != ENGLISH.language:
        yield from ("", "rules:")
        for rule in rules:
            yield from _rule_lines(rule, texts)


def _texts_in(language: str, folder: Path | None) -> CommentTexts:
    if not is_language(language):
        what = f"'{language[:40]}' is no code of a language"
        raise UserError([Problem("", 0, what, "write two small letters, such as de")])
    has_file = folder is not None and (folder / f"{language}.yaml").exists()
    if language in shipped_languages() or has_file:
        return load_comment_texts(language, folder, str(folder or ""))
    return CommentTexts(language)


def _words(english: Mapping[str, str], own: Mapping[str, str]) -> Iterator[str]:
    for name, word in english.items():
        yield _line("  ", name, own.get(name, word), is_own=name in own)


def _rule_lines(rule: Rule, texts: CommentTexts) -> Iterator[str]:
    """Yield the texts of one rule; a file that has none for its English gets the English as comments."""
    entries = [entry for entry in texts.rules.get(rule.id, ()) if entry.of in ("", digest_of(rule))]
    title = next((entry.title for entry in entries if entry.title), "")
    parts = {"message": rule.message, "fix": rule.fix}
    own = {name: next((t for e in entries if (t := _texts_of(e, name))), ()) for name in parts}
    is_own = bool(title or any(own.values()))
    lead = "  " if is_own else "  # "
    yield f"{lead}{rule.id}:"
    yield f"{lead}  of: {json.dumps(digest_of(rule))}"
    yield _line(f"{lead}  ", "title", title or rule.title, is_own=not is_own or bool(title))
    for name, template in parts.items():
        yield from _part_lines(lead, name, own[name], template, is_own=is_own)


def _texts_of(entry: object, name: str) -> tuple[str, ...]:
    found: tuple[str, ...] = getattr(entry, name)
    return found


def _part_lines(
    lead: str, name: str, own: Sequence[str], template: MessageTemplate, *, is_own: bool
) -> Iterator[str]:
    texts = own if len(own) == len(template.variants) else english_of(template)
    mark = "" if not is_own or texts is own else "# "
    yield f"{lead}  {mark}{name}:"
    yield from (f"{lead}    {mark}- {json.dumps(' '.join(text.split()), ensure_ascii=False)}" for text in texts)


def _line(lead: str, name: str, text: str, *, is_own: bool) -> str:
    return f"{lead}{'' if is_own else '# '}{name}: {json.dumps(text, ensure_ascii=False)}"
