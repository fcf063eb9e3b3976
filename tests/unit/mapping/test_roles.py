"""Record or action, in the order of the contract, computed from places and links alone."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

from capa_sync.mapping import LinkRules, role_of
from capa_sync.mapping.schema import ActionMapping, FieldSource
from capa_sync.model.record import ActionKind, ActionOrigin
from capa_sync.model.ticket import Presence, Role, Scope

RECORD, ACTION = Role.RECORD, Role.ACTION


@dataclass(frozen=True)
class Spot:
    """A place of a ticket."""

    scope: Scope = Scope.IN
    presence: Presence = Presence.PRESENT
    kind: str = "Nonconformity"
    part_of: str = ""


def entry(origin: ActionOrigin, *types: str, also_record: bool = True, only: tuple[str, ...] = ()) -> ActionMapping:
    """Return an action entry."""
    return ActionMapping(
        origin, 1, ActionKind.CORRECTIVE, FieldSource(1), types=types, issue_types=only, also_record=also_record
    )


BOTH = LinkRules([entry(ActionOrigin.SUBTASK, "Corrective action"), entry(ActionOrigin.LINK, "is resolved by")])
ALONE = LinkRules(
    [
        entry(ActionOrigin.LINK, "is resolved by", only=("Change",)),
        entry(ActionOrigin.LINK, "IS RESOLVED BY", also_record=False),
    ]
)
IN, LEFT, NEVER = Spot(), Spot(Scope.LEFT), Spot(Scope.NEVER)
PART = Spot(kind="corrective Action", part_of="subtask")


@pytest.mark.parametrize(
    ("rules", "spot", "owner", "link", "expected"),
    [
        (BOTH, IN, None, "", RECORD),
        (BOTH, IN, IN, "is resolved by", RECORD),
        (ALONE, IN, IN, "is resolved by", ACTION),
        (ALONE, IN, IN, "resolves", RECORD),
        (ALONE, Spot(kind="Change"), IN, "Is Resolved By", RECORD),
        (ALONE, IN, LEFT, "is resolved by", RECORD),
        (ALONE, IN, NEVER, "is resolved by", RECORD),
        (ALONE, IN, Spot(presence=Presence.DELETED), "is resolved by", RECORD),
        (ALONE, IN, Spot(presence=Presence.DELETED_OR_HIDDEN), "is resolved by", RECORD),
        (ALONE, IN, Spot(presence=Presence.UNOBSERVED), "is resolved by", ACTION),
        (BOTH, PART, None, "", ACTION),
        (BOTH, Spot(Scope.LEFT, kind="Corrective action", part_of="subtask"), None, "", ACTION),
        (BOTH, Spot(kind="Sub-task", part_of="subtask"), None, "", RECORD),
        (BOTH, Spot(kind="u_capa_action", part_of="child"), None, "", ACTION),
        (ALONE, IN, Spot(kind="t", part_of="child"), "is resolved by", RECORD),
        (BOTH, LEFT, None, "", RECORD),
        (BOTH, LEFT, IN, "relates to", RECORD),
        (BOTH, LEFT, IN, "is resolved by", ACTION),
        (BOTH, LEFT, PART, "is resolved by", RECORD),
        (BOTH, NEVER, None, "", ACTION),
        (BOTH, NEVER, IN, "is resolved by", ACTION),
    ],
)
def test_a_role_follows_from_place_and_links(
    rules: LinkRules, spot: Spot, owner: Spot | None, link: str, expected: Role
) -> None:
    """Parts come first, then what the query names, then everything else."""
    places = {"1": spot} if owner is None else {"1": spot, "2": owner}
    links = {} if owner is None else {"1": [("2", link)]}
    assert role_of("1", rules, places, links) is expected


def test_an_owner_that_is_not_mirrored_claims_nothing() -> None:
    """A ticket that links to itself is no action either."""
    assert role_of("1", ALONE, {"1": IN}, {"1": [("9", "is resolved by"), ("1", "is resolved by")]}) is RECORD


@pytest.mark.parametrize("seed", range(200))
def test_no_ticket_of_the_query_is_the_action_of_none(seed: int) -> None:
    """A ticket that is an action alone has a record that names it, whatever the links and their order."""
    chance = random.Random(seed)  # noqa: S311 - links, not secrets
    names = [str(number) for number in range(chance.randint(2, 9))]
    places = dict.fromkeys(names, IN)
    pairs = [(part, owner) for part in names for owner in names if chance.random() < 0.25]
    links: dict[str, list[tuple[str, str]]] = {}
    for part, owner in pairs:
        links.setdefault(part, []).append((owner, "is resolved by"))
    roles = {name: role_of(name, ALONE, places, links) for name in names}
    for name, role in roles.items():
        if role is ACTION:
            assert any(roles[owner] is RECORD for owner, _ in links[name]), (name, pairs)
    turned = {name: list(reversed(owners)) for name, owners in links.items()}
    assert {name: role_of(name, ALONE, places, turned) for name in names} == roles
