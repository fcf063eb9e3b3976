"""Texts for tickets in other languages: the shipped German is whole, and what a file lacks is in English."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from pathlib import Path

import pytest

from capa_sync.errors import UserError
from capa_sync.model.comment_texts import ENGLISH, CommentTexts, Sentences
from capa_sync.rules import check_language_files, language_file_lines, load_comment_texts, load_rules
from capa_sync.rules.comment_texts import ACTION_PARTS, VALUES, shipped_languages
from capa_sync.rules.profiles import PROFILES
from capa_sync.rules.rule import Rule
from capa_sync.rules.states import distinct, states_of
from capa_sync.rules.subjects import SUBJECTS
from capa_sync.rules.translating import digest_of, translation_of, translation_problems, untranslated
from tests.unit.rules.pack import PACK as RULE_SET
from tests.unit.rules.pack import RULES, each_rule

PACK = RULE_SET.rules
GERMAN = load_comment_texts("de")
LONGEST, LONGEST_TITLE = 400, 160
"""Characters of a message or fix, and of a title, that a comment shows."""
ORDER = next(rule for rule in PACK if rule.id == "root-cause-before-action")


def test_every_shipped_language_is_whole() -> None:
    """No sentence, month, field, option or rule is missing, and each was made from the English of today."""
    assert shipped_languages() == ("en", "de")
    same = [name.name for name in fields(Sentences) if _of(GERMAN, name.name) == _of(ENGLISH, name.name)]
    assert same == ["because"], "which is a colon and the reason"
    assert set(GERMAN.fields) == {*SUBJECTS, *ACTION_PARTS}
    assert set(GERMAN.values) == set(VALUES) - set(PROFILES)
    assert (translation_problems(PACK, GERMAN), untranslated(PACK, GERMAN)) == ([], {})
    assert set(GERMAN.rules) == {rule.id for rule in PACK}


def _of(texts: CommentTexts, name: str) -> str:
    return str(getattr(texts.sentences, name))


@pytest.mark.slow
@each_rule
def test_german_texts_read_well_in_every_state(rule: Rule) -> None:
    """No gap, no English word or date, no unfilled placeholder; short enough for a comment, and never with du."""
    for found in distinct(rule, states_of(rule, GERMAN)):
        language, title, message, fix = found.verdict.on_ticket
        assert language == "de"
        assert len(title) <= LONGEST_TITLE
        assert bool(fix) == bool(found.verdict.fix)
        for text in filter(None, (message, fix)):
            where = (found.state, text)
            bare = re.sub(r"„[^“]*“", "", text)  # what a ticket says is in its own language
            assert len(text) <= LONGEST, where
            assert text.endswith((".", "?")), where
            assert not re.search(r"[{}]|  |\(\)|: ?[.,]|\bam [.,]", text), where
            assert not re.search(
                r"\b(the|and|or|of|is|due|not|March|May|June|July|October|December|du|dein|dir)\b", bare
            ), where


def test_a_file_of_the_site_says_less_and_the_rest_stays(tmp_path: Path) -> None:
    """Its sentences count first, then the shipped ones, then English: for sentences and for each text of a rule."""
    (tmp_path / "de.yaml").write_text(
        "language: de\nsentences:\n  check: Kapitel-10-Prüfung\n"
        'rules:\n  root-cause-before-action: {title: "Erst die Ursache, dann die Maßnahme"}\n',
        encoding="utf-8",
    )
    (tmp_path / "fr.yaml").write_text(
        "language: fr\nsentences: {do_this: 'À faire :'}\nrules:\n  owner-active: {fix: Indiquez le titulaire.}\n",
        encoding="utf-8",
    )
    german, french = load_comment_texts("de", tmp_path), load_comment_texts("fr", tmp_path)
    assert (german.sentences.check, german.sentences.clear) == ("Kapitel-10-Prüfung", GERMAN.sentences.clear)
    title, *rest = _typed(ORDER, german)
    assert (title, rest) == (["Erst die Ursache, dann die Maßnahme"], _typed(ORDER, GERMAN)[1:])
    assert (french.sentences.do_this, french.sentences.check) == ("À faire :", "Clause 10 check")
    owner = next(rule for rule in PACK if rule.id == "owner-active")
    found = distinct(owner, states_of(owner, french))[0].verdict
    assert found.on_ticket == ("fr", owner.title, found.message, "Indiquez le titulaire.")
    assert untranslated([owner, ORDER], french) == {
        "owner-active": ("title", "message"),
        "root-cause-before-action": ("title", "message", "fix"),
    }
    assert len({texts.version for texts in (german, GERMAN, french, ENGLISH)}) == 4


def test_a_text_is_used_only_for_the_english_that_it_was_made_from(tmp_path: Path) -> None:
    """A site that edits a rule gets its own English on tickets, not the translation of the shipped sentence."""
    source = (RULES / "owner-active.yaml").read_text(encoding="utf-8")
    (tmp_path / "owner-active.yaml").write_text(
        source.replace("Nobody owns this record.", "Nobody answers for this record."), encoding="utf-8"
    )
    (edited,) = load_rules([tmp_path / "owner-active.yaml"]).rules
    assert translation_of(edited, GERMAN) == ("", (), ())
    assert untranslated([edited], GERMAN) == {"owner-active": ("title", "message", "fix")}
    (problem,) = translation_problems([edited], replace(GERMAN, rules={"owner-active": GERMAN.rules["owner-active"]}))
    assert digest_of(edited) in problem.hint


def test_an_edited_english_has_its_own_dates(tmp_path: Path) -> None:
    """`en.yaml` changes sentences and the form of dates; the texts of rules stay in the rule files."""
    (tmp_path / "en.yaml").write_text('language: en\nsentences: {date: "{day}. {month} {year}"}\n', encoding="utf-8")
    texts = load_comment_texts("en", tmp_path)
    found = next(
        state.verdict for state in distinct(ORDER, states_of(ORDER, texts)) if "started on" in state.verdict.message
    )
    assert re.search(r"started on \d+ March 2026", found.message)
    assert re.search(r"started on \d+\. March 2026", found.on_ticket[2])


BROKEN = {
    "language: en": "1: `language:` must be 'de', like the name of the file",
    "sentences: {check: Prüfung}": "1: `language:` is missing; write `language: de`",
    "language: de\nsentence: {}": "2: a language file has no key 'sentence'; did you mean 'sentences'?",
    "language: de\nsentences:\n  of_rules: x": "3: there is no sentence 'of_rules'; did you mean 'of_rule'?",
    "language: de\nsentences:\n  more: Mehr": "3: 'more' lacks {count}; in English: {count} more are in",
    "language: de\nsentences:\n  more: '{count} {key}'": "3: 'more' has no {key}; it has {count}",
    "language: de\nsentences:\n  more: '{count'": "3: the braces of 'more' are not closed",
    "language: de\nsentences:\n  more: '{count!r}'": "3: the braces of 'more' are not closed",
    "language: de\nsentences:\n  more: '{count.real}'": "3: 'more' has no {count.real}; did you mean 'count'?",
    "language: de\nsentences:\n  check: '{x[0]}'": "3: 'check' has no {x[0]}; it has no names in braces",
    f"language: de\nsentences:\n  check: {'x' * 161}": "3: 'check' has 161 characters; write at most 160",
    "language: de\nsentences:\n  as_of: 'Stand {instant}'": "3: 'as_of' shows no date that can be found again",
    "language: de\nsentences:\n  date: '{month}/{day}/{year}'": "3: 'as_of' shows no date that can be found again",
    "language: de\nmonths: [Jan]": "2: 'months' must be the names of the 12 months",
    "language: de\nfields:\n  owners: x": "3: there is no field 'owners'; did you mean 'owner'?",
    "language: de\nvalues:\n  mayor: x": "3: there is no option 'mayor'; did you mean 'major'?",
    "language: de\nrules:\n  a-rule: {massage: x}": "3: a rule of a language file has no key 'massage'",
    "language: de\nrules:\n  a-rule:\n    fix: '{ownr}'": "4: 'fix' of a-rule: there is no placeholder '{ownr}'",
    "language: de\nrules:\n  a-rule: text": "3: 'a-rule' must hold `name: text` lines",
    "- a list": "1: a language file must hold `key: value` lines",
    "": "1: the file is empty; begin with `language:` and its code",
    "language: de\nsentences: [a": "2: a [ is opened here and not closed",
    "language: de\nrules:\n  owner-actve: {fix: x}": "3: there is no rule 'owner-actve'; did you mean",
    "language: de\nrules:\n  owner-active: {message: x}": "3: 'message' of 'owner-active' has 1 text, in the rule",
    "language: de\nrules:\n  owner-active: {of: '0'}": "3: the English texts of 'owner-active' changed since",
}


@pytest.mark.parametrize("content", BROKEN)
def test_each_mistake_has_its_line_and_an_answer(content: str, tmp_path: Path) -> None:
    """A mistake is never a traceback, nor a silent fall-back to English."""
    (tmp_path / "de.yaml").write_text(content, encoding="utf-8")
    problems = [str(problem) for problem in check_language_files(tmp_path, PACK)]
    assert [problem for problem in problems if problem.startswith(f"{tmp_path}/de.yaml:{BROKEN[content]}")], problems


def test_a_name_that_is_no_language_is_no_file(tmp_path: Path) -> None:
    """A file that would never be read is a mistake, and no language reaches a file outside its folder."""
    (tmp_path / "German.yaml").write_text("language: de", encoding="utf-8")
    assert "its name is no language" in str(*check_language_files(tmp_path, PACK))
    for code in ("../de", "DE", "de.yaml", "", "d" * 99):
        with pytest.raises(UserError, match="is no code of a language"):
            load_comment_texts(code, tmp_path)
    with pytest.raises(UserError, match=r"there are no texts in 'nl'; shipped are en, de; or write texts/nl.yaml"):
        load_comment_texts("nl", tmp_path, "texts")


def _typed(rule: Rule, texts: CommentTexts) -> list[list[str]]:
    """Return the texts of a rule in a language as a file writes them."""
    title, *templates = translation_of(rule, texts)
    return [[title], *([sentence.typed for sentence in template] for template in templates)]


@pytest.mark.parametrize("language", ["de", "fr", "en"])
def test_the_printed_file_loads_and_says_the_same(language: str, tmp_path: Path) -> None:
    """`rules texts` prints what the language has, and in comments what it has not: nothing changes with the file."""
    file = tmp_path / f"{language}.yaml"
    file.write_text("\n".join(language_file_lines(language, PACK, None)), encoding="utf-8")
    assert check_language_files(tmp_path, PACK) == []
    printed = load_comment_texts(language, tmp_path)
    before = load_comment_texts(language) if language != "fr" else CommentTexts("fr")
    assert (printed.sentences, printed.months, printed.fields) == (before.sentences, before.months, before.fields)
    for rule in PACK:
        assert _typed(rule, printed) == _typed(rule, before)
