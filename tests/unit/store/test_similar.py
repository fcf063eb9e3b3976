"""Which earlier records a record matches: the stored matches equal a comparison of every record with every other."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from capa_sync.model.similar import LONGEST_WITHIN_DAYS, MOST_EARLIER, EarlierMatch, SimilarKey
from capa_sync.store import Register, open_register
from capa_sync.store.similar import similar_key_rows
from tests.unit.store.fake_parser import MINUTE, SOURCE, T0

OTHER = "servicenow"
FOUND = date(2026, 3, 2)
DAY = timedelta(days=1)
Keys = dict[tuple[str, str], list[SimilarKey]]


@pytest.fixture
def register(tmp_path: Path) -> Iterator[Register]:
    """Return a register without tickets."""
    with open_register(tmp_path / "register.db", clock_now=T0) as fresh:
        fresh.facts.declare(SOURCE, "jira", "https://paper.example")
        fresh.facts.declare(OTHER, "servicenow", "https://other.example")
        yield fresh


def settle(register: Register, within: int = LONGEST_WITHIN_DAYS) -> list[tuple[str, str]]:
    """Settle the matches of both sources; return the records whose matches within so many days changed."""
    return [
        (source, ticket_id) for source in (OTHER, SOURCE) for ticket_id in register.similar.settle(source, T0, within)
    ]


def give(register: Register, ticket: tuple[str, str], *keys: SimilarKey) -> None:
    """Store the keys of one record."""
    source, ticket_id = ticket
    register.similar.replace_keys(source, {ticket_id: similar_key_rows(source, ticket_id, keys)})


def closed(
    key: str, closed_on: date | None, *, effective: bool = False, found: date = FOUND - 400 * DAY
) -> SimilarKey:
    """Return a key of a record that was closed on a day."""
    return SimilarKey(key, f"KEY-{closed_on}", found, closed_on, effective)


@pytest.mark.parametrize(
    ("closed_on", "matches"),
    [
        (FOUND - DAY, True),
        (FOUND, False),
        (FOUND - LONGEST_WITHIN_DAYS * DAY, True),
        (FOUND - (LONGEST_WITHIN_DAYS + 1) * DAY, False),
        (None, False),
    ],
)
def test_a_record_matches_what_was_closed_in_the_years_before_it_was_found(
    register: Register, closed_on: date | None, matches: bool
) -> None:
    """The day of the finding is too late, ten years and a week too early; another kind of cause is no match."""
    give(register, (SOURCE, "late"), closed("a", None, found=FOUND))
    give(register, (OTHER, "early"), closed("a", closed_on))
    give(register, (OTHER, "else"), closed("b", FOUND - DAY))
    assert register.similar.is_stale(SOURCE)
    assert settle(register) == ([(SOURCE, "late")] if matches else [])
    assert not register.similar.is_stale(SOURCE)
    found = register.similar.earlier(SOURCE, ["late"])
    assert bool(found) is matches


def test_a_change_that_no_rule_counts_asks_for_no_judgement(register: Register) -> None:
    """Matches of before the period are stored, and their records not named; one at its first day is."""
    give(register, (SOURCE, "late"), closed("a", None, found=FOUND))
    give(register, (OTHER, "early"), closed("a", FOUND - 31 * DAY))
    assert settle(register, within=30) == []
    assert len(register.similar.earlier(SOURCE, ["late"])["late"]) == 1
    give(register, (OTHER, "early"), closed("a", FOUND - 30 * DAY))
    assert settle(register, within=30) == [(SOURCE, "late")]
    give(register, (OTHER, "early"))
    assert settle(register, within=30) == [(SOURCE, "late")]


def test_a_pair_that_is_marked_as_different_matches_no_more_whatever_changes_later(register: Register) -> None:
    """The mark holds in both directions, and when either record gets new keys."""
    give(register, (SOURCE, "late"), closed("a", None, found=FOUND))
    give(register, (OTHER, "early"), closed("a", FOUND - DAY))
    settle(register)
    register.similar.mark_different((OTHER, "early"), (SOURCE, "late"), "mara", T0)
    assert settle(register) == [(SOURCE, "late")]
    give(register, (OTHER, "early"), closed("a", FOUND - 2 * DAY, effective=True))
    assert settle(register) == []
    assert register.similar.different_from(SOURCE, "late") == [(OTHER, "early")]
    assert register.similar.different_from(OTHER, "early") == [(SOURCE, "late")]


def test_what_a_record_matched_before_a_change_is_kept(register: Register) -> None:
    """Until the instant of a change the former matches held, then the next ones."""
    give(register, (SOURCE, "late"), closed("a", None, found=FOUND))
    known: list[tuple[EarlierMatch, ...]] = []
    for minute, day in enumerate((3, 2, None)):
        give(register, (OTHER, "early"), closed("a", FOUND - day * DAY if day else None))
        known.append(register.similar.earlier(SOURCE, ["late"]).get("late", ()))
        register.similar.settle(SOURCE, T0 + minute * MINUTE, LONGEST_WITHIN_DAYS)
    before = [register.similar.earlier_at(SOURCE, "late", T0 + n * MINUTE - MINUTE / 2) for n in range(3)]
    assert before == known
    assert [len(matches) for matches in before] == [0, 1, 1]
    assert register.similar.earlier_at(SOURCE, "late", T0 + 2 * MINUTE) == ()


def _expected(keys: Keys, ticket: tuple[str, str]) -> tuple[EarlierMatch, ...]:
    """Return the matches of a record by comparing it with every other: the last closed, and the last effective."""
    found = {
        EarlierMatch(*other, theirs.ticket_key, theirs.closed_on, theirs.is_effective)
        for other, all_theirs in keys.items()
        for theirs in all_theirs
        for ours in keys[ticket]
        if other != ticket and ours.key == theirs.key and theirs.closed_on is not None
        if timedelta(0) < ours.identified_on - theirs.closed_on <= LONGEST_WITHIN_DAYS * DAY
    }
    order = sorted(found, key=lambda match: (-match.closed_on.toordinal(), match.source, match.ticket_id))
    effective = [match for match in order if match.is_effective][:1]
    return tuple(dict.fromkeys([*order[:MOST_EARLIER], *effective]))


@pytest.mark.parametrize("seed", range(6))
def test_after_any_changes_the_matches_are_those_of_a_comparison_of_all(register: Register, seed: int) -> None:
    """Records get, change and lose keys in two sources; only those whose matches changed are named."""
    dice = random.Random(seed)  # noqa: S311 - repeatable test data
    keys: Keys = {}
    for _ in range(12):
        before = {ticket: register.similar.earlier(*_one(ticket)).get(ticket[1], ()) for ticket in keys}
        for _ in range(dice.randint(1, 6)):
            ticket = (dice.choice((SOURCE, OTHER)), str(dice.randint(1, 18)))
            found = FOUND - dice.randint(0, 9_000) * DAY
            end = found + dice.randint(0, 4_000) * DAY if dice.random() < 0.7 else None
            names = dice.sample("abc", dice.randint(0, 2))
            effective = dice.random() < 0.3
            keys[ticket] = [SimilarKey(name, "-".join(ticket), found, end, effective) for name in names]
            give(register, ticket, *keys[ticket])
        changed = settle(register)
        after = {ticket: register.similar.earlier(*_one(ticket)).get(ticket[1], ()) for ticket in keys}
        assert after == {ticket: _expected(keys, ticket) for ticket in keys}
        assert sorted(changed) == sorted(ticket for ticket in keys if after[ticket] != before.get(ticket, ()))


def _one(ticket: tuple[str, str]) -> tuple[str, list[str]]:
    return ticket[0], [ticket[1]]
