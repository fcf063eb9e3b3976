"""Which rules can never decide with a mapping: some field that they need has no value on any ticket."""

from __future__ import annotations

from collections.abc import Set

from capa_sync.model.finding import Mode
from capa_sync.rules.conditions import Condition, Join, Line
from capa_sync.rules.moments import Truth
from capa_sync.rules.rule import Rule
from capa_sync.rules.ruleset import RuleSet

_ANY: frozenset[Truth] = frozenset({True, False, None})
_UNKNOWN: frozenset[Truth] = frozenset({None})
_BY_ACTIONS = frozenset({"actions", "action_owners", "action_started_at"})


def undecidable(rules: RuleSet, unmapped: Set[str], *, has_actions: bool) -> dict[str, tuple[str, ...]]:
    """Return rule -> the unmapped subjects for which it can never be ok or broken, for rules that are no drafts.

    Args:
        rules: the rule set.
        unmapped: canonical fields that have no value on any ticket.
        has_actions: whether the mapping names a place for actions.
    """
    missing = set(unmapped)
    if has_actions:
        missing.discard("action_needed")
    else:
        missing |= _BY_ACTIONS
    if "due_at" in unmapped:
        missing.add("replans")
    found = {rule.id: _lacks(rule, missing) for rule in rules.rules if rule.mode is not Mode.DRAFT}
    return {rule: names for rule, names in found.items() if names}


def _lacks(rule: Rule, missing: Set[str]) -> tuple[str, ...]:
    can_apply = True in _possible(rule.scope, missing)
    if can_apply and _possible(rule.require, missing) != _UNKNOWN:
        return ()
    read = [name for line in rule.basis for name in line.test.reads]
    return tuple(dict.fromkeys(name for name in read if name in missing))


def _possible(condition: Condition, missing: Set[str]) -> frozenset[Truth]:
    """Return the truths that a condition can have; lines count as independent of each other."""
    if isinstance(condition, Line):
        reads = condition.test.reads
        return _UNKNOWN if reads and all(name in missing for name in reads) else _ANY
    deciding = condition.join is not Join.ALL
    members = [_possible(member, missing) for member in condition.members]
    found: set[Truth] = set()
    if any(deciding in possible for possible in members):
        found.add(condition.join is Join.ANY)
    if all((not deciding) in possible for possible in members):
        found.add(condition.join is not Join.ANY)
    if any(None in possible for possible in members):
        found.add(None)
    return frozenset(found)
