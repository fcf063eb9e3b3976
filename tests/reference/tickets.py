"""Generated tickets for the references: lives without any order, some with values that cannot be read."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import NamedTuple

from capa_sync.model.catalogue import FIELDS
from capa_sync.model.record import Action, CapaRecord
from capa_sync.model.ticket import Presence
from capa_sync.model.values import EMPTY, UNMAPPED, Value, ValueState
from tests.reference.by_words import LISTS
from tests.unit.rules.lives import EDITED, PEOPLE, last_record, wild_case

_PLAIN = (
    "No deputy is named in AC-03 | C1: the reminder was lost | C2) nobody owns the mailbox",
    "C2: and C3 | C1: x_1 C2 : y C12)",
    "Disable the accounts | the accounts were disabled | Named a deputy | deputies | 25 leavers sampled, none late",
    'Straße | STRASSE | naïve | 12 | the | A.5.18 | Finance | "quoted" | one two two three | Copy of this',
)
_WORDS = [words for line in _PLAIN for words in line.split(" | ")]
_LISTED = [entry.removeprefix("=") for listed in LISTS.values() for entry in listed]
_JOINTS = (" ", " ", ", ", "; ", "-", "\n", " / ")
_UNKNOWN = (UNMAPPED, Value(ValueState.UNREADABLE, reason="locked"), Value(ValueState.ERROR, reason="odd"))


class Ticket(NamedTuple):
    """A generated ticket.

    Attributes:
        now: an instant soon after its last edit. whole: all of it can be read, so every phrase is true or false
            unless it compares with an empty field.
    """

    seed: int
    record: CapaRecord
    now: datetime
    whole: bool


def ticket(seed: int) -> Ticket:
    """Return the ticket of a number; of each two, one has values that cannot be read."""
    rng = random.Random(seed)  # noqa: S311 - reproducible, not secret
    record, now = last_record(wild_case(seed))
    whole = seed % 2 == 0
    fields = {name: _value(rng, name, now) for name in FIELDS if name not in EDITED and name != "track"}
    record = replace(
        record,
        fields={**record.fields, **fields},
        presence=rng.choice(list(Presence)),
        attachments=rng.choice((0, 1, 3)),
        actions=tuple(
            replace(action, text=_text(rng)) if rng.random() < 0.5 else action for action in record.actions
        ),
        people_active={person: rng.random() < 0.7 for person in PEOPLE},
    )
    return Ticket(seed, record if whole else _clouded(rng, record), now, whole)


def _clouded(rng: random.Random, record: CapaRecord) -> CapaRecord:
    """Return the record with parts that cannot be read."""
    fields = {name: rng.choice(_UNKNOWN) if rng.random() < 0.2 else value for name, value in record.fields.items()}
    mapped = rng.random() < 0.7
    return replace(
        record,
        fields={**fields, **{name: _text(rng) for name in ("root_cause", "correction") if rng.random() < 0.7}},
        attachments=rng.choice((None, record.attachments)),
        actions=tuple(_hidden(rng, action) for action in record.actions) if mapped else (),
        actions_mapped=mapped,
        actions_problem="the tracker refuses them" if rng.random() < 0.2 else "",
        people_active={person: rng.choice((True, False, None)) for person in PEOPLE[1:]},
        language="de" if rng.random() < 0.1 else record.language,
    )


def _hidden(rng: random.Random, action: Action) -> Action:
    values = {"text": action.text, "owner": action.owner, "due_at": action.due_at, "evidence": action.evidence}
    hidden = {name: rng.choice(_UNKNOWN) for name in values if rng.random() < 0.1}
    return replace(action, **hidden, readable=rng.random() < 0.9)


def _value(rng: random.Random, name: str, now: datetime) -> Value:
    spec = FIELDS[name]
    if rng.random() < 0.15:
        return EMPTY
    match spec.type.value:
        case "text":
            return _text(rng)
        case "list":
            return _filled(tuple(_words(rng) for _ in range(rng.randint(1, 3))))
        case "time":
            day = now.date() - timedelta(days=rng.randint(-30, 60))
            return _filled(day if rng.random() < 0.6 else now - timedelta(hours=rng.randint(-700, 1500)))
        case "person":
            return _filled(rng.choice(PEOPLE))
        case _:
            return _filled(rng.choice(spec.choices or ("yes", "no")))


def _text(rng: random.Random) -> Value:
    """Return a value of a text field in any of its known states."""
    kind = rng.random()
    if kind < 0.1:
        return EMPTY
    if kind < 0.2:
        return Value(ValueState.PLACEHOLDER, text="TBD")
    if kind < 0.25:
        return Value(ValueState.FILLED, "", media_only=True)
    return _filled(_words(rng))


def _words(rng: random.Random) -> str:
    """Return words of the lists and others, in any case, joined in several ways."""
    pool = rng.choice((_WORDS, _LISTED, [*_WORDS, *_LISTED]))
    text = rng.choice(pool)
    for _ in range(rng.choice((0, 0, 1, 2, 4, 9))):
        word = rng.choice(pool)
        text += rng.choice(_JOINTS) + rng.choice((word, word, word.upper(), word.capitalize()))
    return text


def _filled(data: str | date | datetime | tuple[str, ...]) -> Value:
    return Value(ValueState.FILLED, data, ", ".join(data) if isinstance(data, tuple) else str(data))
