"""Which field a name in a history means, where it names fields without their ids; and what tells of an old rename."""

from __future__ import annotations

import pytest

from capa_sync.mapping.history_names import Claim, EarlierName, NamedHistory, SharedName, fields_in_history
from capa_sync.mapping.timeline import TicketHistory
from capa_sync.model.site import Account, FieldDef, NameSeen, SiteFacts
from capa_sync.model.values import Raw
from tests.unit.mapping.world import T0, option, ticket

RENAME, SAY, ONE = "rename the other field", "into the `aliases`", "to one field of the mapping"


def facts(names: dict[str, str], *seen: tuple[str, str, int], has_ids: bool = False) -> SiteFacts:
    """Return a site with these custom fields, names seen, and two system fields."""
    fields = [FieldDef(id_, name, custom=True) for id_, name in names.items()]
    system = [FieldDef("priority", "Priority"), FieldDef("summary", "Summary")]
    found = tuple(NameSeen(*one) for one in seen)
    me = Account("us", "us")
    return SiteFacts((*system, *fields), (), me, history_has_ids=has_ids, names_seen=found)


def claims(site: SiteFacts, **entries: tuple[str, ...]) -> list[Claim]:
    """Return claims: field id -> the name or id in the mapping, then its aliases."""
    by_id = {field.id: field for field in site.fields}
    return [Claim(by_id[id_], name, tuple(aliases)) for id_, (name, *aliases) in entries.items()]


@pytest.mark.parametrize(
    ("names", "seen", "entries", "means"),
    [
        ({"a": "X"}, [], {"a": ("a",)}, {"x": "a"}),
        ({"a": "Y"}, [], {"a": ("a",)}, {"x": "", "y": "a"}),
        ({"a": "Y"}, [], {"a": ("a", "X")}, {"x": "a", "y": "a"}),
        ({"a": "Y"}, [], {"a": ("X",)}, {"x": "a"}),
        ({"a": "Y"}, [("a", "X", 0), ("a", "Y", 1)], {"a": ("a",)}, {"x": "a", "y": "a"}),
        ({"a": "X", "b": "x "}, [], {"a": ("a",)}, {"x": RENAME}),
        ({"a": "Y", "b": "X"}, [], {"a": ("a", "X")}, {"x": RENAME, "y": "a"}),
        ({"a": "Y", "b": "X"}, [], {"a": ("X",)}, {"x": RENAME}),
        ({"a": "Y", "b": "X"}, [("a", "X", 0), ("a", "Y", 1)], {"a": ("a",)}, {"x": RENAME, "y": "a"}),
        # the other field had the name for a time, beside ours, and gave it back
        ({"a": "X", "b": "Z"}, [("b", "X", 1), ("b", "Z", 2)], {"a": ("a",)}, {"x": "a"}),
        ({"a": "X", "b": "Z"}, [("b", "X", 0), ("b", "Z", 2)], {"a": ("a",)}, {"x": "a"}),
        # ours took it over: from a field that has another name now, from one that is gone, in a swap
        ({"a": "X", "b": "Z"}, [("b", "X", 0), ("b", "Z", 1), ("a", "X", 2)], {"a": ("a",)}, {"x": SAY}),
        ({"a": "X"}, [("b", "X", 0), ("a", "X", 2)], {"a": ("a",)}, {"x": SAY}),
        (
            {"a": "X", "b": "Y"},
            [("a", "Y", 0), ("b", "X", 0), ("a", "X", 1), ("b", "Y", 1)],
            {"a": ("a",)},
            {"x": SAY, "y": RENAME},
        ),
        ({"a": "X"}, [("b", "X", 0), ("a", "X", 2)], {"a": ("a", "X")}, {"x": "a"}),
        ({"a": "X"}, [("b", "X", 0), ("a", "X", 2)], {"a": ("X",)}, {"x": SAY}),
        # both are mapped
        ({"a": "X", "b": "Z"}, [("b", "X", 0), ("b", "Z", 1)], {"a": ("a",), "b": ("b",)}, {"x": SAY}),
        ({"a": "X", "b": "Z"}, [("b", "X", 0), ("b", "Z", 1)], {"a": ("a", "X"), "b": ("b",)}, {"x": "a", "z": "b"}),
        ({"a": "Y", "b": "Z"}, [], {"a": ("a", "X"), "b": ("b", "X")}, {"x": ONE}),
        ({"a": "Y", "b": "Z"}, [], {"a": ("X",), "b": ("b", "X")}, {"x": ONE}),
        # a custom field beside a system field of its name: the history tells them apart
        ({"a": "Priority"}, [], {"a": ("a",), "priority": ("priority",)}, {"priority": "a"}),
    ],
)
def test_a_name_means_one_field_or_says_which_ones_and_what_to_do(
    names: dict[str, str],
    seen: list[tuple[str, str, int]],
    entries: dict[str, tuple[str, ...]],
    means: dict[str, str],
) -> None:
    """By today's names, the names of the mapping, and the names that fields were seen to have before."""
    site = facts(names, *seen)
    found = fields_in_history(site, claims(site, **entries))
    for name, meaning in means.items():
        key = f"name:{name}"
        if key in found.shared:
            assert meaning in found.shared[key].reason
            assert found.shared[key].ids == ("a", "b")
            assert key not in found.ids
        else:
            assert found.ids.get(key, "") == meaning


