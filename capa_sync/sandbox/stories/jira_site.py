"""The Jira site of the stories' company, as lines of the sandbox file format: people, projects, statuses, fields."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from capa_sync.sandbox.jira.defaults import CATEGORIES
from capa_sync.sandbox.stories.people import PEOPLE, StoryPerson
from capa_sync.sandbox.stories.vocabulary import WORDS, Word

Json = dict[str, Any]

NONCONFORMITIES = {"cloud": "CAPA", "datacenter": "NC"}
CHANGES = "CHANGE"
ROBOT = {"cloud": "Automation for Jira", "datacenter": "automation"}
STATUS_OF = {
    "identified": "Open",
    "contained": "Contained",
    "analysed": "Analysed",
    "planned": "Planned",
    "implemented": "Implemented",
    "verified": "Verified",
    "closed": "Closed",
    "rejected": "Rejected",
    "under discussion": "Under discussion",
}
"""Stage of a story -> status. The shipped mapping does not list "Under discussion"."""
TYPE_OF = {
    "nonconformity": "Nonconformity",
    "improvement": "Improvement",
    "preventive": "Preventive action",
    "observation": "Observation",
}
ACTION_TYPE, CHANGE_TYPE = "Corrective action", "Change"
_STATUSES = {
    "Open": "new",
    "Contained": "indeterminate",
    "Analysed": "indeterminate",
    "Planned": "indeterminate",
    "Implemented": "indeterminate",
    "Verified": "indeterminate",
    "Closed": "done",
    "Rejected": "done",
    "Cancelled": "done",
    "On hold": "indeterminate",
    "Waiting for supplier": "indeterminate",
    "Under discussion": "indeterminate",
    "To Do": "new",
    "In Progress": "indeterminate",
    "Done": "done",
}
_MAIN_FLOW = ("Open", "Contained", "Analysed", "Planned", "Implemented", "Verified", "Closed")
_SIDE_FLOW = ("Rejected", "Cancelled", "On hold", "Waiting for supplier", "Under discussion")
_CUSTOM = "com.atlassian.jira.plugin.system.customfieldtypes:"
_FORMS = {
    "line": ("string", "textfield"),
    "text": ("string", "textarea"),
    "option": ("option", "select"),
    "person": ("user", "userpicker"),
    "day": ("date", "datepicker"),
    "instant": ("date", "datepicker"),
}


def site_lines(face: str) -> Iterator[Json]:
    """Yield everything that must exist before the tickets."""
    yield {"kind": "site", "face": face}
    yield from (_user(person, face) for person in PEOPLE.values())
    yield _account({"displayName": ROBOT[face], "active": True}, ROBOT[face], "JIRAUSER10090", face)
    main, name = NONCONFORMITIES[face], {"cloud": "Corrective actions", "datacenter": "Nonconformities"}[face]
    yield {"kind": "project", "id": "10000", "key": main, "name": name, "projectTypeKey": "business"}
    yield {"kind": "project", "id": "10001", "key": CHANGES, "name": "Changes", "projectTypeKey": "software"}
    types = (*TYPE_OF.values(), ACTION_TYPE, "Correction", CHANGE_TYPE)
    for number, type_ in enumerate(types, 10_001):
        is_subtask = type_ in (ACTION_TYPE, "Correction")
        yield {"kind": "issuetype", "id": str(number), "name": type_, "description": "", "subtask": is_subtask}
    for number, (status, category) in enumerate(_STATUSES.items(), 10_001):
        yield {"kind": "status", "id": str(number), "name": status, "statusCategory": CATEGORIES[category]}
    resolutions = ("Done", "Won't Do", "Not a nonconformity", "Duplicate", "Cancelled")
    yield from ({"kind": "resolution", "id": str(n), "name": r} for n, r in enumerate(resolutions, 10_000))
    yield from _link_types()
    yield from (_field(n, word) for n, word in enumerate(_own_words(face), 10_101))
    yield from _workflows()


def _own_words(face: str) -> list[Word]:
    own = [word for word in WORDS.values() if not word.is_builtin]
    return own if face == "cloud" else [word for word in own if word.name != "servicenow_number"]


def _account(shown: Json, account: str, key: str, face: str) -> Json:
    by = {"accountId": account, "accountType": "atlassian"} if face == "cloud" else {"name": account, "key": key}
    return {"kind": "user", **by, **shown}


def _user(person: StoryPerson, face: str) -> Json:
    account = person.cloud if face == "cloud" else person.datacenter
    shown = {"displayName": person.name, "active": not person.has_left, "timeZone": "Europe/London"}
    return _account({**shown, "emailAddress": f"{person.id}@example.com"}, account, person.key, face)


def _link_types() -> Iterator[Json]:
    words = {
        "Blocks": ("is blocked by", "blocks"),
        "Duplicate": ("is duplicated by", "duplicates"),
        "Relates": ("relates to", "relates to"),
        "Resolves": ("is resolved by", "resolves"),
    }
    for number, (name, (inward, outward)) in enumerate(words.items(), 10_000):
        yield {"kind": "linktype", "id": str(number), "name": name, "inward": inward, "outward": outward}


def _field(number: int, word: Word) -> Json:
    type_, custom = _FORMS[word.kind]
    name = f"customfield_{number}"
    options = [{"id": str(number * 100 + at), "value": shown} for at, shown in enumerate(word.options.values(), 1)]
    return {
        "kind": "field",
        "id": name,
        "key": name,
        "name": word.jira,
        "custom": True,
        "orderable": True,
        "navigable": True,
        "searchable": True,
        "clauseNames": [f"cf[{number}]", word.jira],
        "schema": {"type": type_, "custom": _CUSTOM + custom, "customId": number},
        "options": options,
    }


def _workflows() -> Iterator[Json]:
    """Yield the workflows: records move forward, are reopened, or get a side status; actions have three statuses."""
    moves = [(name, _MAIN_FLOW[:place], name) for place, name in enumerate(_MAIN_FLOW) if place]
    moves += [("Reopen", ("Verified", "Closed"), "Implemented"), *((name, (), name) for name in _SIDE_FLOW)]
    yield {"kind": "workflow", "issuetypes": list(TYPE_OF.values()), "initial": "Open", "transitions": _listed(moves)}
    small = [("Start", ("To Do",), "In Progress"), ("Finish", ("To Do", "In Progress"), "Done")]
    types = [ACTION_TYPE, "Correction", CHANGE_TYPE]
    yield {"kind": "workflow", "issuetypes": types, "initial": "To Do", "transitions": _listed(small)}


def _listed(moves: list[tuple[str, tuple[str, ...], str]]) -> list[Json]:
    return [
        {"id": str(11 + 10 * at), "name": name, "from": list(from_), "to": to}
        for at, (name, from_, to) in enumerate(moves)
    ]
