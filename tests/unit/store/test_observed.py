"""Changes that only our own comparison of two reads shows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from capa_sync.model.ticket import Origin, RawChange, SourceTicket
from capa_sync.model.values import Raw
from capa_sync.store.observed import Observation, emptied_fields, merge, observe, same_content
from tests.unit.store.fake_parser import DAY, MINUTE, T0, FakeParser, FakeTicket, raw


def ticket(fake: FakeTicket) -> SourceTicket:
    """Return the fake ticket as parsed now."""
    return fake.reading().ticket


def seen(old: SourceTicket, new: SourceTicket) -> list[Observation]:
    """Compare two reads, the later one a day after the first."""
    return observe(
        old,
        new,
        read_before=T0,
        read_at=T0 + DAY,
        computed=FakeParser.computed_fields,
        updated_by=FakeParser.updated_by_field,
    )


def test_a_silent_change_is_observed_at_the_read() -> None:
    """A value that differs while neither history nor `updated` moved changed at the instant of the read."""
    fake = FakeTicket("1", "CAPA-1", {"owner": "ann"})
    old = ticket(fake)
    fake.fields["owner"] = "ben"
    (observed,) = seen(old, ticket(fake))
    assert (observed.change.field_id, observed.change.old, observed.change.new) == ("owner", raw("ann"), raw("ben"))
    assert (observed.change.at, observed.change.by, observed.change.origin) == (T0 + DAY, "", Origin.OBSERVED)


def test_a_change_with_moved_updated_has_date_and_author_from_the_tracker() -> None:
    """If `updated` moved, it is the instant, and ServiceNow's `sys_updated_by` is the author."""
    fake = FakeTicket("1", "CAPA-1", {"owner": "ann", "sys_updated_by": "x"})
    old = ticket(fake)
    fake.fields |= {"owner": "ben", "sys_updated_by": "carl"}
    fake.updated = T0 + MINUTE
    (observed,) = seen(old, ticket(fake))
    assert (observed.change.at, observed.change.by) == (T0 + MINUTE, "carl")


def test_a_change_that_the_history_has_is_not_observed() -> None:
    """An ordinary edit is a history entry and nothing else."""
    fake = FakeTicket("1", "CAPA-1", {"owner": "ann"})
    old = ticket(fake)
    fake.edit(T0 + MINUTE, owner="ben")
    assert seen(old, ticket(fake)) == []


def test_a_field_by_name_in_the_history_explains_the_field() -> None:
    """An entry under `name:…` (Data Center, unresolved) counts for the field of that name."""
    fake = FakeTicket("1", "CAPA-1", {"Owner": "ann"})
    old = ticket(fake)
    fake.fields["Owner"] = "ben"
    entry = RawChange("h1", T0 + MINUTE, 1, "name:Owner", "Owner", raw("ann"), raw("ben"), "bob")
    assert seen(old, replace(ticket(fake), changes=(entry,))) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("com.acme.Sla@1a2b3c", "com.acme.Sla@99ffee"),
        ("[com.acme.Sla@1a2b3c, com.acme.Sla@2b]", "[com.acme.Sla@5, com.acme.Sla@6]"),
        (["10001", "Audit"], ["10001", "Audit (renamed)"]),
    ],
)
def test_addresses_and_renamed_options_are_no_changes(before: Any, after: Any) -> None:
    """What differs at every read, or is another name of the same option, is no change of the ticket."""
    assert same_content(raw(before), raw(after))


@pytest.mark.parametrize(
    ("before", "after"), [("ann@b.com", "ann@c.com"), ("a.b@cafe.org", "a.b@beef.org"), ("x", None), ("a", "b")]
)
def test_addresses_of_people_and_other_texts_are_changes(before: Any, after: Any) -> None:
    """A mail address is no object address."""
    assert not same_content(raw(before), raw(after))


def test_computed_fields_are_never_observed() -> None:
    """`updated` and counts that are derived from other values are no changes."""
    fake = FakeTicket("1", "CAPA-1", {"updated": "1", "votes": "0"})
    old = ticket(fake)
    fake.fields = {"updated": "2", "votes": "9"}
    assert seen(old, ticket(fake)) == []


def test_a_field_that_came_or_went_is_no_observed_change() -> None:
    """An absent key says nothing about the value (docs/real-tickets.md 12)."""
    old = ticket(FakeTicket("1", "CAPA-1", {"a": "1"}))
    assert seen(old, ticket(FakeTicket("1", "CAPA-1", {"b": "1"}))) == []


def history(*minutes: int) -> tuple[RawChange, ...]:
    """Return history entries of field `status`, one at each minute, orders from 1."""
    return tuple(
        RawChange(f"h{n}", T0 + m * MINUTE, n, "status", "Status", Raw(), raw(str(n)), "bob")
        for n, m in enumerate(minutes, 1)
    )


