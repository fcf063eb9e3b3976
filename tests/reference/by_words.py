"""The second reference of the text phrases: it works on strings where the phrases work on places of words.

It imports nothing of the rules package. The word lists are data; they are read from the text of their module.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from fractions import Fraction
from itertools import takewhile
from pathlib import Path

from capa_sync.model.record import Action, ActionKind, CapaRecord
from capa_sync.model.values import Value, ValueState

Truth = bool | None
Reference = Callable[[CapaRecord, datetime], Truth]
_FILE = Path(__file__).parents[2] / "capa_sync" / "rules" / "word_lists.py"
_UNKNOWN = frozenset({ValueState.UNMAPPED, ValueState.UNREADABLE, ValueState.ERROR})
_ENDINGS = sorted(("ing", "ies", "ied", "es", "ed", "ly", "s", "y"), key=len, reverse=True)


def _lists() -> dict[str, list[str]]:
    """Return the entries of each word list."""
    found = {}
    for statement in ast.parse(_FILE.read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant):
            text = str(statement.value.value)
            entries = [entry.strip() for line in text.splitlines() for entry in line.split("|")]
            found[statement.targets[0].id] = [entry for entry in entries if entry]  # type: ignore[attr-defined]
    return found


LISTS = _lists()
_STOP = set()


def words(text: str) -> list[str]:
    """Return the runs of letters, digits and underscores of a text, case-folded."""
    return ["".join(run).casefold() for run in "".join(c if c.isalnum() or c == "_" else " " for c in text).split()]


_STOP.update(word for entry in LISTS["STOP_WORDS"] for word in words(entry))


def stem(word: str) -> str:
    """Return a word without its longest ending that leaves three letters, then without one last letter."""
    base = next(
        (word.removesuffix(end) for end in _ENDINGS if word.endswith(end) and len(word) >= len(end) + 3), word
    )
    if len(base) >= 4 and base[-2:] == base[-1] * 2:
        return base[:-1]
    return base[:-1] if len(base) >= 5 and base.endswith("e") else base


_STEMS = {name: {stem(e) for e in entries if " " not in e and e[0] != "="} for name, entries in LISTS.items()}
_RUNS = {name: [f" {e.lstrip('=')} " for e in entries if " " in e or e[0] == "="] for name, entries in LISTS.items()}


def says(text: str, listed: str) -> bool:
    """Return whether an entry of a list stands in a text."""
    found = words(text)
    line = f" {' '.join(found)} "
    return any(stem(word) in _STEMS[listed] for word in found) or any(run in line for run in _RUNS[listed])


def _marks(text: list[str], listed: str) -> list[range]:
    """Return the places at which entries of a list stand in a text."""
    found = [range(place, place + 1) for place, word in enumerate(text) if stem(word) in _STEMS[listed]]
    for run in (entry.split() for entry in _RUNS[listed]):
        found += [
            range(place, place + len(run))
            for place in range(len(text) - len(run) + 1)
            if text[place : place + len(run)] == run
        ]
    return found


def names_system(text: str) -> bool:
    """Cross out every failing, and the duties in the eight words behind it; then look for a part of the system."""
    found = words(text)
    out = set()
    for mark in _marks(found, "FAILINGS"):
        out.update(mark)
        after = range(mark.stop, min(mark.stop + 8, len(found)))
        out.update(place for place in after if stem(found[place]) in _STEMS["DUTIES"])
    return any(mark.start not in out for mark in _marks(found, "SYSTEM_PARTS"))


def content(texts: Sequence[str]) -> set[str]:
    """Return the stems of the words that carry the subject of texts."""
    found = [word for text in texts for word in words(text)]
    return {stem(word) for word in found if word not in _STOP and not (len(word) == 1 and not word.isdigit())}


def share(text: str, others: Sequence[str]) -> Fraction:
    """Return which part of the words of a text stand in others, by their first six letters."""
    own, known = ({word[:6] for word in content(side)} for side in ([text], others))
    return Fraction(len(own & known), len(own)) if own else Fraction(0)


def written(value: Value) -> list[str]:
    """Return the texts of a value."""
    if value.state is not ValueState.FILLED or value.media_only:
        return []
    return [str(part) for part in value.data] if isinstance(value.data, tuple) else [str(value.data)]


def _known(field: str, test: Callable[[Value], Truth]) -> Reference:
    """Return the reference that cannot tell of an unknown value."""

    def reference(record: CapaRecord, _: datetime) -> Truth:
        value = record.fields[field]
        return None if value.state in _UNKNOWN else test(value)

    return reference


def _english(fields: Sequence[str], reference: Reference) -> Reference:
    """Return the reference that cannot tell of texts in another language, which the mapping declares."""

    def judged(record: CapaRecord, now: datetime) -> Truth:
        texts = [text for name in fields if name != "actions" for text in written(record.fields[name])]
        texts += [text for action in counted(record) for text in written(action.text)] if "actions" in fields else []
        return None if texts and record.language != "en" else reference(record, now)

    return judged


def counted(record: CapaRecord) -> list[Action]:
    """Return the corrective and preventive actions that are there."""
    return [
        action
        for action in record.actions
        if action.kind in {ActionKind.CORRECTIVE, ActionKind.PREVENTIVE}
        and not action.cancelled
        and not (action.origin == "field" and action.text.state is ValueState.EMPTY)
    ]


def incomplete(record: CapaRecord) -> bool:
    """Return whether there may be actions that cannot be read."""
    unread = any(not action.readable for action in record.actions)
    return bool(record.actions_problem) or unread or not (record.actions or record.actions_mapped)


def _plain(value: Value) -> str:
    return "\n".join(value.data) if isinstance(value.data, tuple) else str(value.data)


def _substantive(characters: int, different: int) -> Callable[[Value], bool]:
    def test(value: Value) -> bool:
        texts = written(value)
        if characters or different:
            texts = [re.sub(r" ?\S*://\S*", "", text) for text in texts]
        return bool(texts) and len(texts[0].strip()) >= max(1, characters) and len(set(words(texts[0]))) >= different

    return test


def _filled(test: Callable[[str], bool]) -> Callable[[Value], bool]:
    return lambda value: value.state is ValueState.FILLED and test(_plain(value).casefold())


def _says_any(field: str, test: Callable[[str], bool]) -> Reference:
    return _english([field], _known(field, lambda value: any(map(test, written(value)))))


def _more_than_done(least: int) -> Callable[[Value], bool]:
    return lambda value: len(content(written(value)) - _STEMS["COMPLETIONS"]) >= least


def _apart(field: str, percent: int, others: Sequence[str]) -> Reference:
    """Return the reference of `shares less than N percent of its words with …`."""

    def reference(record: CapaRecord, _: datetime) -> Truth:
        own = record.fields[field]
        if own.state in _UNKNOWN:
            return None
        values = [record.fields[name] for name in others if name != "actions"]
        hidden = any(value.state in _UNKNOWN for value in values)
        if "actions" in others:
            values += [action.text for action in counted(record)]
            hidden |= incomplete(record) or any(value.state in _UNKNOWN for value in values)
        texts = [text for value in values for text in written(value)]
        if any(share(text, texts) >= Fraction(percent, 100) for text in written(own)):
            return False
        return None if hidden and written(own) else True

    return _english([field, *others], reference)


def _beyond(percent: int, other: str) -> Reference:
    """Return the reference of `at least one is no reminder and shares less than N percent …`."""

    def one(action: Action, done: Value) -> Truth:
        if action.text.state in _UNKNOWN:
            return None
        texts = [t for t in written(action.text) if not says(t, "REMINDERS") or says(t, "CHANGES")]
        if not texts:
            return False
        if done.state in _UNKNOWN:
            return None
        there = written(done)
        new = content(texts) & _STEMS["CHANGES"] - content(there)
        return bool(new) or any(share(text, there) < Fraction(percent, 100) for text in texts)

    def reference(record: CapaRecord, _: datetime) -> Truth:
        found = {one(action, record.fields[other]) for action in counted(record)}
        if True in found:
            return True
        return None if None in found or incomplete(record) else False

    return _english(["actions", other], reference)


def _numbered(text: str, *, listed: bool) -> set[str]:
    """Return the numbers behind a C that begins a word; `listed`: those before a colon or bracket alone."""
    found = set()
    for place, letter in enumerate(text):
        if letter == "C" and not _is_of_word(text[place - 1 : place]):
            rest = text[place + 1 :]
            digits = "".join(takewhile(str.isdigit, rest[:2]))
            rest = rest[len(digits) :]
            ends = rest[:1] + rest[:1].isspace() * rest[1:2]
            if digits and (ends[-1:] in {":", ")"} if listed else not _is_of_word(rest[:1])):
                found.add(digits)
    return found


def _is_of_word(letter: str) -> bool:
    return letter.isalnum() or letter == "_"


def _names_causes(record: CapaRecord, _: datetime) -> Truth:
    cause = record.fields["impact"]
    if cause.state in _UNKNOWN:
        return None
    numbers = _numbered(str(cause.data or ""), listed=True) if cause.state is ValueState.FILLED else set()
    texts = " ".join(str(a.text.data) for a in counted(record) if a.text.state is ValueState.FILLED)
    if numbers <= _numbered(texts, listed=False):
        return True
    unread = incomplete(record) or any(action.text.state in _UNKNOWN for action in counted(record))
    return None if unread else False


def _numbers(least: int) -> Callable[[Value], bool]:
    return lambda v: v.state is ValueState.FILLED and len(_numbered(str(v.data or ""), listed=True)) >= least


def _long(value: Value) -> bool:
    return value.state is ValueState.FILLED and len(str(value.data)) >= 30


BY_WORDS: dict[str, Reference] = {
    "root_cause: placeholder": _known("root_cause", lambda v: v.state is ValueState.PLACEHOLDER),
    "impact: substantive": _known("impact", _substantive(0, 0)),
    "impact: substantive with at least 40 characters": _known("impact", _substantive(40, 0)),
    "title: substantive with at least 5 distinct words": _known("title", _substantive(0, 5)),
    "root_cause: substantive with at least 40 characters and 5 distinct words": _known(
        "root_cause", _substantive(40, 5)
    ),
    "title: at least 30 characters": _known("title", _long),
    'requirement_ref: contains "a.5"': _known("requirement_ref", _filled(lambda text: "a.5" in text)),
    "title: contains STRASSE": _known("title", _filled(lambda text: "strasse" in text)),
    "title: does not contain deput": _known("title", _filled(lambda text: "deput" not in text)),
    "closure_note: starts with C": _known("closure_note", _filled(lambda text: text[:1] == "c")),
    "title: does not start with T": _known("title", _filled(lambda text: text[:1] != "t")),
    "impact: announces a later answer": _says_any(
        "impact", lambda text: len(text) <= 120 and says(text, "ANNOUNCEMENTS")
    ),
    "why_chain: announces a later answer": _says_any(
        "why_chain", lambda text: len(text) <= 120 and says(text, "ANNOUNCEMENTS")
    ),
    "location: names the failing of a person": _says_any("location", lambda text: says(text, "FAILINGS")),
    "why_chain: names a part of the system": _says_any("why_chain", names_system),
    "root_cause: names a part of the system": _says_any("root_cause", names_system),
    "closure_note: says at least 3 words more than that it is done": _english(
        ["closure_note"], _known("closure_note", _more_than_done(3))
    ),
    "impact: shares less than 20 percent of its words with title, consequences": _apart(
        "impact", 20, ["title", "consequences"]
    ),
    "impact: shares less than 10 percent of its words with title, actions": _apart(
        "impact", 10, ["title", "actions"]
    ),
    "actions: at least one is no reminder and shares less than 30 percent of its words with correction": _beyond(
        30, "correction"
    ),
    "impact: numbers at least 2 causes": _known("impact", _numbers(2)),
    "actions: name each cause that impact numbers": _names_causes,
}
"""Line of a rule -> its reference."""
