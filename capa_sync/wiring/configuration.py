"""The settings with every file that they name: secrets, texts, rules and mappings, checked together."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from capa_sync.errors import Problem, UserError
from capa_sync.mapping import MappingFile, load_mapping
from capa_sync.model.comment_texts import ENGLISH, CommentTexts
from capa_sync.model.light import light
from capa_sync.model.near import did_you_mean
from capa_sync.model.settings import UNWAIVABLE, JudgeOptions
from capa_sync.redaction import conceal
from capa_sync.rules import RuleSet, failed_tests, load_comment_texts, load_rules
from capa_sync.settings import Settings, SourceSettings
from capa_sync.settings.lines import key_line
from capa_sync.settings.secrets import hint_secret_of, secret_of
from capa_sync.settings.units import parse_holidays
from capa_sync.starter import rule_paths

if TYPE_CHECKING:  # a vendor's library is imported where a source of that kind is built
    pass

T = TypeVar("T")


@light
class Setup:
    """The settings with their secrets, without the files that decide verdicts.

    Attributes:
        file: the settings file, for messages. folder: the folder that its relative paths start from.
        texts: source -> the texts for its tickets.
    """

    settings: Settings
    file: Path
    folder: Path
    secrets: Mapping[str, str]
    hint_secrets: Mapping[str, str]
    texts: Mapping[str, CommentTexts]

    @property
    def register_path(self) -> Path:
        """Return where the register file is."""
        return self.folder / self.settings.register_file


@light
class Configuration(Setup):
    """A setup with rules, mappings and what rules may read besides: checked completely, without any connection."""

    rules: RuleSet
    options: JudgeOptions
    mappings: Mapping[str, MappingFile]


def configure(
    settings: Settings, file: Path, environ: Mapping[str, str], *, with_secrets: bool = True
) -> Configuration:
    """Load every file that the settings name; raise one UserError with all their problems together.

    `with_secrets` is False for verbs that reach no tracker: they work for people who have no secret.
    """
    return configured(set_up(settings, file, environ, with_secrets=with_secrets))


def set_up(settings: Settings, file: Path, environ: Mapping[str, str], *, with_secrets: bool = True) -> Setup:
    """Read the secrets that the settings name.

    Raises UserError with the problems of the secrets, and with those of all other files that the settings name.
    """
    trouble = _Trouble()
    folder, sources = file.resolve().parent, settings.sources if with_secrets else {}
    secrets = {
        name: trouble.without(partial(secret_of, file, name, source.auth, folder, environ)) or ""
        for name, source in sources.items()
    }
    hint_secrets = {
        name: trouble.without(partial(hint_secret_of, file, name, source, folder, environ)) or ""
        for name, source in sources.items()
        if settings.hints.listen and source.takes_hints
    }
    for name, secret in (*secrets.items(), *hint_secrets.items()):
        conceal(secret, settings.sources[name].options().user)
    setup = Setup(settings, file, folder, secrets, hint_secrets, _comment_texts(settings, file, folder, trouble))
    if trouble.problems:
        raise UserError([*_problems_of(partial(configured, setup)), *trouble.problems])
    return setup


def _comment_texts(settings: Settings, file: Path, folder: Path, trouble: _Trouble) -> dict[str, CommentTexts]:
    """Read the texts for the tickets of each source; a file that several sources use is read once."""
    own = settings.write_back.texts
    languages = {
        name: source.write_back.language or settings.write_back.language for name, source in settings.sources.items()
    }
    if own and not (folder / own).is_dir():
        what, hint = f"write_back.texts: there is no folder '{own}'", "it holds files such as de.yaml"
        trouble.problems.append(Problem(str(file), key_line(file, ("write_back", "texts")), what, hint))
        own = ""
    read: dict[str, CommentTexts] = {}
    for name, language in languages.items():
        if language not in read:
            place = ("sources", name) if settings.sources[name].write_back.language else ()
            line = key_line(file, (*place, "write_back", "language"))
            found = trouble.without(partial(_texts_in, language, folder / own if own else None, own, str(file), line))
            read[language] = found or ENGLISH
    return {name: read[language] for name, language in languages.items()}


def _texts_in(language: str, folder: Path | None, shown: str, file: str, line: int) -> CommentTexts:
    """Return the texts of one language; `file`, `line`: where the settings name it. Raises UserError."""
    try:
        return load_comment_texts(language, folder, shown)
    except UserError as error:
        placed = [p if p.file else replace(p, file=file, line=line) for p in error.problems]
        raise UserError(placed) from None


def _problems_of(work: Callable[[], object]) -> list[Problem]:
    trouble = _Trouble()
    trouble.without(work)
    return trouble.problems


def configured(setup: Setup) -> Configuration:
    """Load and test the rules and mappings that the settings name. Raises UserError with all problems together."""
    settings, folder, options = setup.settings, setup.folder, judge_options(setup.settings)

    def mapping_of(source: str) -> MappingFile:
        name = settings.sources[source].mapping
        _require_there(setup, ("sources", source, "mapping"), [name])
        return load_mapping(folder / name, name)

    def rules_of() -> RuleSet:
        _require_there(setup, ("rules",), settings.rules)
        return load_rules(rule_paths(settings.rules, folder), options)

    return assembled(setup, rules_of, options, mapping_of)


def _require_there(setup: Setup, place: tuple[str, ...], names: Iterable[str]) -> None:
    """Raise UserError with the line of a settings key for each of its files and folders that is not there."""
    line, key = key_line(setup.file, place), ".".join(place)
    problems = [
        Problem(
            str(setup.file), line, f"{key}: there is no file or folder '{name}'", "look at the name and the folder"
        )
        for name in names
        if name and not os.path.lexists(setup.folder / name)
    ]
    if problems:
        raise UserError(problems)


def assembled(
    setup: Setup,
    rules_of: Callable[[], RuleSet],
    options: JudgeOptions,
    mapping_of: Callable[[str], MappingFile],
    *,
    tested_with: str = "",
    passed: Collection[str] = (),
) -> Configuration:
    """Load rules and the mapping of each source, and check that they fit the settings.

    Raises UserError with all problems together. The tests inside the rules are not run again when the rule set has
    the hash `tested_with`: they passed, and texts, options and the meaning of phrases are the same. Those of
    the rules in `passed` are not run either.
    """
    trouble = _Trouble()
    rules = trouble.without(rules_of)
    if rules is not None:
        if rules.hash != tested_with:
            trouble.problems += trouble.without(partial(failed_tests, rules, passed=passed)) or []
        trouble.problems += _unknown_unwaivable(setup.file, rules, options)
    mappings: dict[str, MappingFile] = {}
    for name, source in setup.settings.sources.items():
        mapping = trouble.without(partial(mapping_of, name))
        if mapping is not None:
            mappings[name] = mapping
            trouble.problems += _misfits(setup.file, name, source, mapping)
    if trouble.problems or rules is None:
        raise UserError(trouble.problems)
    return Configuration(
        setup.settings,
        setup.file,
        setup.folder,
        setup.secrets,
        setup.hint_secrets,
        setup.texts,
        rules,
        replace(options, texts={name: texts for name, texts in setup.texts.items() if texts is not ENGLISH}),
        mappings,
    )


class _Trouble:
    """Collects the problems of several files, so that a person sees all of them together."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def without(self, work: Callable[[], T]) -> T | None:
        """Return the result of `work`; when it raises UserError, keep the problems and return None."""
        try:
            return work()
        except UserError as error:
            self.problems += error.problems
            return None


