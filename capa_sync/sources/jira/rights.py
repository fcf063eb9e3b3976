"""Which rights our account has in the projects of a Jira, and what reading cannot prove."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from capa_sync.model.inspection import Check, CheckState
from capa_sync.sources.jira.sample import Seen
from capa_sync.sources.jira.shapes import one_issue
from capa_sync.sources.jira.site import SiteReader

_READ = {"BROWSE_PROJECTS": "Browse projects"}
_WRITE = {
    "ADD_COMMENTS": "Add comments",
    "EDIT_OWN_COMMENTS": "Edit own comments",
    "DELETE_OWN_COMMENTS": "Delete own comments",
    "EDIT_ISSUES": "Edit issues",
}
_TOO_MUCH = {
    "ADMINISTER": "Administer Jira",
    "ADMINISTER_PROJECTS": "Administer projects",
    "DELETE_ISSUES": "Delete issues",
    "TRANSITION_ISSUES": "Transition issues",
    "EDIT_ALL_COMMENTS": "Edit all comments",
    "DELETE_ALL_COMMENTS": "Delete all comments",
}
"""Permission key -> its name in Jira's permission scheme."""
_COMMENTED = {"6": "a new comment", "14": "an edited comment"}
"""Ids of the events that our comments cause, as in a notification scheme."""


def check_rights(site: SiteReader, seen: Seen, *, writes: bool) -> Iterator[Check]:
    """Yield the checks of rights, history, edit screens and notifications. Raises SourceError."""
    held = {project: _held(site, project) for project in seen.projects}
    yield from _reading(held)
    yield _history(site, seen)
    if writes and held:
        yield from _writing(held)
        yield _labels(seen)
    yield from _excess(held)
    if writes:
        yield from (_notifies(site, project) for project in seen.projects)
        if desks := [project for project, kind in seen.projects.items() if kind == "service_desk"]:
            yield Check(
                "internal_comments",
                CheckState.UNPROVEN,
                f"{_listed(desks)}: whether a comment sent as internal stays internal shows only when one is written",
                "customers read public comments; after a public one capa-sync deletes it and pauses this source",
                "release one ticket first (`capa-sync sync --release 1`) and look at it as a customer",
            )


def _held(site: SiteReader, project: str) -> Mapping[str, bool] | None:
    """Return permission key -> whether we have it in a project; None where Jira does not tell."""
    wanted = (*_READ, *_WRITE, *_TOO_MUCH)
    asked = {"projectKey": project} | ({"permissions": ",".join(wanted)} if site.client.is_cloud else {})
    answer = site.client.find_shown("mypermissions", asked)
    rows = answer.get("permissions") if isinstance(answer, dict) else None
    if not isinstance(rows, dict):
        return None
    return {key: _has(rows.get(key)) for key in wanted}


def _has(row: Any) -> bool:
    return isinstance(row, dict) and row.get("havePermission") is True


Held = Mapping[str, Mapping[str, bool] | None]


def _lacking(held: Held, wanted: Mapping[str, str], *, has: bool) -> dict[str, list[str]]:
    """Return name of a permission -> projects in which we have it, or have it not."""
    found: dict[str, list[str]] = {}
    for key, name in wanted.items():
        projects = [project for project, rights in held.items() if rights is not None and rights[key] is has]
        if projects:
            found[name] = projects
    return found


def _reading(held: Held) -> Iterator[Check]:
    why = "tickets that we may not see are missing from the register, and nobody is warned about them"
    lacking = _lacking(held, _READ, has=False)
    untold = [project for project, rights in held.items() if rights is None]
    if lacking:
        yield Check("right_to_read", CheckState.PROBLEM, f"missing: {_spelt(lacking)}", why, _ask(lacking))
    elif untold:
        what = f"Jira does not tell our rights in {_listed(untold)}"
        yield Check("right_to_read", CheckState.UNPROVEN, what, why, "look at the project's permission scheme")
    elif held:
        yield Check("right_to_read", CheckState.OK, f"we may browse {_listed(held)}", why)


def _writing(held: Held) -> Iterator[Check]:
    why = "a warning is one comment that is edited and taken back, with labels and a property on the ticket"
    if lacking := _lacking(held, _WRITE, has=False):
        yield Check("right_to_write", CheckState.PROBLEM, f"missing: {_spelt(lacking)}", why, _ask(lacking))
    elif all(rights is not None for rights in held.values()):
        what = f"we may comment and edit in {_listed(held)}, as Jira lists it; only a write proves it"
        yield Check("right_to_write", CheckState.OK, what, why)
    else:
        what = "Jira does not tell our rights, and only a write would prove them"
        yield Check("right_to_write", CheckState.UNPROVEN, what, why, "look at the project's permission scheme")


