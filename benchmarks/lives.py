"""Generated histories of corrective actions: the present values of a ticket and all changes that led to them.

A pool of 1000 different histories serves any number of tickets. A ticket has 8.4 changed values on average (420,000
for 50,000 tickets), and one ticket in a hundred has more than a hundred history entries.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from capa_sync.sandbox.stories.people import PEOPLE
from capa_sync.sandbox.stories.vocabulary import WORDS

POOL = 1000
ITEMS_A_POOL = 8400
_STAGES = ("identified", "contained", "analysed", "planned", "implemented", "verified", "closed")
_WORDS = [
    "access",
    "review",
    "leaver",
    "account",
    "was",
    "still",
    "enabled",
    "after",
    "the",
    "last",
    "working",
    "day",
    "because",
    "the",
    "personnel",
    "list",
    "reaches",
    "the",
    "service",
    "desk",
    "once",
    "a",
    "week",
    "and",
    "nobody",
    "compares",
    "it",
    "with",
    "the",
    "directory",
    "so",
    "that",
    "the",
    "joiner",
    "mover",
    "leaver",
    "procedure",
    "has",
    "no",
    "trigger",
    "for",
    "contractors",
    "and",
    "the",
    "quarterly",
    "control",
    "did",
    "not",
    "look",
    "at",
    "this",
    "system",
    "at",
    "all",
]
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
FIRST_CREATED, LAST_CREATED = TODAY - timedelta(days=65), TODAY - timedelta(days=25)
"""Days between which all tickets are created; they are edited later. They follow the calendar, because deadlines do:
with fixed dates all open tickets become late as the months pass, and every ticket needs a warning. Here the root
cause is late only where the grade is major, and every second ticket needs a warning."""

_STEPS: tuple[tuple[str, ...], ...] = (
    ("owner",),
    ("grade", "impact"),
    ("correction", "correction_at"),
    (">contained",),
    ("action_needed",),
    ("rca_method", "root_cause"),
    ("cause_category", "extent_result"),
    (">analysed",),
    ("action_text", "due_at"),
    ("plan_approved_by", "plan_approved_at"),
    (">planned",),
    ("due_at",),
    ("implementation_evidence",),
    (">implemented",),
    ("effectiveness_criterion", "effectiveness_due"),
    ("effectiveness_result", "effectiveness_reviewer"),
    (">verified",),
    (">closed", "closure_note"),
)


@dataclass(slots=True)
class Edit:
    """One edit: instant, person id, and canonical field -> (before, after); the field `stage` is a transition."""

    at: datetime
    by: str
    values: dict[str, tuple[str, str]]


@dataclass(slots=True)
class TicketLife:
    """One ticket history: the fields at creation, the fields now, and the edits."""

    born: dict[str, str]
    now: dict[str, str]
    edits: list[Edit] = field(default_factory=list)

    @property
    def items(self) -> int:
        """Return how many values the edits changed."""
        return sum(len(edit.values) for edit in self.edits)


class _LifeGenerator:
    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)  # noqa: S311 - the same lives in every run

    def text(self, words: int) -> str:
        start = self._dice.randrange(len(_WORDS))
        return " ".join(_WORDS[(start + n * 7) % len(_WORDS)] for n in range(words)).capitalize() + "."

    def value(self, name: str, day: datetime) -> str:
        word = WORDS[name]
        if word.options:
            return self._dice.choice(list(word.options))
        if word.kind == "person":
            return self._dice.choice(list(PEOPLE))
        if word.kind in ("day", "instant"):
            return (day + timedelta(days=self._dice.randrange(5, 60))).date().isoformat()
        return self.text(6 if word.kind == "line" else self._dice.randrange(12, 60))

    def life(self, number: int) -> TicketLife:
        """Generate one life, up to a random step."""
        at = LAST_CREATED + timedelta(hours=number % 120)
        born = {name: self.value(name, at) for name in ("title", "description", "requirement_ref", "source")}
        born |= {name: self.value(name, at) for name in ("location", "objective_evidence")}
        born |= {"occurred_at": at.date().isoformat(), "detected_at": at.date().isoformat(), "stage": "identified"}
        life = TicketLife(born, dict(born))
        # one ticket in twelve is closed, so that all stages occur
        for step in _STEPS if number % 12 == 0 else _STEPS[: self._dice.randrange(2, 6)]:
            at += timedelta(hours=self._dice.randrange(3, 26))
            self._edit(life, at, list(step))
        return life

    def _edit(self, life: TicketLife, at: datetime, names: list[str]) -> None:
        values = {}
        for name in names:
            key, new = ("stage", name[1:]) if name[0] == ">" else (name, self.value(name, at))
            values[key] = (life.now.get(key, ""), new)
            life.now[key] = new
        life.edits.append(Edit(at, self._dice.choice(list(PEOPLE)), values))

    def lengthen(self, life: TicketLife, entries: int) -> None:
        """Add edits of the description; each changes one value."""
        at = life.edits[-1].at
        for _ in range(entries):
            at += timedelta(minutes=self._dice.randrange(1, 90))
            self._edit(life, at, ["description"])


def generate_pool() -> list[TicketLife]:
    """Generate the whole pool; together its edits change exactly ITEMS_A_POOL values."""
    generator = _LifeGenerator(10)
    lives = [generator.life(number) for number in range(POOL)]
    for number in range(50, POOL, 100):
        generator.lengthen(lives[number], 103)
    missing = ITEMS_A_POOL - sum(life.items for life in lives)
    assert missing >= 0, f"the lives are too long by {-missing} values"
    for n in range(missing):
        generator.lengthen(lives[n * 7 % POOL], 1)
    return lives
