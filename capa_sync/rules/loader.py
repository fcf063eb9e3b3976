"""Loads rule files into a rule set; when a file has a mistake, all mistakes are reported and nothing is loaded."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache, partial
from pathlib import Path

from capa_sync.errors import Problem, RuleFileError, UserError
from capa_sync.model.near import near_or_all
from capa_sync.model.settings import RECURS_WITHIN, JudgeOptions
from capa_sync.model.userfile import decoded, read_user_file, yaml_files
from capa_sync.rules.case import Case
from capa_sync.rules.later_cases import LaterCases, without_tests
from capa_sync.rules.phrases.registered import Registered
from capa_sync.rules.phrases.table import Vocabulary, vocabulary
from capa_sync.rules.profiles import PACK, PROFILES
from capa_sync.rules.rule import Rule
from capa_sync.rules.ruleset import RuleSet
from capa_sync.rules.schema import read_rule
from capa_sync.rules.yaml_lines import Problems
from capa_sync.yamlfiles import LARGEST

Parsed = Callable[[str, str, Vocabulary], tuple[Rule | None, Sequence[Problem], bool]]
"""Returns the rule of a text, its mistakes in the order of their lines, and whether it could be read to its end."""
MOST_FILES, MOST_BYTES = 500, 2 * 1_024 * 1_024
"""Most rule files of a set, and most bytes that they may have together."""
_RULE_FILES = "rule files end in .yaml"
LANGUAGE = 3
"""Version of the meaning of phrases and of the content of verdicts; part of a rule set's hash.