def _labels(seen: Seen) -> Check:
    why = "boards and filters find warned tickets by the labels capa-warning and capa-overdue"
    if seen.screens is None:
        what = "no edit screen is shown to us, so it is not known whether labels can be set"
        return Check("labels", CheckState.UNPROVEN, what, why, "put the field Labels on the projects' edit screens")
    if "labels" not in seen.screens:
        return Check(
            "labels",
            CheckState.PROBLEM,
            "the field Labels is on no edit screen of these tickets",
            why,
            "ask the project's admin to put it there",
        )
    return Check("labels", CheckState.OK, "the field Labels is on the edit screen", why)


def _excess(held: Held) -> Iterator[Check]:
    why = "whoever steals our token can do what our account can do; capa-sync never uses these"
    if found := _lacking(held, _TOO_MUCH, has=True):
        do = "take them from the account, or use one that has fewer (least rights: docs, Security)"
        yield Check("more_rights_than_needed", CheckState.ADVICE, f"not needed: {_spelt(found)}", why, do)
    elif held and None not in held.values():
        yield Check("more_rights_than_needed", CheckState.OK, "no right beyond what capa-sync uses", why)


def _history(site: SiteReader, seen: Seen) -> Check:
    why = "rules about order and time read the change history; what they cannot read, they cannot tell"
    if not seen.issues:
        what = "there is no ticket in scope whose history could be read"
        return Check("history", CheckState.UNPROVEN, what, why, "run `capa-sync doctor` again when there is one")
    issue = seen.issues[0]
    expand = {"fields": "summary", "expand": "changelog"}
    answer = site.client.find_shown(f"issue/{issue['id']}", expand)
    shown = {} if answer is None else one_issue(site.client.source, answer, str(issue["id"]))
    if isinstance(shown.get("changelog"), dict):
        return Check("history", CheckState.OK, f"the history of {issue.get('key')} can be read", why)
    what = f"the history of {issue.get('key')} is not shown to our account"
    return Check("history", CheckState.PROBLEM, what, why, "ask the admin of Jira why an issue has no changelog")


def _notifies(site: SiteReader, project: str) -> Check:
    """Return whom a comment of ours notifies in a project; only admins may read the scheme."""
    why = "every new comment notifies the people of the project's notification scheme; capa-sync cannot prevent it"
    answer = site.client.find_shown(f"project/{project}/notificationscheme", {"expand": "all"})
    events = _events_of(answer)
    if events is None:
        what = f"{project}: whom our comments notify is not shown to our account (only admins may read it)"
        do = "ask the project's admin who gets mail for “Issue commented”, before you release many tickets at once"
        return Check("notifications", CheckState.UNPROVEN, what, why, do)
    notified = [f"{words} notifies {', '.join(who)}" for id_, words in _COMMENTED.items() if (who := events.get(id_))]
    if not notified:
        return Check("notifications", CheckState.OK, f"{project}: a comment notifies nobody", why)
    do = "release a few tickets first (`capa-sync sync --release 3`)"
    return Check("notifications", CheckState.ADVICE, f"{project}: {'; '.join(notified)}", why, do)


def _events_of(scheme: Any) -> dict[str, list[str]] | None:
    """Return id of an event -> the kinds of people that it notifies, in Jira's words; None where that is unknown."""
    listed = scheme.get("notificationSchemeEvents") if isinstance(scheme, dict) else None
    found: dict[str, list[str]] = {}
    for entry in listed if isinstance(listed, list) else [None]:
        event, rows = (entry.get("event"), entry.get("notifications")) if isinstance(entry, dict) else (None, None)
        if not isinstance(event, dict) or not isinstance(event.get("id"), int | str) or not isinstance(rows, list):
            return None
        kinds = [row.get("notificationType") if isinstance(row, dict) else None for row in rows]
        if not all(isinstance(kind, str) for kind in kinds):
            return None
        known = found.setdefault(str(event["id"]), [])
        known += [kind for kind in dict.fromkeys(map(str, kinds)) if kind not in known]
    return found


def _spelt(found: Mapping[str, list[str]]) -> str:
    return "; ".join(f"“{name}” in {_listed(projects)}" for name, projects in found.items())


def _ask(lacking: Mapping[str, list[str]]) -> str:
    return f"ask the admin of Jira to give our account {', '.join(f'“{name}”' for name in lacking)}"


def _listed(projects: Mapping[str, object] | list[str]) -> str:
    return ", ".join(projects)
