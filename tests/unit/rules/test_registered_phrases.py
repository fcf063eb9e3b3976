"""Phrases of other distributions: one that cannot be loaded is one line, and one that fails cannot tell."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from capa_sync.errors import UserError
from capa_sync.model.finding import Outcome
from capa_sync.model.settings import JudgeOptions
from capa_sync.rules import RuleSet, load_rules
from capa_sync.rules.phrases import table
from capa_sync.rules.phrases.phrase import Family, PhraseError
from capa_sync.rules.phrases.registered import Registered
from capa_sync.rules.subjects import SUBJECTS, Kind
from tests.unit.rules.answers import Answers, answer
from tests.unit.rules.lives import at, case_of, record_on

MODULE = """
import json
from dataclasses import replace
from capa_sync.model.finding import Evidence
from capa_sync.rules.moments import Clocked
from capa_sync.rules.phrases.phrase import Family, Phrase, Test, check_word
from capa_sync.rules.subjects import SUBJECTS, Kind

def said(subject, args):
    def holds(context):
        value = context.value(subject.name)
        if value.data == "secret words":
            raise ValueError(value.data)
        return value.is_filled and str(value.data).isupper()
    return Test((subject.name,), holds)

TEXT = frozenset({Kind.TEXT})
LOUD = Phrase("spoken of loudly", Family.REGISTERED, TEXT, said, "Capitals.", "title: spoken of loudly")
TWICE = [LOUD, LOUD]
TAKEN = replace(LOUD, template="empty", example="title: empty")
LIKE = replace(LOUD, template="contains C", example='title: contains "x"')
HIDDEN = replace(LOUD, template="contains nothing", example="title: contains nothing")
WIDE = replace(LOUD, template="C with C", example="title: out with it")
LAME = replace(LOUD, example="title: filled")
BARE = replace(LOUD, example="due_at: spoken of loudly")

def fails(context):
    json.loads("secret words")

def answer(context):
    yield "an answer"

TESTS = {
    "plain": lambda: Test(("title",), lambda _: True, comments=True),
    "timed": lambda: Test(("title", "owner"), clock=lambda context: Clocked(False, (context.now,), True)),
    "full": lambda: Test(
        ("title",),
        lambda _: None,
        facts=lambda context: (Evidence(name, "a fact") for name in ("title", "owner")),
        lacks=answer,
        marks=answer,
        broken_at=lambda context: context.now,
        why=lambda context: f"of {context.record.ticket_key}",
    ),
    "timed and unknown": lambda: Test(
        ("title",),
        clock=lambda context: Clocked(None, (context.now,), True),
        facts=lambda _: (),
        why=lambda _: "of rain",
    ),
    "failing": lambda: Test(("title",), fails, facts=fails, lacks=fails, marks=fails, broken_at=fails, why=fails),
    "timed and failing": lambda: Test(("title",), clock=fails, facts=fails),
    "unread": lambda: Test(("no field",), lambda _: False),
    "without a reason": lambda: Test(("title",), lambda _: None, why=fails),
    "none": lambda: fails(None),
    "refused": lambda: check_word(SUBJECTS["grade"], "magor"),
}
OTHER = Phrase(
    "in the way C",
    Family.TEXT,
    TEXT,
    lambda _, args: TESTS[args[0]](),
    "Other.",
    "title: in the way 'well: plain'",
    order=True,
    history=True,
)
"""
RULE = """
rule: no-shouting
title: Nobody shouts
clause: {iso27001-2022: 10.2 a}
severity: low
mode: quiet
require: [{none: [{title: spoken of loudly}]}]
message: It is loud.
fix: Speak softly.
tests:
  - {case: soft, timeline: [{day: 2026-03-02, title: help}], expect: [{day: 2026-03-02, result: ok}]}
  - {case: loud, timeline: [{day: 2026-03-02, title: HELP}], expect: [{day: 2026-03-02, result: breach}]}
"""
Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Return a function that installs the module as a distribution whose entry point names one of its phrases."""
    place = tmp_path / "place"
    about, package = place / "loud_phrases.dist-info", place / "loud_phrases"
    about.mkdir(parents=True)
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "parts.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.syspath_prepend(str(place))

    def installed(name: str = "LOUD", version: str = "1.0") -> None:
        about_text = f"Metadata-Version: 2.1\nName: loud-phrases\nVersion: {version}\n"
        (about / "METADATA").write_text(about_text, encoding="utf-8")
        entry = f"[capa_sync.phrases]\nloud = loud_phrases.parts:{name}\n"
        (about / "entry_points.txt").write_text(entry, encoding="utf-8")
        table.vocabulary.cache_clear()

    yield installed
    monkeypatch.undo()
    table.vocabulary.cache_clear()


def loaded(folder: Path) -> RuleSet:
    """Return a rule set of the one rule that says the phrase, beside one that does not."""
    (folder / "no-shouting.yaml").write_text(RULE, encoding="utf-8")
    plain = RULE.replace("no-shouting", "has-title").replace("none: [{title: spoken of loudly}]", "title: filled")
    plain = plain.replace("title: HELP}]", "impact: x}]")
    (folder / "has-title.yaml").write_text(plain, encoding="utf-8")
    return load_rules([folder / "no-shouting.yaml", folder / "has-title.yaml"], JudgeOptions())