A new version evaluates every ticket again.
"""


def load_rules(paths: Iterable[str | Path], options: JudgeOptions | None = None) -> RuleSet:
    """Return the rules of some files and folders, ready to evaluate records under these options.

    Raises RuleFileError with every mistake of every file.
    """
    named = list(paths)
    return _rule_set(*_read(named, yaml_files(named), options or JudgeOptions()), options or JudgeOptions())


def rules_from(texts: Mapping[str, str], options: JudgeOptions, *, are_tested: bool = False) -> RuleSet:
    """Return the rules of texts that were stored earlier, by the names of their files.

    Where they `are_tested`, the tests inside them are read when one is used. Raises RuleFileError with every mistake.
    """
    content = {Path(name): text.encode() for name, text in texts.items()}
    parsed = _untested if are_tested else _parsed
    return _rule_set(*_read([*texts], content, options, lambda file: content[file], parsed), options)


def _rule_set(rules: list[Rule], texts: dict[str, bytes], problems: list[Problem], options: JudgeOptions) -> RuleSet:
    if problems:
        raise RuleFileError(problems)
    *former, digest = (_hash(texts, options, _origins(rules), version) for version in range(1, LANGUAGE + 1))
    return RuleSet(rules, options, digest, {name: text.decode() for name, text in texts.items()}, former)


def check_rules(paths: Iterable[str | Path], options: JudgeOptions | None = None) -> list[Problem]:
    """Return every mistake in some rule files and folders; an empty list means that they load."""
    named = list(paths)
    return _read(named, yaml_files(named), options or JudgeOptions())[2]


def check_rule(text: str, file: str, others: Iterable[Rule]) -> tuple[Rule | None, list[Problem]]:
    """Return the rule of a text that is being edited, None with mistakes in itself; and all its mistakes.

    Args:
        text: the whole text.
        file: the name of its file, for messages.
        others: the rules that it would stand beside; one of the same id is replaced.
    """
    content = text.encode()
    if len(content) > LARGEST:
        return None, [Problem(file, 1, f"the file is larger than {LARGEST // 1_024} KiB", "make two rules of it")]
    problems: list[Problem] = []
    rule = _read_file(Path(file), vocabulary(), lambda _: content, {}, problems, _parsed)
    if rule is not None:
        problems += _across([*(other for other in others if other.id != rule.id), rule])
    return rule, problems


def _content_of(file: Path) -> bytes:
    return read_user_file(file, str(file), LARGEST)


def _read(
    named: Sequence[str | Path],
    found: Iterable[Path],
    options: JudgeOptions,
    content_of: Callable[[Path], bytes] = _content_of,
    parsed: Parsed | None = None,
) -> tuple[list[Rule], dict[str, bytes], list[Problem]]:
    rules: list[Rule] = []
    texts: dict[str, bytes] = {}
    problems: list[Problem] = []
    if options.profile not in PROFILES:
        hint = near_or_all(options.profile, PROFILES)
        return [], {}, [Problem("", 0, f"there is no profile '{options.profile}'", hint)]
    files = list(dict.fromkeys(found))
    if not files:
        problems.append(
            Problem(
                "", 0, f"there is no rule file in {', '.join(map(str, named)) or 'no folder at all'}", _RULE_FILES
            )
        )
    if len(files) > MOST_FILES:
        hint = "name the folder of your rules alone"
        return [], {}, [Problem(str(files[MOST_FILES]), 1, f"there are more than {MOST_FILES} rule files", hint)]
    words = vocabulary()
    for file in files:
        rule = _read_file(file, words, content_of, texts, problems, parsed or _parsed)
        rules += [rule] if rule is not None else []
        if sum(map(len, texts.values())) > MOST_BYTES:
            what = f"the rule files before and up to this one are larger than {MOST_BYTES // 1_024} KiB together"
            return [], {}, [*problems, Problem(str(file), 1, what, "leave out rules that you do not use")]
    problems += _across(rules)
    return rules, texts, problems


def _read_file(
    file: Path,
    words: Vocabulary,
    content_of: Callable[[Path], bytes],
    texts: dict[str, bytes],
    problems: list[Problem],
    parsed: Parsed,
) -> Rule | None:
    try:
        content = content_of(file)
        text = decoded(content, str(file))
    except UserError as error:
        problems += error.problems
        return None
    rule, found, is_readable = parsed(text, str(file), words)
    if is_readable:
        texts[file.stem] = content
    problems += found
    return rule


@lru_cache(maxsize=MOST_FILES)
def _parsed(text: str, file: str, words: Vocabulary) -> tuple[Rule | None, Sequence[Problem], bool]:
    """Return the rule of a text, its mistakes in the order of their lines, and whether it could be read to its end.

    Cached: a verb that judges by a changed set reads most of its rules a second time, as texts of that set.
    """
    noted, rule, is_readable = Problems(file), None, True
    try:
        rule = read_rule(text, file, words, noted)
    except UserError as error:
        noted.found += error.problems
        is_readable = False
    return rule, tuple(sorted(noted.found, key=lambda problem: problem.line)), is_readable


def _untested(text: str, file: str, words: Vocabulary) -> tuple[Rule | None, Sequence[Problem], bool]:
    """Return the same as `_parsed`, with tests that are read later; where something is wrong, all is read."""
    head, noted = without_tests(text), Problems(file)
    if head is not None:
        with suppress(UserError):
            if rule := read_rule(head, file, words, noted, LaterCases(partial(_cases, text, file, words))):
                return rule, (), True
    return _parsed(text, file, words)


def _cases(text: str, file: str, words: Vocabulary) -> Sequence[Case]:
    rule, problems, _ = _parsed(text, file, words)
    if rule is None:
        raise RuleFileError(list(problems))
    return rule.cases


def _across(rules: Sequence[Rule]) -> Iterator[Problem]:
    """Yield mistakes that show only between files: duplicate ids, and hidden rules that do not exist."""
    first: dict[str, str] = {}
    for rule in rules:
        if rule.id in first:
            yield Problem(
                rule.file, 1, f"the rule '{rule.id}' is already in {first[rule.id]}", "delete one, or rename it"
            )
        first.setdefault(rule.id, rule.file)
    known = [*first, *PACK]
    for rule in rules:
        for hide in rule.hides:
            for name in hide.rules:
                if name not in known:
                    hint = near_or_all(name, known, see="`hides` takes the ids of rules, which are their file names")
                    yield Problem(rule.file, hide.line, f"there is no rule '{name}' to hide", hint)
    yield from _circles(rules)


def _circles(rules: Sequence[Rule]) -> Iterator[Problem]:
    """Yield the places where rules that hide each other, directly or through others, would all be hidden."""
    hidden = {rule.id: {name for hide in rule.hides for name in hide.rules if hide.when is None} for rule in rules}
    for rule in rules:
        for hide in rule.hides if rule.id not in hidden[rule.id] else ():
            back = next((name for name in hide.rules if hide.when is None and rule.id in _reached(name, hidden)), "")
            if back:
                what = f"'{rule.id}' and '{back}' hide each other, so neither would be shown"
                yield Problem(rule.file, hide.line, what, "let only the cause hide its consequence")


def _reached(name: str, hidden: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    new = {name}
    while new:
        found |= new
        new = {other for known in new for other in hidden.get(known, ())} - found
    return found


def _origins(rules: Iterable[Rule]) -> list[str]:
    """Return name and version of each distribution of which a rule says a phrase."""
    phrases = (line.phrase for rule in rules for line in rule.every_line)
    return sorted({phrase.origin for phrase in phrases if isinstance(phrase, Registered)})


def _hash(texts: dict[str, bytes], options: JudgeOptions, origins: Sequence[str], language: int) -> str:
    """Return the SHA-256 over all that decides a verdict: files, options, and distributions that add phrases.

    `language` is the version of `LANGUAGE` for which the hash is.
    """
    digest = hashlib.sha256(str(language).encode())
    for name in sorted(texts):
        digest.update(name.encode() + b"\0" + hashlib.sha256(texts[name]).digest())
    lengths = sorted(
        (n, g, d.count, d.business) for n, grades in options.deadlines.items() for g, d in grades.items()
    )
    for origin in origins:
        digest.update(b"\0" + origin.encode())
    if options.recurs_within != RECURS_WITHIN:  # a version without this setting gave the same hash
        digest.update(f"\0recurs within {options.recurs_within}".encode())
    digest.update(repr((options.timezone, sorted(options.holidays), options.profile, lengths)).encode())
    return digest.hexdigest()
