"""Patterns for ticket text are made in one module, and have a form that no text makes slow."""

from __future__ import annotations

import ast
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks import hostile_texts
from capa_sync.model import patterns
from capa_sync.model.patterns import REGISTERED, Pattern, bytes_without_addresses, without_addresses

PACKAGE = Path(patterns.__file__).parents[1]
MAY_MAKE_PATTERNS = (
    "model/patterns.py",  # the patterns for ticket text
    "sandbox/",  # our sandbox trackers: imported by demo and sandbox alone
    "settings/",  # the settings file
    "web/",  # addresses that a browser requests
    "hints/",  # addresses and short ids of a webhook, of a bounded body
    "rules/phrases/phrase.py",  # the language of rule files
    "rules/phrases/suggest.py",
    "rules/clauses.py",
    "rules/skeleton.py",  # a name on the command line or in a link
    "rules/in_words.py",
    "cli/wording.py",  # paths in messages of ours
    "daemon/stop_log.py",  # numbers in a sentence of ours
    "rules/completing.py",  # a line of a rule file, of a bounded length
    "model/near.py",  # words and days of the files that users write
    "mapping/people.py",
    "mapping/contacts.py",
    "digest/services.py",  # what a library logs, cut at 2,000 characters
    "yaml_syntax.py",  # lines of such a file, of a bounded size
    "yaml_nodes.py",
    "yamlfiles.py",
    "rules/schema.py",
    "rules/wording.py",  # slots of a rule file's messages
    "rules/placeholders.py",
    "store/many_rows.py",  # our own SQL
    "store/views.py",
    "sources/budget.py",  # the settings
    "sources/wish.py",  # a header of a bounded length
    "sources/jira/query.py",  # the query of the settings
    "sources/jira/times.py",  # times
    "sources/jira/kind.py",  # short ids and an address in a webhook's bounded body
    "sources/servicenow/kind.py",
    "sources/jira/guard.py",  # paths that we request
    "sources/jira/gate.py",
    "sources/servicenow/query.py",
    "sources/servicenow/instants.py",
    "sources/servicenow/client.py",
    "sources/servicenow/labels.py",
    "sources/servicenow/directory.py",
)
"""Modules whose patterns never meet text that a person wrote into a ticket."""
TIMED_WITH_OWN_PATTERNS = {
    "redaction.py": "below `model`, so that errors can use it; it reads all of a text, since no secret may stay",
    "sources/decoding.py": "reads all of an answer, up to max_answer, to its last bracket",
}
"""Modules whose patterns do meet such text -> why they are not in model/patterns.py; the benchmark times each."""
MAKERS = frozenset({"re", "regex", "re2", "fnmatch", "sre_compile"})
"""Modules that make patterns: the standard library's, and others that are common."""
MANY = 2_000
SAMPLE = "".join(map(chr, range(1, 256))) + "•→审\u2028😀"


