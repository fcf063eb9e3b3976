"""Reads the tests inside a rule file: `case`, its settings, its `timeline`, and what to `expect` on which day."""

from __future__ import annotations

from capa_sync.model.near import FIELD_WORDS
from capa_sync.rules.case import Case
from capa_sync.rules.case_expects import read_expects
from capa_sync.rules.case_rows import CATALOGUE, RowReader
from capa_sync.rules.case_settings import read_settings
from capa_sync.rules.key_words import CASE_WORDS
from capa_sync.rules.reading import check_keys, items_of, names_of, text_of, word_of
from capa_sync.rules.yaml_lines import Problems, Tree, YamlTable

CASE_KEYS = ("case", "settings", "accounts", "unmapped", "unreadable", "history", "timeline", "expect")
MOST_STEPS = 20_000
"""Rows of a timeline are replayed for each expectation: more of both would keep each verb busy for seconds."""
ACCOUNT_WORDS = ("ignored", "inactive", "unknown")
ACCOUNT_MEANT = {"bot": "ignored", "robot": "ignored", "gone": "inactive", "left": "inactive", "disabled": "inactive"}


def read_cases(tree: Tree | None, problems: Problems) -> tuple[Case, ...]:
    """Return the tests of a rule file; record each mistake with its line."""
    cases = (_case(member, problems) for member in items_of(tree, "tests", problems))
    found = tuple(case for case in cases if case is not None)
    steps = 0
    for case in found:
        steps += len(case.rows) * len(case.expects)
        if steps > MOST_STEPS:
            what = f"up to this test, rows times expectations of the file's tests are more than {MOST_STEPS:,}"
            problems.add(case.line, what, "shorten its timeline, or take expectations out")
            break
    return found


def _case(tree: Tree, problems: Problems) -> Case | None:
    """Return the test, None where it is not a mapping."""
    if not isinstance(tree, YamlTable):
        problems.add(tree.line, "a test holds `key: value` lines", "begin with `case: what it shows`")
        return None
    meant = check_keys(tree, CASE_KEYS, "a test has no key", problems, CASE_WORDS)
    options = read_settings(tree.get("settings"), problems)
    accounts = _accounts(tree.get("accounts"), problems)
    history = tree.get("history")
    whole = history is None or word_of(history, ("incomplete",), "history", problems, tree.line) == ""
    return Case(
        name="" if "case" in meant else text_of(tree.get("case"), "case", problems, tree.line),
        line=tree.line,
        rows=() if "timeline" in meant else RowReader(problems, options.timezone).rows(tree),
        expects=() if "expect" in meant else read_expects(tree, problems),
        options=options,
        ignored=accounts["ignored"],
        inactive=accounts["inactive"],
        silent=accounts["unknown"],
        unmapped=_fields(tree.get("unmapped"), "unmapped", problems),
        unreadable=_fields(tree.get("unreadable"), "unreadable", problems),
        history_complete=whole,
    )


def _accounts(tree: Tree | None, problems: Problems) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {word: set() for word in ACCOUNT_WORDS}
    if tree is not None and not isinstance(tree, YamlTable):
        problems.add(tree.line, "'accounts' must hold `name: value` pairs", "such as `{bot: ignored}`")
    for person, state in tree if isinstance(tree, YamlTable) else ():
        word = word_of(state, ACCOUNT_WORDS, "state of an account", problems, person.line, ACCOUNT_MEANT)
        if word:
            found[word].add(person.value)
    return {word: frozenset(people) for word, people in found.items()}


def _fields(tree: Tree | None, key: str, problems: Problems) -> frozenset[str]:
    names = names_of(tree, key, problems) if tree is not None else []
    for name in names:
        word_of(
            name,
            [*CATALOGUE, "actions", "attachments", "earlier_matches"],
            "field",
            problems,
            name.line,
            FIELD_WORDS,
        )
    return frozenset(name.value for name in names)