def observation(minute: int, field: str = "owner", since: int = 0) -> Observation:
    """Return an observed change at a minute."""
    at = T0 + minute * MINUTE
    change = RawChange(f"observed-{minute}", at, 0, field, field, raw("a"), raw("b"), "", Origin.OBSERVED)
    return Observation(change, T0 + since * MINUTE, at)


def test_observations_stand_after_the_history_up_to_their_instant() -> None:
    """The changes are numbered anew, rising over both."""
    merged = merge(history(1, 2, 5), [observation(2), observation(9)])
    assert [change.entry for change in merged] == ["h1", "h2", "observed-2", "h3", "observed-9"]
    assert [change.order for change in merged] == [1, 2, 3, 4, 5]


def test_observations_of_one_read_share_an_order() -> None:
    """Fields found changed in the same read are one group."""
    merged = merge(history(1), [observation(3, "owner"), observation(3, "due")])
    assert [change.order for change in merged] == [1, 2, 2]


def test_true_order_of_the_history_is_kept_where_instants_run_backwards() -> None:
    """The history's own order wins over its instants."""
    merged = merge(history(5, 1), [observation(3)])
    assert [change.entry for change in merged] == ["h1", "h2", "observed-3"]


def test_a_history_entry_that_comes_later_takes_the_place_of_the_observation() -> None:
    """A late audit row explains what we had seen: the change is recorded once."""
    late = RawChange("h1", T0 + 2 * MINUTE, 1, "owner", "Owner", raw("a"), raw("b"), "ann")
    assert merge((late,), [observation(3)]) == (late,)


def test_history_without_observations_is_passed_on_untouched() -> None:
    """Without an observation nothing is renumbered."""
    changes = history(1, 2)
    assert merge(changes, []) == changes


def test_emptied_fields_are_those_whose_last_change_leaves_nothing() -> None:
    """A field that was emptied and filled again is not empty."""
    emptied = RawChange("h1", T0, 1, "a", "A", raw("x"), Raw(), "bob")
    filled = RawChange("h2", T0, 2, "a", "A", Raw(), raw("y"), "bob")
    assert emptied_fields([emptied]) == {"a"}
    assert emptied_fields([emptied, filled]) == set()


def edited(*minutes: int) -> FakeTicket:
    """Return a fake ticket whose owner was `o0` at first and `o1`, `o2`, … from these minutes on."""
    fake = FakeTicket("1", "CAPA-1", {"owner": "o0"})
    for number, minute in enumerate(minutes, 1):
        fake.edit(T0 + minute * MINUTE, owner=f"o{number}")
    return fake


@pytest.mark.parametrize("late", ["o0", "o1", "o2"])
def test_a_late_read_is_no_change_however_many_edits_it_missed(late: str) -> None:
    """An index may lag behind several edits of the last minutes; what the next read brings is no change either."""
    fake = edited(1, 2, 3)
    now = ticket(fake)
    fake.fields["owner"] = late
    assert seen(now, ticket(fake)) == []
    assert seen(ticket(fake), now) == []


@pytest.mark.parametrize("late", ["o0", "o1", "o2"])
def test_a_late_read_is_no_change_though_another_field_was_edited_since(late: str) -> None:
    """`updated` moved by an edit of another field; the index still has the former owner."""
    fake = edited(1, 2, 3)
    before = ticket(fake)
    fake.edit(T0 + 4 * MINUTE, grade="major")
    now = ticket(fake)
    fake.fields["owner"] = late
    between = ticket(fake)
    assert seen(before, between) == []
    assert seen(between, now) == []


def test_a_step_back_to_what_was_long_ago_is_observed() -> None:
    """No index lags behind for ten minutes: somebody set the value back without a trace."""
    fake = edited(1, 11)
    now = ticket(fake)
    fake.fields["owner"] = "o0"
    (observed,) = seen(now, ticket(fake))
    assert (observed.change.old, observed.change.new) == (raw("o2"), raw("o0"))


def test_an_edit_dated_before_an_earlier_edit_is_no_observation() -> None:
    """The clocks of an instance's nodes differ: the history lists the newest edit first, `updated` ran backward."""
    fake = edited(3)
    old = ticket(fake)
    newest = RawChange("h9", T0 + MINUTE, 0, "owner", "Owner", raw("o1"), raw("o2"), "bob")
    changes = (newest, *old.changes)
    fake.fields["owner"], fake.updated = "o2", T0 + MINUTE
    assert seen(replace(old, changes=changes), replace(ticket(fake), changes=changes)) == []


def test_a_silent_change_taken_back_silently_is_observed() -> None:
    """The value is again the last one of the history, but another value was seen in between."""
    fake = edited(1)
    before = ticket(fake)
    fake.fields["owner"] = "else"
    between = ticket(fake)
    (there,) = seen(before, between)
    (back,) = observe(between, before, read_before=T0, read_at=T0 + 2 * DAY, seen=[there])
    assert (back.change.old, back.change.new) == (raw("else"), raw("o1"))
