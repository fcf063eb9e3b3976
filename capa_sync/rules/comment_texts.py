"""Reads language files: our sentences for tickets, and the texts of rules, in one language.

A file of the site says less or more than the shipped one of its language: sentence by sentence the site's counts,
then the shipped one, then English. Every mistake becomes one Problem with file, line and hint.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, fields, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from string import Formatter

from capa_sync.errors import Problem, UserError
from capa_sync.model.comment_texts import ENGLISH, CommentTexts, RuleTexts, Sentences
from capa_sync.model.near import did_you_mean
from capa_sync.model.userfile import decoded, read_user_file
from capa_sync.model.write import finds_the_day
from capa_sync.rules import translations
from capa_sync.rules.phrases.phrase import PhraseError
from capa_sync.rules.reading import check_keys, items_of, text_of
from capa_sync.rules.subjects import SUBJECTS
from capa_sync.rules.wording import read_sentence
from capa_sync.rules.yaml_lines import Items, Problems, Text, Tree, YamlTable, read_yaml
from capa_sync.yamlfiles import LARGEST

LONGEST_SENTENCE = 160
"""Characters of a sentence, names in braces included; with it a whole text keeps within its limit."""
ACTION_PARTS = ("text", "evidence")
"""Parts of an action that are no fields of a record; `fields` of a language file names them too."""
_ENGLISH = asdict(ENGLISH.sentences)
_KEYS = ("language", "sentences", "months", "fields", "values", "rules")
_RULE_KEYS = ("of", "title", "message", "fix")
_NAMES = (*SUBJECTS, *ACTION_PARTS)
VALUES = (
    *dict.fromkeys(choice for subject in SUBJECTS.values() for choice in subject.choices),
    *("stage", "grade", "closure"),  # in what joined tickets disagree
)


def shipped_languages() -> tuple[str, ...]:
    """Return the codes of the languages that are shipped: English, and those with a language file."""
    found = (file.name.removesuffix(".yaml") for file in files(translations).iterdir() if file.name.endswith(".yaml"))
    return (ENGLISH.language, *sorted(found))


def is_language(code: str) -> bool:
    """Return whether a text has the form of a language's code, such as `de`."""
    parts = code.split("-")
    are_words = all(part.isascii() and part.isalpha() and part.islower() for part in parts)
    return are_words and len(parts) <= 2 and all(2 <= len(part) <= 4 for part in parts)


def load_comment_texts(language: str, folder: Path | None = None, shown: str = "") -> CommentTexts:
    """Return the texts of a language: the shipped ones, and over them those of `LANGUAGE.yaml` in a site's folder.

    `shown` is how the user named the folder. Raises UserError with every mistake of the site's file, and when the
    language has neither file.
    """
    if not is_language(language):
        raise UserError([Problem("", 0, f"'{language[:40]}' is no code of a language", "write one such as de")])
    is_shipped = language in shipped_languages()
    texts = _shipped(language) if is_shipped else CommentTexts(language)
    file = folder / f"{language}.yaml" if folder is not None else None
    if file is None or not file.exists():
        if not is_shipped:
            raise UserError([Problem("", 0, f"there are no texts in '{language}'", _no_texts(language, shown))])
        return texts
    name = str(Path(shown or folder or "") / file.name)
    content = decoded(read_user_file(file, name, LARGEST), name)
    problems = Problems(name)
    merged = _merged(texts, content, problems)
    if problems.found:
        raise UserError(problems.found)
    return merged


def _no_texts(language: str, shown: str) -> str:
    known = ", ".join(shipped_languages())
    place = f"{shown or 'texts'}/{language}.yaml"
    return f"shipped are {known}; or write {place}: `capa-sync rules texts {language}` prints a beginning"