def uses_of_re(tree: ast.AST) -> bool:
    """Return whether a module makes a pattern by itself: it imports what makes one, under whatever name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and any(name.name.partition(".")[0] in MAKERS for name in node.names):
            return True
        if isinstance(node, ast.ImportFrom) and not node.level and str(node.module).partition(".")[0] in MAKERS:
            return True
    return False


def makers() -> set[str]:
    """Return the modules of the package that make patterns by themselves."""
    return {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if uses_of_re(ast.parse(path.read_text("utf-8")))
    }


@pytest.mark.parametrize(
    ("code", "is_use"),
    [
        ("import re", True),
        ("import json, re", True),
        ("import re as patterns", True),
        ("from re import compile", True),
        ("from re import Pattern as P, sub", True),
        ("import regex", True),
        ("import re2 as re", True),
        ("from fnmatch import fnmatch", True),
        ("def f():\n    import fnmatch", True),
        ("from capa_sync.model.patterns import Pattern", False),
        ("from .re import compile", False),
        ("import requests", False),
        ("found = text.replace('re', '')", False),
    ],
)
def test_each_way_to_make_a_pattern_is_seen(code: str, is_use: bool) -> None:
    """What the next tests look for, and what they leave alone."""
    assert uses_of_re(ast.parse(code)) is is_use


def test_patterns_are_made_in_one_module() -> None:
    """A module that reads tickets makes no pattern of its own; the exceptions are listed with their reasons."""
    others = makers() - TIMED_WITH_OWN_PATTERNS.keys()
    assert sorted(name for name in others if not name.startswith(MAY_MAKE_PATTERNS)) == []


def test_every_exception_still_makes_patterns() -> None:
    """A module that makes no pattern any more leaves the list."""
    found = makers()
    listed = (*MAY_MAKE_PATTERNS, *TIMED_WITH_OWN_PATTERNS)
    assert [name for name in listed if not any(maker.startswith(name) for maker in found)] == []


# The elements of a regular expression, as the standard library's own parser returns them.

Node = tuple[Any, Any]


def parsed(pattern: Pattern[Any]) -> list[Node]:
    """Return the elements of an expression."""
    return list(re._parser.parse(pattern.compiled.pattern, pattern.compiled.flags))  # type: ignore[attr-defined]


def sequences(nodes: list[Node]) -> Iterator[list[Node]]:
    """Yield every sequence of elements, with groups opened: a group's elements stand where the group stands."""
    flat: list[Node] = []
    for kind, value in nodes:
        name = str(kind)
        if name == "SUBPATTERN":
            flat += value[-1]
        elif name in {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}:
            yield from sequences(list(value[2]))
            flat.append((kind, value))
        elif name == "BRANCH":
            for branch in value[1]:
                yield from sequences(list(branch))
            flat.append((kind, value))
        elif name == "ATOMIC_GROUP":
            flat += value
        else:
            flat.append((kind, value))
    if any(str(kind) == "SUBPATTERN" for kind, _ in flat):
        yield from sequences(flat)
    else:
        yield flat


def taken(nodes: list[Node]) -> set[str]:
    """Return the characters of a sample that an element can match anywhere."""
    found: set[str] = set()
    for kind, value in nodes:
        name = str(kind)
        if name == "LITERAL":
            found.add(chr(value))
        elif name == "NOT_LITERAL":
            found |= set(SAMPLE) - {chr(value)}
        elif name == "ANY":
            found |= set(SAMPLE)
        elif name == "IN":
            found |= {letter for letter in SAMPLE if in_set(value, letter)}
        elif name in {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}:
            found |= taken(list(value[2]))
        elif name == "SUBPATTERN":
            found |= taken(list(value[-1]))
        elif name == "BRANCH":
            found |= set().union(*(taken(list(branch)) for branch in value[1]))
    return found


def in_set(items: list[Node], letter: str) -> bool:
    """Return whether a character class matches a character."""
    negated, hit = False, False
    for kind, value in items:
        name = str(kind)
        if name == "NEGATE":
            negated = True
        elif name == "LITERAL":
            hit = hit or chr(value) == letter
        elif name == "RANGE":
            hit = hit or value[0] <= ord(letter) <= value[1]
        else:
            classes = {"CATEGORY_WORD": r"\w", "CATEGORY_DIGIT": r"\d", "CATEGORY_SPACE": r"\s"}
            word = str(value)
            matches = re.match(classes[word.replace("NOT_", "")], letter) is not None
            hit = hit or matches is not ("NOT_" in word)
    return hit is not negated


ZERO_WIDTH = {"AT", "ASSERT", "ASSERT_NOT"}


def repeats_side_by_side(pattern: Pattern[Any]) -> list[set[str]]:
    """Return the characters that two long repeats, adjacent or with optional parts between, can both match."""
    found = []
    for nodes in sequences(parsed(pattern)):
        open_repeats: list[set[str]] = []
        for kind, value in nodes:
            if str(kind) in ZERO_WIDTH:
                continue
            is_repeat = str(kind) in {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}
            is_long = is_repeat and value[1] > MANY
            mine = taken([(kind, value)])
            if is_long:
                found += [both for other in open_repeats if (both := mine & other)]
            if not (is_repeat and value[0] == 0):
                open_repeats = []
            if is_long and str(kind) != "POSSESSIVE_REPEAT":
                open_repeats.append(mine)
    return found


def long_searched_repeats(pattern: Pattern[Any]) -> list[str]:
    """Return long repeats that are followed by something and can match how the pattern begins: each start runs on."""
    found = []
    for nodes in sequences(parsed(pattern)):
        consuming = [node for node in nodes if str(node[0]) not in ZERO_WIDTH]
        for index, (kind, value) in enumerate(consuming[:-1]):
            must_follow = any(
                not (str(later) in {"MAX_REPEAT", "MIN_REPEAT"} and rest[0] == 0)
                for later, rest in consuming[index + 1 :]
            )
            is_long = str(kind) in {"MAX_REPEAT", "MIN_REPEAT"} and value[1] > MANY
            if is_long and must_follow and taken([(kind, value)]) & taken(consuming[:1]):
                found.append(repr(value))
    return found