def judge_options(settings: Settings) -> JudgeOptions:
    """Return the settings that rules may read."""
    return JudgeOptions(
        timezone=settings.timezone,
        holidays=parse_holidays(list(settings.holidays)),
        deadlines={
            str(name): {str(g): days for g, days in grades.items()} for name, grades in settings.deadlines.items()
        },
        profile=settings.profile,
        recurs_within=settings.recurs_within,
        baseline=settings.baseline,
        unwaivable=frozenset(settings.waivers.unwaivable),
    )


def _unknown_unwaivable(file: Path, rules: RuleSet, options: JudgeOptions) -> list[Problem]:
    """Return a problem for each rule that may not be waived and that there is none of; the default ones may lack."""
    known, line = [rule.id for rule in rules.rules], key_line(file, ("waivers", "unwaivable"))
    return [
        Problem(str(file), line, f"waivers.unwaivable: there is no rule '{name}'", did_you_mean(name, known))
        for name in sorted(options.unwaivable - {*known, *UNWAIVABLE})
    ]


def _misfits(file: Path, name: str, source: SourceSettings, mapping: MappingFile) -> list[Problem]:
    """Return what does not fit between one source's settings and its mapping."""
    problems = []
    if mapping.kind != source.kind:
        what = f"sources.{name}: the mapping {source.mapping} is for {mapping.kind}, the source is {source.kind}"
        problems.append(Problem(str(file), key_line(file, ("sources", name, "mapping")), what))
    problems += mapping.problems_with_table(source.table)
    return [*problems, *query_problems(file, name, source)]


def query_problems(file: Path, name: str, source: SourceSettings) -> list[Problem]:
    """Return what is wrong with a source's query, at its line."""
    wrong, place = source.declared.check_query(source.query), ("sources", name, "query")
    return [Problem(str(file), key_line(file, place), f"{'.'.join(place)}: {wrong}")] if wrong else []