def test_where_the_history_has_ids_no_former_name_matters() -> None:
    """On Cloud a rename changes nothing."""
    site = facts({"a": "X"}, ("b", "X", 0), ("a", "X", 2), has_ids=True)
    found = fields_in_history(site, claims(site, a=("a",)))
    assert (found.shared, found.named, list(found.facts())) == ({}, None, [])


def named(
    names: dict[str, str], *seen: tuple[str, str, int], mapped: str = "a"
) -> tuple[NamedHistory, dict[str, str]]:
    """Return how a site's history names fields, and the history ids of the mapped fields."""
    site = facts(names, *seen)
    found = fields_in_history(site, claims(site, **{id_: (id_,) for id_ in mapped}))
    assert found.named is not None
    return found.named, found.ids


CAUSE = "Nobody owned the list"


@pytest.mark.parametrize(
    ("value", "last", "is_doubted"),
    [
        (CAUSE, CAUSE, True),
        ("*Nobody* owned - the list!", CAUSE, True),
        (option("9", "Major"), option("9", "Major"), True),
        (CAUSE, "Nobody owned a list", False),
        (CAUSE, "", False),
        ("", "", False),
        ("-", "-", False),
        ("", CAUSE, False),
    ],
)
def test_a_name_that_nobody_has_and_that_ends_with_our_value_tells_of_a_rename(
    value: str | Raw, last: str | Raw, is_doubted: bool
) -> None:
    """Another content, or none, is that of a field that is gone: it keeps nothing from being judged."""
    history, ids = named({"a": "Cause"})
    entry = (T0, "acc-lee", {"name:Old cause": ("before", last)})
    found = TicketHistory(ticket({"a": value}, [entry]), ids, {}, history)
    assert found.renamed == ({"a": EarlierName("Old cause", "Cause")} if is_doubted else {})
    assert ("write 'Old cause' into its `aliases`" in found.ambiguous.get("a", "")) == is_doubted


def test_what_counts_is_the_value_before_our_first_entry_and_an_earlier_name_ends_before_it() -> None:
    """A field that ends later, or under a name that some field was seen to lose, is another field."""
    history, ids = named({"a": "Cause"}, ("z", "Lost", 0))
    first = {"name:Old cause": (None, CAUSE), "name:Lost": (None, CAUSE)}
    own, again = {"name:Cause": (CAUSE, "new")}, {"name:Old cause": ("x", CAUSE)}
    entries = [(T0, "acc-lee", first), (T0, "acc-lee", own)]
    assert set(TicketHistory(ticket({"a": "new"}, entries), ids, {}, history).renamed) == {"a"}
    late = [*entries, (T0, "acc-lee", again)]
    assert TicketHistory(ticket({"a": "new"}, late), ids, {}, history).renamed == {}
    lost = [(T0, "acc-lee", {"name:Lost": (None, CAUSE)})]
    assert TicketHistory(ticket({"a": CAUSE}, lost), ids, {}, history).renamed == {}


@pytest.mark.parametrize("mapped", ["a", "ab"])
@pytest.mark.parametrize(("other", "doubted"), [("", True), ("something else", True), (CAUSE, False)])
def test_a_name_that_is_another_fields_now_is_that_fields_only_with_its_value(
    mapped: str, other: str, doubted: bool
) -> None:
    """Fields that swapped names before the first contact; where the mapping has both, neither can be told."""
    history, ids = named({"a": "Cause", "b": "Old cause"}, mapped=mapped)
    entry = (T0, "acc-lee", {"name:Old cause": (None, CAUSE)})
    found = TicketHistory(ticket({"a": CAUSE, "b": other}, [entry]), ids, {}, history)
    assert set(found.renamed) == (set(mapped) if doubted else set())


def test_an_entry_means_what_its_name_means_now_whatever_id_it_was_read_with() -> None:
    """An id was found by the names of its read; what we observed ourselves has a true id."""
    history, ids = named({"a": "Cause", "b": "Old cause"}, ("a", "Old cause", 0), ("a", "Cause", 1))
    shared = {"name:old cause": SharedName("Old cause", ("a", "b"))}
    ids = {key: id_ for key, id_ in ids.items() if key not in shared}
    read = ticket({"a": CAUSE}, [(T0, "acc-lee", {"b": (None, CAUSE)})])
    [change] = read.changes
    for field_name, is_shared in (("Old cause", True), ("Cause", False)):
        object.__setattr__(change, "field_name", field_name)
        found = TicketHistory(read, ids, shared, history)
        assert ("a" in found.ambiguous) == is_shared
        assert ("a" in found.changes) != is_shared