def test_a_phrase_that_fails_cannot_tell_and_says_where(install: Install, tmp_path: Path) -> None:
    """The verdict names the error's class and place and no text of the ticket; other rules are judged as ever."""
    install()
    rules = loaded(tmp_path)
    verdicts = {}
    for title in ("HELP", "secret words"):
        case = case_of(f"case: x\ntimeline: [{{day: 2026-03-02, title: {title}}}]")
        now = at(case, "2026-03-02")
        verdicts[title] = {v.rule: v for v in rules.evaluate(record_on(case, "2026-03-02"), rules.options, now)}
    assert verdicts["HELP"]["no-shouting"].outcome is Outcome.BREACH
    failed = verdicts["secret words"]
    assert failed["has-title"].outcome is Outcome.OK
    assert failed["no-shouting"].outcome is Outcome.CANNOT_TELL
    assert re.fullmatch(
        r"the phrase 'spoken of loudly' ended with an error of its own \(ValueError at loud_phrases/parts.py:13\)",
        failed["no-shouting"].reason,
    )


def test_another_version_is_another_rule_set(install: Install, tmp_path: Path) -> None:
    """The hash of rules that say the phrase holds the distribution's version, so that every ticket is judged anew."""
    hashes, others = set(), set()
    for version in ("1.0", "1.0", "1.1"):
        install(version=version)
        hashes.add(loaded(tmp_path).hash)
        others.add(load_rules([tmp_path / "has-title.yaml"]).hash)
    assert (len(hashes), len(others)) == (2, 1)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("MISSING", "AttributeError: module 'loud_phrases.parts' has no attribute 'MISSING'"),
        ("said", "TypeError: 'function' object is not iterable"),
        ("TWICE", "'spoken of loudly' has a sentence that 'spoken of loudly' has too"),
        ("TAKEN", "'empty' has a sentence that 'empty' has too"),
        ("LIKE", "'contains C' has a sentence that 'contains C' has too"),
        ("HIDDEN", "'contains nothing' has a sentence that 'contains C' has too"),
        ("WIDE", "'C with C' has a sentence that 'starts with C' has too"),
        ("LAME", "'title: filled' is no example of 'spoken of loudly'"),
        ("BARE", "'due_at: spoken of loudly' is no example of 'spoken of loudly'"),
        ("Family", "it names a Family, which is no Phrase"),
    ],
)
def test_what_cannot_be_a_phrase_is_refused_in_one_line(
    install: Install, tmp_path: Path, name: str, why: str
) -> None:
    """The line names distribution, version and entry point; it comes once, however many rules there are."""
    install(name)
    with pytest.raises(UserError) as caught:
        loaded(tmp_path)
    (problem,) = caught.value.problems
    assert problem.what.startswith(
        f"the phrases of loud-phrases 1.0 cannot be loaded from loud_phrases.parts:{name}: {why}"
    )
    assert (problem.file, problem.line, problem.hint) == ("", 0, "repair the distribution, or uninstall it")


LIFE = "case: x\ntimeline: [{day: 2026-03-02, by: ana, title: HELP}]"
FAILED = "the phrase 'in the way C' ended with an error of its own (JSONDecodeError at loud_phrases/parts.py:LINE)"
ANSWERS = {
    "plain": ["true, by title (comments)", "title: is 'HELP' | 2026-03-02 09:00 | ana | birth"],
    "timed": [
        "false until 2026-03-03 12:00, then true, by title and owner",
        "title: is 'HELP' | 2026-03-02 09:00 | ana | birth",
        "owner: is empty",
    ],
    "full": [
        "cannot tell, by title",
        *("title: a fact", "owner: a fact"),
        *("missing an answer", "marks an answer", "broken 2026-03-03 12:00", "because of CAPA-1"),
    ],
    "timed and unknown": [
        "cannot tell until 2026-03-03 12:00, then true, by title",
        "because of rain",
    ],
    "failing": ["cannot tell, by title", *("missing nothing", "marks nothing", "broken never"), f"because {FAILED}"],
    "timed and failing": ["cannot tell for ever, by title", f"because {FAILED}"],
    "unread": ["false, by no field"],
    "without a reason": [
        "cannot tell, by title",
        "title: is 'HELP' | 2026-03-02 09:00 | ana | birth",
        "because of what it reads",
    ],
}


@pytest.mark.parametrize(("which", "expected"), ANSWERS.items())
def test_a_phrase_of_another_distribution_answers_as_its_own_code_does(
    install: Install, which: str, expected: list[str]
) -> None:
    """What its functions return is handed on; where one raises, the answer is missing and the reason says why."""
    install("OTHER")
    found = answer(f'title: in the way "{which}"', Answers(LIFE, "2026-03-03 12:00", "").context)
    found = [re.sub(r"parts.py:\d+", "parts.py:LINE", line) for line in found]
    assert found == expected


@pytest.mark.parametrize(
    ("which", "what", "hint"),
    [
        ("none", FAILED, "report it to its author"),
        ("refused", "'magor' is not a grade", "did you mean 'major'?"),
    ],
)
def test_a_phrase_of_another_distribution_may_refuse_its_operands(
    install: Install, which: str, what: str, hint: str
) -> None:
    """Its own refusal is handed on; any other error when a rule is read names the phrase and the place."""
    install("OTHER")
    with pytest.raises(PhraseError) as refused:
        table.vocabulary().find(SUBJECTS["title"], f"in the way {which}")
    shown = re.sub(r"parts.py:\d+", "parts.py:LINE", refused.value.what)
    assert (shown, refused.value.hint) == (what, hint)


def test_a_phrase_of_another_distribution_keeps_what_it_says_of_itself(install: Install) -> None:
    """Its place in the documentation and its flags are its own; the distribution is added."""
    install("OTHER")
    phrase, _ = table.vocabulary().find(SUBJECTS["title"], "in the way plain")
    assert isinstance(phrase, Registered)
    assert (phrase.template, phrase.family, phrase.kinds) == ("in the way C", Family.TEXT, frozenset({Kind.TEXT}))
    assert (phrase.says, phrase.example) == ("Other.", "title: in the way 'well: plain'")
    assert (phrase.order, phrase.history, phrase.origin) == (True, True, "loud-phrases 1.0")
