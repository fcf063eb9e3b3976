"""Completes a rule file while it is typed: keys, fields, phrases, words, placeholders; text alone, no YAML is read.

A file that is being typed is no valid YAML most of the time. The line up to the cursor, and the key of the file under
which it stands, decide what may follow.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from capa_sync.model.record import Stage
from capa_sync.model.settings import DEFAULT_DEADLINES
from capa_sync.model.workshop import Completion
from capa_sync.rules.case_expects import EXPECT_KEYS, RESULTS
from capa_sync.rules.case_reader import CASE_KEYS
from capa_sync.rules.case_rows import ROW_KEYS
from capa_sync.rules.conditions import Join
from capa_sync.rules.key_words import FORMS
from capa_sync.rules.phrases.phrase import SLOT, SLOTS, Phrase
from capa_sync.rules.phrases.table import vocabulary
from capa_sync.rules.placeholders import PLACEHOLDERS
from capa_sync.rules.schema import KEYS, MODES, SEVERITIES
from capa_sync.rules.subjects import KIND_WORDS, SUBJECTS, Subject

MOST = 30
"""Completions that are returned."""
_LONGEST = 500
"""Characters of a line that is completed."""
_CONDITIONS = frozenset({"applies_to", "when", "require"})
_JOINS = {Join.ALL: "all lines below it hold", Join.ANY: "one of them holds", Join.NONE: "none of them holds"}
_SECTION = re.compile(r"^([a-z_]+):", re.MULTILINE)
_KEY = re.compile(r"[a-z_]*")
_FIELD = re.compile(r"\s*- ?(?P<name>[a-z_]*)")
_SENTENCE = re.compile(r"\s*(?:- )?(?P<name>[a-z_]+): ?(?P<sentence>.*)")
_INLINE_FIELD = re.compile(r".*\bwhen:? (?P<name>[a-z_]*)")
_INLINE_SENTENCE = re.compile(r".*\bwhen:? (?P<name>[a-z_]+):? (?P<sentence>.*)")
_PLACEHOLDER = re.compile(r".*(?P<name>\{[^{}]*)")
_WHOLE_PLACEHOLDER = re.compile(r"\{[^{}…]+\}")
_WORD_OF_KEY = re.compile(r"\s*(?:- )?(?:mode|severity): (?P<name>[a-z]*)")
_STEP = re.compile(r"\s*- (?P<name>[a-z]*)")
_RESULT = re.compile(r".*\bresult: (?P<name>[a-z ]*)")
_TEST_KEY = re.compile(r"(?:.*[{,] ?|\s*- |\s+)(?P<name>[a-z_]*)")
_WORD_OF_FIELD = re.compile(r".*[{,] ?(?P<field>[a-z_]+): (?P<name>[a-z_]*)")


def completions(text: str, at: int) -> Sequence[Completion]:
    """Return what may follow at a cursor, which stands before the character `at` of the text."""
    line_start = text.rfind("\n", 0, at) + 1
    line = text[line_start:at]
    if len(line) > _LONGEST:
        return ()
    found: dict[tuple[int, str], Completion] = {}
    for start, word, means in _of_line(line, _section(text, at)):
        if word != line[start:]:
            found.setdefault((start, word), Completion(line_start + start, word, means))
    return list(found.values())[:MOST]


def _section(text: str, at: int) -> str:
    """Return the key of the file under which a place stands, "" before the first."""
    keys = _SECTION.findall(text, 0, at)
    return keys[-1] if keys else ""


Offer = tuple[int, str, str]
"""From where in the line on, what stands there then, and what it means."""


def _of_line(line: str, section: str) -> Iterator[Offer]:
    if _KEY.fullmatch(line):
        yield from _named(0, line, ((f"{key}: ", FORMS.get(key, "")) for key in KEYS))
    elif section in ("message", "fix") and (found := _PLACEHOLDER.fullmatch(line)):
        yield from _named(found.start("name"), found["name"], _placeholders())
    elif section == "tests":
        yield from _of_tests(line)
    elif section == "mode" and (found := _WORD_OF_KEY.fullmatch(line)):
        yield from _named(found.start("name"), found["name"], ((mode, "") for mode in MODES))
    elif section == "severity" and (found := _WORD_OF_KEY.fullmatch(line) or _STEP.fullmatch(line)):
        yield from _named(found.start("name"), found["name"], ((word, "") for word in SEVERITIES))
    else:
        yield from _of_condition(line, section)


def _of_condition(line: str, section: str) -> Iterator[Offer]:
    for form in (_SENTENCE, _INLINE_SENTENCE):
        found = form.fullmatch(line)
        subject = SUBJECTS.get(found["name"]) if found else None
        if found and subject is not None:
            yield from _sentences(subject, found["sentence"], found.start("sentence"))
            return
    if section in _CONDITIONS and (found := _FIELD.fullmatch(line)):
        joins = ((f"{join.value}:", means) for join, means in _JOINS.items())
        yield from _named(found.start("name"), found["name"], [*joins, *_fields(": ")])
    elif found := _INLINE_FIELD.fullmatch(line):
        yield from _named(found.start("name"), found["name"], _fields(" "))


def _fields(end: str) -> Iterator[tuple[str, str]]:
    for subject in SUBJECTS.values():
        yield f"{subject.name}{end}", f"{KIND_WORDS[subject.kind]}: {subject.meaning}"


def _placeholders() -> Iterator[tuple[str, str]]:
    yield from ((name, means) for names, means in PLACEHOLDERS for name in _WHOLE_PLACEHOLDER.findall(names))
    yield from ((f"{{{subject.name}}}", f"the value now of {subject.meaning}") for subject in SUBJECTS.values())


def _named(start: int, typed: str, names: Iterable[tuple[str, str]]) -> Iterator[Offer]:
    """Yield the names that begin with what is typed, then those that contain it."""
    known = list(names)
    yield from ((start, name, means) for name, means in known if name.startswith(typed))
    if typed:
        inside = ((name, means) for name, means in known if typed in name and not name.startswith(typed))
        yield from ((start, name, means) for name, means in inside)


def _sentences(subject: Subject, typed: str, start: int) -> Iterator[Offer]:
    """Yield the phrases of a field that begin as what is typed, and the words of the place that it ends in."""
    phrases = vocabulary().of(subject)
    for phrase in phrases:
        rest = _rest(phrase, typed)
        if rest is None:
            continue
        done, slot = rest
        means = f"{phrase.says.removesuffix('.')}; such as {phrase.example.strip()}"
        if slot:
            yield from _words_of(subject, slot, typed, start)
        if done != typed:
            yield start, done, means
    if typed:
        words = set(typed.lower().split())
        apart = (phrase for phrase in phrases if words <= set(phrase.template.lower().split()))
        yield from ((start, p.template, p.says) for p in apart if _rest(p, typed) is None)


def _rest(phrase: Phrase, typed: str) -> tuple[str, str] | None:
    """Return the whole sentence that a typed beginning becomes, and the slot that it ends in; None for another."""
    place, parts = 0, SLOT.split(phrase.template)
    for number, part in enumerate(parts):
        following, left = "".join(parts[number + 1 :]), typed[place:]
        if number % 2 == 0:
            if part.startswith(left) and (left != part or not following):
                return typed[:place] + part + following, ""
            if not left.startswith(part):
                return None
            place += len(part)
            continue
        found = re.match(SLOTS[part], left)
        if not left or (found and found.end() == len(left)) or left.endswith((", ", ",")):
            return (typed + (part if not left else "") + following), part
        if found is None:
            return None
        place += found.end()
    return None


def _words_of(subject: Subject, slot: str, typed: str, start: int) -> Iterator[Offer]:
    """Yield the words that may stand in a slot, for the word that is being typed."""
    begun = re.search(r"[^\s,]*$", typed)
    word = begun[0] if begun else ""
    place = start + len(typed) - len(word)
    if slot in ("A", "A, B", "C") and subject.choices:
        yield from _named(place, word, ((choice, "") for choice in subject.choices))
    elif slot == "STAGE":
        yield from _named(place, word, ((stage.value, "") for stage in Stage))
    elif slot == "NAME":
        yield from _named(place, word, ((name, "a deadline of the settings") for name in DEFAULT_DEADLINES))
    elif slot in ("FIELD", "FIELD, FIELD"):
        yield from _named(place, word, _fields(""))


def _of_tests(line: str) -> Iterator[Offer]:
    if found := _RESULT.fullmatch(line):
        yield from _named(found.start("name"), found["name"], ((word, "") for word in RESULTS))
    elif (found := _WORD_OF_FIELD.fullmatch(line)) and (subject := SUBJECTS.get(found["field"])):
        yield from _named(found.start("name"), found["name"], ((word, "") for word in subject.choices))
    elif found := _TEST_KEY.fullmatch(line):
        keys = dict.fromkeys((*CASE_KEYS, *ROW_KEYS, *EXPECT_KEYS))
        names = [(f"{key}: ", "") for key in keys] + [offer for offer in _fields(": ") if offer[0][:-2] not in keys]
        yield from _named(found.start("name"), found["name"], names)