LINE_BOUND = {"TABLE_HEAD", "TABLE_ROW", "HEAD_TO_ESCAPE", "HEAD", "BULLET"}
"""Patterns that begin at the start of a line and end with it: each line is read once."""
PROVEN = {"TAG"}
"""Patterns whose docstring has the proof; the test of hostile texts measures their time."""


@pytest.mark.parametrize("name", sorted(set(REGISTERED) - PROVEN))
def test_no_two_repeats_side_by_side_take_the_same(name: str) -> None:
    """With this form a text of n characters costs n times n."""
    assert repeats_side_by_side(REGISTERED[name]) == []


@pytest.mark.parametrize("name", sorted(set(REGISTERED) - PROVEN - LINE_BOUND))
def test_a_repeat_that_is_searched_for_is_bounded(name: str) -> None:
    """Otherwise each place where it could begin reads the rest of the text."""
    pattern = REGISTERED[name]
    assert pattern.whole or long_searched_repeats(pattern) == []


@pytest.mark.parametrize(
    ("expression", "is_slow"),
    [
        (r"\s*\s*x", True),
        (r"(?:\w+\.)+\w+@", True),
        (r"\w*-?\w*x", True),
        (r"\w{1,80}-?\w{1,80}x", False),
        (r"[a-z]+[0-9]+", False),
    ],
)
def test_the_test_of_repeats_detects_the_form(expression: str, is_slow: bool) -> None:
    """This shows that the test of repeats can fail."""
    assert bool(repeats_side_by_side(made(expression))) is is_slow


@pytest.mark.parametrize(
    ("expression", "is_slow"),
    [
        (r"\s*x", True),
        (r"(?:\w+\.)+\w+@", True),
        (r"\[a [^\]]*\]", True),
        (r"\[a [^\[\]]*\]", False),
        (r"\w+", False),
    ],
)
def test_the_test_of_searches_detects_the_form(expression: str, is_slow: bool) -> None:
    """This shows that the test of searches can fail."""
    assert bool(long_searched_repeats(made(expression))) is is_slow


def made(expression: str) -> Pattern[str]:
    """Return a pattern that is not registered."""
    return Pattern("", expression)


OLD_ADDRESS = re.compile(r"((?:[A-Za-z_$][\w$]*\.)+[A-Za-z_$][\w$]*;?)@[0-9a-f]{1,16}(?![\w.@-])")


def test_addresses_are_found_as_by_the_plain_pattern() -> None:
    """Reading backward from each `@` finds what the slow pattern found, in texts made of what both search."""
    dice = random.Random(14)  # noqa: S311 - a seeded choice of test texts
    pieces = ["a", "B9", "com", ".", ".", "$x", "@", "@1a2f", "@1f", ";", " ", "-", "é", "_", "[L", "9"]
    for _ in range(20_000):
        text = "".join(dice.choices(pieces, k=dice.randint(2, 12)))
        assert without_addresses(text) == OLD_ADDRESS.sub(r"\1", text)


BEFORE = re.compile(r"(?<=[\w$;])@[0-9a-f]{1,16}(?![\w.@-])")
CLASS = re.compile(r"[A-Za-z_$][\w$]{0,99}\.[A-Za-z_$][\w$]{0,99};?\Z")


def looked_back(text: str) -> str:
    """Remove addresses by reading 202 characters backward from each: bounded, and thirty times slower."""
    return BEFORE.sub(lambda at: "" if CLASS.search(text[max(0, at.start() - 202) : at.start()]) else at[0], text)


def test_a_single_reading_finds_the_same_addresses_as_reading_backward_from_each() -> None:
    """This holds for names of about a hundred characters, the longest that counts, in bytes as in texts."""
    dice = random.Random(15)  # noqa: S311 - a seeded choice of test texts
    names = ["a" * 98, "1" * 98, "x1" * 49, "b" * 50, "é1" * 30]
    signs = ["a", "B9", "1", ".", ".", ".", "$", "@", "@1a2f", "@1f", "@" + "f" * 16, ";", " ", "-", "_", "\n"]
    for _ in range(20_000):
        text = "".join(dice.choices(names + signs, k=dice.randint(2, 14)))
        assert without_addresses(text) == looked_back(text)
        plain = text.replace("é", "e")
        assert bytes_without_addresses(plain.encode()) == looked_back(plain).encode()