@cache
def _shipped(language: str) -> CommentTexts:
    """Return the shipped texts of a language; a test holds every one of their files free of mistakes."""
    if language == ENGLISH.language:
        return ENGLISH
    content = (files(translations) / f"{language}.yaml").read_text(encoding="utf-8")
    problems = Problems(f"{language}.yaml")
    texts = _merged(CommentTexts(language), content, problems)
    if problems.found:
        raise UserError(problems.found)
    return texts


def _merged(texts: CommentTexts, content: str, problems: Problems) -> CommentTexts:
    """Return the texts with those of a file over them."""
    document = read_yaml(content, problems, begin="begin with `language:` and its code")
    if document is None:
        return texts
    if not isinstance(document, YamlTable):
        problems.add(1, "a language file must hold `key: value` lines", "begin with `language:` and its code")
        return texts
    check_keys(document, _KEYS, "a language file has no key", problems)
    _check_language(document, texts.language, problems)
    sentences = _sentences(document, problems)
    rules = dict(texts.rules)
    for rule, entry in _rules(document, texts.language, problems).items():
        rules[rule] = (entry, *rules.get(rule, ()))
    merged = replace(
        texts,
        digest=hashlib.sha256((texts.digest + content).encode()).hexdigest(),
        sentences=replace(texts.sentences, **sentences),
        months=_months(document, problems) or texts.months,
        fields={**texts.fields, **_words(document, "fields", "field", _NAMES, problems)},
        values={**texts.values, **_words(document, "values", "option", VALUES, problems)},
        rules=rules,
    )
    _check_dates(document, merged, problems)
    return merged


def _check_language(document: YamlTable, language: str, problems: Problems) -> None:
    if (tree := document.get("language")) is None:
        problems.add(document.line, "`language:` is missing", f"write `language: {language}`")
    elif not isinstance(tree, Text) or tree.value != language:
        problems.add(tree.line, f"`language:` must be '{language}', like the name of the file", "")


def _table(document: YamlTable, key: str, problems: Problems) -> YamlTable | None:
    tree = document.get(key)
    if tree is None or isinstance(tree, YamlTable):
        return tree
    if not (isinstance(tree, Text) and tree.absent):
        problems.add(tree.line, f"'{key}' must hold `name: text` lines", "write one below it for each text")
    return None


def _sentences(document: YamlTable, problems: Problems) -> dict[str, str]:
    """Return name -> sentence, with the blanks at both ends that the English one has."""
    table, found = _table(document, "sentences", problems), {}
    if table is None:
        return {}
    check_keys(table, SENTENCES, "there is no sentence", problems)
    for key, tree in table:
        if key.value not in _ENGLISH or not (text := text_of(tree, f"'{key.value}'", problems, key.line)):
            continue
        english, words = _ENGLISH[key.value], " ".join(text.split())
        if _is_sound(key, words, english, problems):
            found[key.value] = f"{_blank(english[:1])}{words}{_blank(english[-1:])}"
    return found


SENTENCES = tuple(field.name for field in fields(Sentences))


def _blank(character: str) -> str:
    return " " if character == " " else ""


def _is_sound(key: Text, text: str, english: str, problems: Problems) -> bool:
    """Return whether a sentence has the names in braces that the English one has, and is not too long."""
    wanted, names = _names_in(english), _names_in(text)
    if names is None or wanted is None:
        problems.add(key.line, f"the braces of '{key.value}' are not closed", "write {name} with one on each side")
    elif strange := sorted(names - wanted):
        hint = did_you_mean(strange[0], sorted(wanted)) or f"it has {_listed(wanted)}"
        problems.add(key.line, f"'{key.value}' has no {{{strange[0]}}}", hint)
    elif missing := sorted(wanted - names):
        problems.add(key.line, f"'{key.value}' lacks {{{missing[0]}}}", f"in English: {english.strip()}")
    elif len(text) > LONGEST_SENTENCE:
        problems.add(key.line, f"'{key.value}' has {len(text)} characters", f"write at most {LONGEST_SENTENCE}")
    else:
        return True
    return False


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in sorted(names)) or "no names in braces"


