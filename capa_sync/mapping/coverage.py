"""Which canonical fields a mapping fills on a site, and why the others are unmapped."""

from __future__ import annotations

from capa_sync.mapping.binding import BoundFieldSource, BoundMapping
from capa_sync.model.catalogue import FIELDS
from capa_sync.model.light import light
from capa_sync.model.values import ValueState


@light
class FieldCoverage:
    """How one canonical field is filled.

    Attributes:
        name: canonical. is_mapped: the site has at least one of its places. places: tracker labels with ids,
            `constant` or `linked tickets`. reason: why it is unmapped.
    """

    name: str
    is_mapped: bool
    places: tuple[str, ...] = ()
    reason: str = ""


def coverage(bound: BoundMapping) -> tuple[FieldCoverage, ...]:
    """Return the coverage of every canonical field, and of `actions`, in the catalogue's order."""
    places = {mapped.name: tuple(map(_place, mapped.parts)) for mapped in bound.fields}
    rows = [
        FieldCoverage(
            name, name in places, places.get(name, ()), bound.unmapped[name].reason if name not in places else ""
        )
        for name in FIELDS
    ]
    actions = tuple(f"{action.entry.origin.value}: {action.text.label}" for action in bound.actions)
    reason = "" if actions else f"{bound.mapping.file} names no place for actions that the site has"
    return (*rows, FieldCoverage("actions", bool(actions), actions, reason))


def score(bound: BoundMapping) -> float:
    """Return the share of canonical fields that are mapped, 0 to 1."""
    return len(bound.fields) / len(FIELDS)


def _place(part: BoundFieldSource) -> str:
    if part.constant is not None:
        return "constant"
    return f"{part.label} ({part.field_id})" if part.field_id and part.field_id != part.label else part.label


def unmapped_names(bound: BoundMapping) -> frozenset[str]:
    """Return the canonical fields that have no value on any ticket of this mapping."""
    return frozenset(name for name, value in bound.unmapped.items() if value.state is ValueState.UNMAPPED)