@pytest.mark.parametrize("left", ["", "@"])
def test_an_address_is_replaced_by_the_given_text(left: str) -> None:
    """The rest of the text stays; only an address after a class's full name is removed."""
    text = "com.foo.Bar@1a2b3c, v2.Bar@1f; 1.a@1 a@1 ann@example.com [Lcom.foo.Bar;@ff"
    expected = f"com.foo.Bar{left}, v2.Bar{left}; 1.a@1 a@1 ann@example.com [Lcom.foo.Bar;{left}"
    assert without_addresses(text, left) == expected


def test_the_bytes_of_a_payload_lose_the_same_addresses() -> None:
    """The digest of a version depends on them."""
    body = b'{"x":"com.foo.Bar@1a2b3c, [Lcom.foo.Bar;@ff a@1 ann@example.com a.b@c.de"}'
    assert bytes_without_addresses(body) == b'{"x":"com.foo.Bar, [Lcom.foo.Bar; a@1 ann@example.com a.b@c.de"}'


def test_text_beyond_the_limit_stays() -> None:
    """No text is lost, and a complete match of a longer text is none."""
    pattern = Pattern("", "a", reach=4)
    assert pattern.subn("b", "aaaaaa") == ("bbbbaa", 4)
    assert pattern.split("xaxxaxxa") == ["x", "xxaxxa"]
    assert pattern.findall("xaxxa") == ["a"]
    assert pattern.search("xxxxa") is None
    assert Pattern("", "a+", reach=4).fullmatch("aaaaa") is None


# --- the benchmark -------------------------------------------------------------------------------------------------
ONE_PATTERN_A_TEXT = (
    "model/visible.py",
    "model/note.py",
    "model/write.py",
    "rules/phrases/text.py",
    "rules/phrases/causes.py",
    "daemon/waiver_requests.py",
    "daemon/waiver_comments.py",
    "mapping/comment_requests.py",
    "mapping/suggestions/file.py",
    "mapping/site.py",
    "sources/jira/site.py",
    "sources/jira/parts.py",
    "sources/jira/writer.py",
    "sources/unreachable.py",
    "sources/servicenow/parse.py",
    "sources/servicenow/answers.py",
    "sources/servicenow/cells.py",
    "store/observed.py",
    "model/days.py",
    "exports/pack_sections.py",
    "exports/readers_pack.py",
)
"""Modules that apply one pattern to a text, once: what takes time there is the pattern, which is timed by itself."""


def imported(path: Path) -> set[str]:
    """Return the files of our package that a file imports from, as paths within the package."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("capa_sync."):
            names = [node.module or "", *(f"{node.module}.{name.name}" for name in node.names)]
            modules = [name.removeprefix("capa_sync.").replace(".", "/") for name in names]
            found |= {f"{module}{ending}" for module in modules for ending in (".py", "/__init__.py")}
    return found


def test_the_benchmark_times_every_pattern() -> None:
    """Each registered pattern is measured on hostile texts of doubling length."""
    assert {name for name, _work in hostile_texts.works()} >= REGISTERED.keys()


def test_the_benchmark_times_whatever_reads_ticket_text_with_patterns() -> None:
    """A module that works on a text with several patterns, or with one in a loop, is measured by a function of it."""
    users = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if "model/patterns.py" in imported(path)
    } | TIMED_WITH_OWN_PATTERNS.keys()
    timed = imported(Path(hostile_texts.__file__))
    assert sorted(users - timed - set(ONE_PATTERN_A_TEXT)) == []
    assert sorted(set(ONE_PATTERN_A_TEXT) - users) == [], "a module without patterns leaves the list"
    assert sorted(set(ONE_PATTERN_A_TEXT) & timed) == [], "a module that is timed leaves the list"


def test_the_docs_name_the_command_of_the_benchmark() -> None:
    """Who changes a pattern finds out how to time it."""
    assert "python -m benchmarks patterns" in (PACKAGE.parent / "README.md").read_text("utf-8")
