"""Resolves a mapping's field names to the tracker's fields; pins the ids that it found and reports drift."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from capa_sync.errors import Problem
from capa_sync.mapping.history_names import Claim
from capa_sync.mapping.schema import FieldRef
from capa_sync.mapping.texts import fold
from capa_sync.model.amounts import count_of
from capa_sync.model.near import did_you_mean
from capa_sync.model.patterns import COLUMN_NAME
from capa_sync.model.site import FieldDef, SiteFacts

_DAY_TYPES = frozenset({"date", "glide_date"})


class SiteFields:
    """The tracker's fields by id and name, used while a mapping is bound.

    Attributes:
        pins: `canonical:reference` -> field id, for the register to store. problems: why the mapping cannot work on
            this site as written. notes: remarks. drifts: those of the notes about a pinned field that is gone or has
            another name now. missing: reference -> why it is not on the site.
        claims: the fields found, with the names that the mapping gives them.
    """

    def __init__(self, file: str, facts: SiteFacts, pinned: Mapping[str, str]) -> None:
        self._file = file
        self._pinned = pinned
        self._is_complete = facts.fields_complete
        self._by_id = {known.id: known for known in facts.fields}
        self._by_name: dict[str, list[FieldDef]] = defaultdict(list)
        for known in facts.fields:
            self._by_name[fold(known.name)].append(known)
        self.pins: dict[str, str] = {}
        self.problems: list[Problem] = []
        self.notes: list[Problem] = []
        self.drifts: list[Problem] = []
        self.missing: dict[str, str] = {}
        self.claims: list[Claim] = []
        self._names_seen = () if facts.history_has_ids else facts.names_seen
        self._has_ids = facts.history_has_ids

    def find(self, canonical: str, ref: FieldRef) -> FieldDef | None:
        """Return the tracker's field that a reference names; None (with a problem or reason) when there is none."""
        key = f"{canonical}:{ref.name}"
        found = self._pinned_field(key, ref) or self._named_field(ref)
        if found is None:
            return None
        self.pins[key] = found.id
        self.claims.append(Claim(found, ref.name, ref.aliases))
        return found

    def column(self, canonical: str, ref: FieldRef) -> FieldDef:
        """Return a column of a child table: the site's field if it is known, else the name itself as the id."""
        known = self._by_id.get(ref.name) or next(iter(self._by_name.get(fold(ref.name), ())), None)
        found = known if known is not None else FieldDef(ref.name, ref.name)
        self.pins[f"{canonical}:{ref.name}"] = found.id
        self.claims.append(Claim(found, ref.name, ref.aliases))
        return found

    def _pinned_field(self, key: str, ref: FieldRef) -> FieldDef | None:
        found = self._by_id.get(self._pinned.get(key, ""))
        if found is None and key in self._pinned and not self._is_complete:
            return FieldDef(self._pinned[key], ref.name)
        if found is None:
            if key in self._pinned:
                what = f"the field pinned for '{ref.name}' ({self._pinned[key]}) is gone"
                self._note_drift(Problem(self._file, ref.line, what, "it is looked up by name anew"))
            return None
        names = {fold(name) for name in (ref.name, *ref.aliases)}
        if ref.name != found.id != found.name and fold(found.name) not in names:
            what = f"'{ref.name}' ({found.id}) is now called '{found.name}'"
            hint = "the pinned id still counts; write the new name"
            if not self._has_ids:
                hint = f"{hint}, and '{ref.name}' into its `aliases`"
            self._note_drift(Problem(self._file, ref.line, what, hint))
        elif ref.name == found.id:
            self._note_lost_names(found, ref)
        return found

    def _note_lost_names(self, found: FieldDef, ref: FieldRef) -> None:
        """Tell of a rename of a field that the mapping names by its id, where the history has names alone."""
        known = {fold(name) for name in (found.name, *ref.aliases)}
        lost = [seen.name for seen in self._names_seen if seen.id == found.id and fold(seen.name) not in known]
        if lost:
            what = f"'{lost[-1]}' ({found.id}) is now called '{found.name}'"
            names = ", ".join(f"'{name}'" for name in dict.fromkeys(lost))
            self._note_drift(
                Problem(self._file, ref.line, what, f"the id still counts; write {names} into its `aliases`")
            )

    def _note_drift(self, drift: Problem) -> None:
        self.notes.append(drift)
        self.drifts.append(drift)

    def _named_field(self, ref: FieldRef) -> FieldDef | None:
        if ref.name in self._by_id:
            return self._by_id[ref.name]
        for name in (ref.name, *ref.aliases):
            found = self._by_name.get(fold(name), [])
            if len(found) == 1:
                return found[0]
            if found:
                ids = ", ".join(same.id for same in found)
                what = f"'{name}' names {count_of(len(found), 'field')} of this site: {ids}"
                self.problems.append(Problem(self._file, ref.line, what, "write the id instead of the name"))
                self.missing[ref.name] = what
                return None
        if not self._is_complete and COLUMN_NAME.fullmatch(ref.name):
            return FieldDef(ref.name, ref.name)  # the rows will show whether it exists
        what = f"the site has no field '{ref.name}'"
        known = [existing.name for existing in self._by_id.values()] + list(self._by_id)
        hint = did_you_mean(ref.name, known)
        self.problems.append(Problem(self._file, ref.line, what, hint))
        self.missing[ref.name] = what
        return None


def is_day(found: FieldDef) -> bool:
    """Return whether the tracker stores a date without time in this field."""
    return found.type in _DAY_TYPES