def _names_in(text: str) -> set[str] | None:
    """Return the names in braces; None where the braces do not match, or hold more than a name."""
    try:
        parts = [*Formatter().parse(text)]
    except ValueError:
        return None
    if any(form or conversion for _, name, form, conversion in parts if name is not None):
        return None
    return {name for _, name, _, _ in parts if name is not None}


def _months(document: YamlTable, problems: Problems) -> tuple[str, ...]:
    if (tree := document.get("months")) is None:
        return ()
    names = [member.value for member in items_of(tree, "'months'", problems) if isinstance(member, Text)]
    if isinstance(tree, Items) and (len(names) != len(ENGLISH.months) or not all(name.isalpha() for name in names)):
        problems.add(tree.line, "'months' must be the names of the 12 months", "one word each, in their order")
        return ()
    return tuple(names)


def _words(document: YamlTable, key: str, what: str, known: tuple[str, ...], problems: Problems) -> dict[str, str]:
    found = {}
    for name, tree in _table(document, key, problems) or ():
        if name.value not in known:
            hint = did_you_mean(name.value, known) or "`capa-sync rules texts` prints all names"
            problems.add(name.line, f"there is no {what} '{name.value}'", hint)
        found[name.value] = " ".join(text_of(tree, f"'{name.value}'", problems, name.line).split())[:80]
    return {name: text for name, text in found.items() if text}


def _rules(document: YamlTable, language: str, problems: Problems) -> dict[str, RuleTexts]:
    table = _table(document, "rules", problems)
    if table is None:
        return {}
    if language == ENGLISH.language:
        problems.add(table.line, "the English texts of a rule stand in its own file", "edit message and fix there")
        return {}
    return {key.value: _rule(key, tree, problems) for key, tree in table}


def _rule(key: Text, tree: Tree, problems: Problems) -> RuleTexts:
    """Return the texts of one rule; whether the rule exists is asked when the rules are known (`translating`)."""
    if not isinstance(tree, YamlTable):
        problems.add(key.line, f"'{key.value}' must hold `name: text` lines", "write `message: …` below it")
        return RuleTexts()
    check_keys(tree, _RULE_KEYS, "a rule of a language file has no key", problems)

    def texts(name: str) -> tuple[str, ...]:
        value = tree.get(name)
        listed = value.members if isinstance(value, Items) else () if value is None else (value,)
        return tuple(_sound_text(member, f"'{name}' of {key.value}", problems) for member in listed)

    title = tree.get("title")
    of = tree.get("of")
    return RuleTexts(
        title=" ".join(text_of(title, "'title'", problems, key.line).split()) if title is not None else "",
        message=texts("message"),
        fix=texts("fix"),
        of=of.value if isinstance(of, Text) else "",
        file=problems.file,
        line=key.line,
    )


def _sound_text(tree: Tree, what: str, problems: Problems) -> str:
    """Return a message or fix, whose placeholders are read as in a rule file."""
    text = text_of(tree, what, problems, tree.line)
    try:
        read_sentence(text)
    except PhraseError as error:
        problems.add(tree.line, f"{what}: {error.what}", error.hint)
    return text


def _check_dates(document: YamlTable, texts: CommentTexts, problems: Problems) -> None:
    """Refuse dates that are not found again in a text: a new instant alone must be no reason to write."""
    say = texts.sentences
    day = say.date.format(day=4, month=texts.months[2], year=2026)
    headings = {"as_of": say.as_of.format(instant=f"{day} 10:15 UTC+1"), "clear": say.clear.format(day=day)}
    for name, heading in headings.items():
        if not finds_the_day(heading, day):
            table = document.get("sentences")
            line = table.line if table is not None else document.line
            hint = f"put it in round brackets, a date as day, month in letters, year: {_ENGLISH[name].strip()}"
            problems.add(line, f"'{name}' shows no date that can be found again", hint)
