"""The filters of the register: each parameter of the link with its SQL condition, and the words that describe it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from capa_sync.model.columns import RESTRICTED
from capa_sync.model.light import light
from capa_sync.web.search import FOUND, folded
from capa_sync.web.times import PageTimes, month_of
from capa_sync.web.words import FINDINGS, SEVERITIES, STAGES

_IN = "(source, ticket_id) IN (SELECT source, ticket_id FROM {0})"
_TODAY = _IN.format("v_today WHERE matter = '{0}'")
_WARNED = "COALESCE(warnings_high, 0) + COALESCE(warnings_medium, 0) + COALESCE(warnings_low, 0)"
_ENDED = "claimed_stage IN ('closed', 'rejected', 'cancelled', 'duplicate')"
IN_WORK = f"NOT ({_ENDED})"
BEGUN = "COALESCE(NULLIF(open_from, ''), NULLIF(detected_at, ''))"
ENDED_AT = "COALESCE(NULLIF(open_until, ''), NULLIF(closed_at, ''))"
IS_DATED = f"{BEGUN} IS NOT NULL AND ({IN_WORK} OR {ENDED_AT} IS NOT NULL)"
"""The record began, and if it has ended, it is known when: others are in no trend."""
AGES: Mapping[str, tuple[int, int]] = {
    "0-30": (0, 30),
    "31-60": (31, 60),
    "61-90": (61, 90),
    "91-180": (91, 180),
    "over-180": (181, 10**9),
}
_FINDINGS = _IN.format("v_findings WHERE {0} AND state = ? AND hidden_by = ''")
_SEARCHED = ("title", "ticket_key", "register_no", "owner", "root_cause", "correction", "action_text", "requirement")
_LONGEST_SEARCH = 500


def rank(column: str) -> str:
    """Return the SQL for the place of a stage in its order; 0 for none and for stages outside the order."""
    places = " ".join(f"WHEN '{stage}' THEN {place}" for place, stage in enumerate(tuple(STAGES)[:7], 1))
    return f"CASE {column} {places} ELSE 0 END"


GAP = f"{rank('claimed_stage')} > {rank('evidenced_stage')}"
"""The claimed stage is further than what the filled fields prove."""


@light
class RowFilter:
    """A condition in SQL with its values.

    Attributes:
        says: describes it for the heading of the list. problem: what to write instead of an unknown value, "" for a
            known one.
    """

    sql: str
    values: tuple[object, ...] = ()
    says: str = ""
    problem: str = ""


@light
class FilterQuery:
    """What a filter may look at besides its own value.

    Attributes:
        given: all filters of the link. known: the values that those filters know whose values the register has.
    """

    given: Mapping[str, str]
    times: PageTimes
    known: Mapping[str, Collection[str]]


Maker = Callable[[str, FilterQuery], RowFilter | str]
"""Returns the condition of a value, or which values there are when it is none of them."""
_A_MONTH = "a month is written like 2026-03"


def _one_of(values: Iterable[str]) -> str:
    return f"there are {', '.join(values) or 'none yet'}"


def _equal(name: str, says: str, column: str = "", words: Collection[str] | None = None) -> Maker:
    """Return a filter on a column; `none` finds records that have nothing there.

    Without `words` its values are those of the register. Owners are too many to name: the form has them.
    """

    def made(value: str, asked: FilterQuery) -> RowFilter | str:
        known = asked.known[name] if words is None else words
        if value not in known and value != "none":
            if name == "owner":
                return "no record here has an owner of that name"
            return _one_of([*(one for one in known if one != "none"), "none"])
        shown = "confidential" if value == RESTRICTED else value
        wanted = "" if value == "none" else value
        return RowFilter(f"COALESCE({column or name}, '') = ?", (wanted,), f"{says} {shown}")

    return made


def _choice(choices: Mapping[str, RowFilter]) -> Maker:
    return lambda value, _asked: choices.get(value) or _one_of(choices)


def _finding(column: str) -> Maker:
    """Return a filter on findings of a rule or clause; `finding` names their state, open by default."""

    def made(value: str, asked: FilterQuery) -> RowFilter | str:
        if value not in asked.known[column]:
            return _one_of(asked.known[column])
        state = asked.given.get("finding", "open")
        values = "" if value == "none" else value, state if state in FINDINGS else "open"
        return RowFilter(_FINDINGS.format(f"{column} = ?"), values, f"{column} {value}")

    return made


def _finding_state(value: str, asked: FilterQuery) -> RowFilter | str:
    """Return a filter on findings of a state, of any rule; with a rule or a clause it is part of their filter."""
    if value not in FINDINGS:
        return _one_of(FINDINGS)
    says = f"with {FINDINGS[value]}"
    if asked.given.keys() & {"rule", "clause"}:
        return RowFilter("1", says=says)
    return RowFilter(_FINDINGS.format("1"), (value,), says)


def _month(sql: str, says: str) -> Maker:
    """Return a filter on a month; its SQL takes the first instant and the first one after the month."""

    def made(value: str, asked: FilterQuery) -> RowFilter | str:
        month = month_of(value)
        if month is None:
            return _A_MONTH
        start, end = map(asked.times.start, month)
        return RowFilter(f"{IS_DATED} AND {sql}", (start, end), f"{says} {month[0]:%B %Y}")

    return made


def _reached(column: str, says: str, also: str = "1") -> Maker:
    """Return a filter on the month in which records reached a step; the step may be known by its day alone."""

    def made(value: str, asked: FilterQuery) -> RowFilter | str:
        month = month_of(value)
        if month is None:
            return _A_MONTH
        days, instants = [f"{day}" for day in month], [asked.times.start(day) for day in month]
        is_in = f"{column} >= ? AND {column} < ?"
        sql = f"{IS_DATED} AND {also} AND CASE WHEN length({column}) = 10 THEN {is_in} ELSE {is_in} END"
        return RowFilter(sql, (*days, *instants), f"{says} {month[0]:%B %Y}")

    return made


def _open_at(value: str, asked: FilterQuery) -> RowFilter | str:
    """Return a filter on records that were open at the end of a month."""
    month = month_of(value)
    if month is None:
        return _A_MONTH
    end = asked.times.start(month[1])
    sql = f"{IS_DATED} AND {BEGUN} < ? AND COALESCE({ENDED_AT}, 'none') >= ?"
    return RowFilter(sql, (end, end), f"open at the end of {month[0]:%B %Y}")


def _search(value: str, _asked: FilterQuery) -> RowFilter | str:
    if len(value) > _LONGEST_SEARCH:
        return f"at most {_LONGEST_SEARCH} characters are searched for"
    return RowFilter(f"{FOUND}(?, {', '.join(_SEARCHED)})", (folded(value),), f"“{value}”")


FILTERS: Mapping[str, Maker] = {
    "q": _search,
    "stage": _equal("stage", "claimed stage", "claimed_stage", STAGES),
    "evidenced": _equal("evidenced", "evidenced stage", "evidenced_stage", STAGES),
    "owner": _equal("owner", "owner"),
    "source": _equal("source", "source"),
    "grade": _equal("grade", "grade"),
    "rule": _finding("rule"),
    "clause": _finding("clause"),
    "finding": _finding_state,
    "warning": _choice(
        {
            "any": RowFilter(f"{_WARNED} > 0", says="with open warnings"),
            "none": RowFilter(f"{_WARNED} = 0", says="without open warnings"),
            "new": RowFilter(_TODAY.format("warned"), says="newly warned"),
            **{
                level: RowFilter(f"COALESCE(warnings_{level}, 0) > 0", says=f"with warnings of severity {level}")
                for level in SEVERITIES[:3]
            },
        }
    ),
    "due": _choice(
        {
            "overdue": RowFilter(_TODAY.format("overdue"), says="overdue"),
            "week": RowFilter(_TODAY.format("due"), says="due this week"),
            "review": RowFilter(_TODAY.format("review_due"), says="effectiveness review due"),
            "none": RowFilter("due_at IS NULL", says="without a due date"),
        }
    ),
    "gap": _choice({"yes": RowFilter(GAP, says="claimed further than evidenced")}),
    "state": _choice({"open": RowFilter(IN_WORK, says="open"), "ended": RowFilter(_ENDED, says="closed or ended")}),
    "age": _choice(
        {
            name: RowFilter(f"{IN_WORK} AND days_open BETWEEN ? AND ?", days, f"open for {name} days")
            for name, days in AGES.items()
        }
    ),
    "opened": _month(f"{BEGUN} >= ? AND {BEGUN} < ?", "opened in"),
    "ended": _month(f"{ENDED_AT} >= ? AND {ENDED_AT} < ?", "ended in"),
    "open_at": _open_at,
    "corrected": _reached("corrected_at", "corrected in"),
    "caused": _reached("caused_at", "with the cause first filled in"),
    "implemented": _reached("implemented_at", "with all actions done in"),
    "on_time": _reached("implemented_at", "with all actions done by the due date, in", "implemented_at < late_from"),
    "late": _reached("implemented_at", "with all actions done after the due date, in", "implemented_at >= late_from"),
}
"""Parameter -> its condition; a parameter that is not known filters nothing, and an unknown value finds no record."""


def conditions(asked: FilterQuery) -> dict[str, RowFilter]:
    """Return the condition of each filter of a link."""
    return {name: _condition(name, value, asked) for name, value in asked.given.items()}


def _condition(name: str, value: str, asked: FilterQuery) -> RowFilter:
    """Return the condition of one parameter; of an unknown value one that no record fulfils."""
    found = FILTERS[name](value, asked)
    if isinstance(found, RowFilter):
        return found
    return RowFilter("0", says=f"{name} “{value}”", problem=f"{name} “{value}” finds no record: {found}.")


def where(wanted: Iterable[RowFilter]) -> tuple[str, list[object]]:
    """Return the WHERE clause of conditions, and its values in order."""
    listed = list(wanted)
    sql = " AND ".join(f"({condition.sql})" for condition in listed)
    return (f"WHERE {sql}" if sql else ""), [value for condition in listed for value in condition.values]
