"""What people do on a tracker, and its true state: one driver for both Jiras and one for ServiceNow.

The true state is read from the sandbox's own memory, neither through its API nor by the sources' code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from capa_sync.model.ticket import Origin, RawChange, RawComment, SourceTicket
from capa_sync.sandbox.jira import JiraTracker
from capa_sync.sandbox.jira.admin import Admin
from capa_sync.sandbox.jira.state import Issue
from capa_sync.sandbox.servicenow import INTEGRATION_USER, ServiceNowTracker
from capa_sync.sandbox.stories.jira_site import STATUS_OF
from capa_sync.sandbox.stories.people import PEOPLE
from tests.sync.world import PROJECT, TYPE, Site

MEMBERS = ("anna.lee", "mara.roy", "tomasz.zielinski")
UNLISTED = STATUS_OF["under discussion"]
"""A status that the shipped mapping does not list: a ticket there is quarantined, and not judged."""
RECORDS, PARTS = "sn_grc_issue", "sn_grc_task"
Groups = list[list[tuple[str, ...]]]
"""Saved edits in true order; each the rows (entry, field, from, to, author, instant) that it left."""


@dataclass(frozen=True)
class Truth:
    """One ticket as the tracker has it: what must be mirrored of it.

    `places` orders `changes`; those of one place have no known order. `is_part` marks sub-tasks and children;
    `is_action` marks what is in the register as an action alone.
    """

    key: str
    values: dict[str, str]
    changes: Groups
    places: list[tuple[str, int]]
    comments: list[tuple[str, str, str]]
    is_seen: bool
    in_scope: bool
    is_part: bool
    is_action: bool


def is_ours(comment: Any) -> bool:
    """Whether capa-sync wrote a comment."""
    return "capa-sync" in str(comment.author)


def instant_of(ms: int) -> str:
    """An instant in epoch ms as the mirror's instants are written."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat()


@dataclass
class JiraUserDriver:
    """Drives a Jira; the scope is the main project and SUPP, CHANGE lies outside.

    `outside` are the projects that the query does not name. `links_exclude`: the mapping makes a linked ticket an
    action alone.
    """

    site: Site
    main: str
    silent: dict[str, set[str]] = field(default_factory=dict)
    outside: frozenset[str] = frozenset({"CHANGE"})
    links_exclude: bool = False

    FIELDS = ("summary", "Root cause", "Grade", "duedate", "assignee", "status", "labels")
    GRADES = ("Major", "Minor", "Observation")

    def __post_init__(self) -> None:
        """Add the second project of the scope."""
        self.tracker.load([{"kind": "project", "id": "10005", "key": "SUPP", "name": "Suppliers"}])
        self.ids_of = {name: str(self.tracker.state.field_by(name)["id"]) for name in self.FIELDS}  # type: ignore[index]

    @property
    def tracker(self) -> JiraTracker:
        """The sandbox Jira."""
        assert isinstance(self.site.tracker, JiraTracker)
        return self.site.tracker

    @property
    def admin(self) -> Admin:
        """What an administrator does without the API."""
        return self.tracker.admin

    def _issue(self, ticket: str) -> Issue:
        return self.tracker.state.issues[int(ticket)]

    def person(self, number: int) -> Any:
        """A person who works on the tracker."""
        user = PEOPLE[MEMBERS[number % len(MEMBERS)]]
        return self.tracker.as_user(user.cloud if self.tracker.face == "cloud" else user.datacenter)

    def ids(self) -> list[str]:
        """All tickets."""
        return [str(id_) for id_ in sorted(self.tracker.state.issues)]

    def _of_type(self, *types: str) -> list[str]:
        return [id_ for id_ in self.ids() if self._issue(id_).fields["issuetype"]["name"] in types]

    def records(self) -> list[str]:
        """Tickets that may be records."""
        return self._of_type(TYPE)

    def parts(self) -> list[str]:
        """Sub-tasks."""
        return self._of_type("Corrective action")

    def key(self, ticket: str) -> str:
        """A ticket's present key."""
        return self._issue(ticket).key

    def link(self, outward: str, type_: str, other: str) -> str:
        """Link two tickets; the first one is that of the outward words ("resolves"). Return the link's id."""
        return str(self.person(2).link(self.key(outward), type_, self.key(other)))

    def unlink(self, link: str) -> None:
        """Remove a link."""
        self.person(2).unlink(link)

    def link_some(self, ticket: str, other: str, number: int) -> None:
        """Link two tickets, most often as resolving one another; or remove a link."""
        links = self.links()
        if number % 4 == 0 and links:
            self.unlink(links[number % len(links)])
        elif ticket != other:
            self.link(ticket, ("Resolves", "Resolves", "Blocks", "Relates")[number % 4], other)

    def links(self) -> list[str]:
        """Ids of all links."""
        return sorted(
            {str(link["id"]) for id_ in self.ids() for link in self._issue(id_).fields.get("issuelinks") or ()}
        )

    def create(self, word: str) -> None:
        """Create a nonconformity."""
        self.person(0).create(self.main, TYPE, {"summary": word, "Grade": "Minor"})

    def create_part(self, record: str, word: str) -> None:
        """Create a sub-task; every third time link a change of another project instead."""
        issue = self._issue(record)
        if len(self.ids()) % 3:
            self.person(1).create(
                issue.key.rpartition("-")[0], "Corrective action", {"summary": word, "parent": issue.key}
            )
            return
        change = self.person(1).create("CHANGE", "Change", {"summary": word})
        self.person(1).link(change, "Resolves", issue.key)

    def edit(self, ticket: str, word: str, who: int) -> None:
        """Edit one field."""
        self.person(who).edit(self._issue(ticket).key, {"summary" if who % 2 else "Root cause": word})

    def save_many(self, ticket: str, word: str, number: int) -> None:
        """Edit several fields in one save."""
        day = f"2026-0{3 + number % 6}-1{number % 10}"
        fields = {"Root cause": word, "Grade": self.GRADES[number % 3], "duedate": day if number % 4 else None}
        self.person(number).edit(self._issue(ticket).key, {**fields, "labels": [f"l{number % 5}"]})

    def step(self, ticket: str, number: int) -> None:
        """Make a transition and set the assignee in the same save."""
        issue = self._issue(ticket)
        found = [t for t in self.tracker.site.lifecycle.transitions(issue) if t["name"] != UNLISTED]
        assignee = PEOPLE[MEMBERS[number % len(MEMBERS)]]
        person = assignee.cloud if self.tracker.face == "cloud" else assignee.datacenter
        if found:
            self.person(number).transition(issue.key, found[number % len(found)]["name"], {"assignee": person})

    def say(self, ticket: str, word: str) -> None:
        """Write a comment."""
        self.person(2).comment(self._issue(ticket).key, word)

    def unsay(self, ticket: str, word: str) -> None:
        """Rewrite or delete the newest comment of a person."""
        issue = self._issue(ticket)
        theirs = [comment for comment in issue.comments if not is_ours(comment)]
        if not theirs:
            return
        if len(word) % 2:
            self.person(2).edit_comment(issue.key, str(theirs[-1].id), word)
        else:
            self.person(2).delete_comment(issue.key, str(theirs[-1].id))

    def hide(self, ticket: str) -> None:
        """Hide a ticket by issue security."""
        self.admin.hide(self._issue(ticket).key)

    def show_all(self) -> None:
        """Show all tickets again."""
        for id_ in self.ids():
            self.admin.hide(self._issue(id_).key, hidden=False)

    def delete(self, ticket: str) -> None:
        """Delete the ticket and its sub-tasks."""
        if int(ticket) in self.tracker.state.issues:
            self.person(0).delete(self._issue(ticket).key)

    def leave(self, ticket: str, number: int) -> None:
        """Move a ticket: to the other project of the scope, out of it, or back."""
        if ticket in self.records():
            self.person(0).move(self._issue(ticket).key, (self.main, "SUPP", "CHANGE")[number % 3])

    def adopt(self, part: str, record: str) -> None:
        """Give a sub-task another parent within its project."""
        issue, parent = self._issue(part), self._issue(record)
        if issue.project == parent.project:
            self.person(1).edit(issue.key, {"parent": parent.key})

    def alter_silently(self, ticket: str, word: str, number: int) -> None:
        """Change a value so that neither `updated` nor the history shows it."""
        name = "summary" if number % 2 else "duedate"
        value = word if number % 2 else f"2026-0{1 + number % 9}-20"
        self.admin.alter(self._issue(ticket).key, {name: value})
        self.silent.setdefault(ticket, set()).add(name)

    def lag(self, seconds: float, *, whole: bool = True) -> None:
        """Let the search index lag; it returns its old documents, or their fields alone."""
        self.site.settings(index_lag_s=seconds, stale_fields=bool(seconds), stale_stamps=whole)

    def truth(self) -> dict[str, Truth]:
        """Every ticket there is."""
        owners = self._owners()
        found = {}
        for id_ in self.ids():
            issue, is_part = self._issue(id_), self._is_part(id_)
            is_linked, is_inside = bool(owners.get(id_)), self._is_inside(id_)
            by_root = any(not owners.get(owner) for owner in owners.get(id_, ()))
            found[id_] = Truth(
                key=issue.key,
                values={name: _flat(issue.fields.get(id_)) for name, id_ in self.ids_of.items()},
                changes=[self._group(history) for history in issue.histories],
                places=[(instant_of(history.at), history.id) for history in issue.histories],
                comments=[
                    (str(c.id), _account(c.author), "" if is_ours(c) else _flat(c.body)) for c in issue.comments
                ],
                is_seen=not issue.is_hidden,
                in_scope=not issue.is_hidden and (is_inside or is_linked),
                is_part=is_part,
                is_action=is_part or not is_inside or (self.links_exclude and by_root),
            )
        return found

    def _is_part(self, ticket: str) -> bool:
        return bool(self._issue(ticket).fields["issuetype"].get("subtask"))

    def _is_inside(self, ticket: str) -> bool:
        """Whether the query names a ticket."""
        issue = self._issue(ticket)
        return not issue.is_hidden and self.tracker.state.projects[issue.project].key not in self.outside

    def _owners(self) -> dict[str, set[str]]:
        """Ticket -> tickets of the scope, no sub-tasks, that name it as resolving them."""
        found: dict[str, set[str]] = {}
        for id_ in self.ids():
            if self._is_inside(id_) and not self._is_part(id_):
                for link in self._issue(id_).fields.get("issuelinks") or ():
                    if "inwardIssue" in link and link["type"]["name"] == "Resolves":
                        found.setdefault(str(link["inwardIssue"]["id"]), set()).add(id_)
        return found

    def _group(self, history: Any) -> list[tuple[str, ...]]:
        rows = []
        for item in history.items:
            old, new = ((item[side], item[side + "String"]) for side in ("from", "to"))
            edit = (str(history.id), item["field"], self._name(_history_side(*old)), self._name(_history_side(*new)))
            rows.append((*edit, _account(history.author), instant_of(history.at)))
        return sorted(rows)

    def mirrored(self, ticket: SourceTicket) -> tuple[dict[str, str], Groups, list[tuple[str, str, str]]]:
        """Values, changes and comments of a mirrored ticket in the form of Truth."""
        values = {}
        for name, id_ in self.ids_of.items():
            raw = ticket.values.get(id_)
            values[name] = "" if raw is None else raw.text if name in ("summary", "Root cause") else " ".join(raw.ids)

        def row(change: RawChange) -> tuple[str, ...]:
            sides = (self._name(_side(change.old)), self._name(_side(change.new)))
            return (change.entry, change.field_name, *sides, change.by, change.at.isoformat())

        return values, grouped(ticket, row), [_said(comment, self._us()) for comment in ticket.comments]

    def _us(self) -> str:
        """Our own account."""
        return next(user.account for user in self.tracker.state.users.values() if "capa-sync" in str(user.raw))

    def _name(self, code: str) -> str:
        """The account of a history value: Data Center's history names people by key, tickets show only some keys."""
        user = next((u for u in self.tracker.state.users.values() if u.raw.get("key") == code), None)
        return user.account if user and code else code


def grouped(ticket: SourceTicket, row: Any) -> Groups:
    """The history of a ticket as saved edits in the order of the mirror."""
    groups: dict[int, list[tuple[str, ...]]] = {}
    for change in ticket.changes:
        if change.origin is Origin.HISTORY:
            groups.setdefault(change.order, []).append(row(change))
    return [sorted(groups[order]) for order in sorted(groups)]


def _said(comment: RawComment, us: str) -> tuple[str, str, str]:
    """A mirrored comment; how our own are marked up and read again is not asked here."""
    return comment.id, comment.by, "" if comment.by == us else comment.text


def _flat(value: Any) -> str:
    """A raw Jira value as one text: words of a document, ids of options, people, statuses."""
    if value is None:
        return ""
    if isinstance(value, list):
        return " ".join(map(_flat, value))
    if isinstance(value, dict):
        if value.get("type") == "doc":
            return "\n".join(map(_words, value["content"]))
        return str(value.get("accountId") or value.get("id") or value.get("name"))
    return str(value)


def _words(node: Any) -> str:
    """The words below a node of a document, in its order."""
    return str(node.get("text", "")) + "".join(map(_words, node.get("content", ())))


def _account(user: Any) -> str:
    return str((user or {}).get("accountId") or (user or {}).get("name") or "")


def _history_side(code: Any, text: Any) -> str:
    """One side of a history item: its id where it has one (a list of one for people in old items), else its text."""
    return str(code or text or "").strip("[]")


def _side(raw: Any) -> str:
    return " ".join(raw.ids) or str(raw.text)


@dataclass
class ServiceNowUserDriver:
    """Drives a ServiceNow; the scope is `u_track=nonconformity`."""

    site: Site
    silent: dict[str, set[str]] = field(default_factory=dict)

    COLUMNS = ("number", "short_description", "state", "due_date", "assigned_to", "sys_updated_on", "sys_mod_count")
    OWN = ("u_root_cause", "u_grade", "u_track")
    STATES = ("10", "11", "12", "13", "3")

    @property
    def tracker(self) -> ServiceNowTracker:
        """The sandbox instance."""
        assert isinstance(self.site.tracker, ServiceNowTracker)
        return self.site.tracker

    def person(self, number: int) -> Any:
        """A person who works on the instance."""
        return self.tracker.as_user(MEMBERS[number % len(MEMBERS)])

    def _table(self, ticket: str) -> str:
        return RECORDS if self.tracker.find(RECORDS, ticket) else PARTS

    def ids(self) -> list[str]:
        """All records and tasks."""
        return [*self.records(), *self.parts()]

    def records(self) -> list[str]:
        """All issues."""
        return [row["sys_id"] for row in self.tracker.rows(RECORDS)]

    def parts(self) -> list[str]:
        """All remediation tasks."""
        return [row["sys_id"] for row in self.tracker.rows(PARTS)]

    def create(self, word: str) -> None:
        """Create an issue."""
        values = {"short_description": word, "u_grade": "minor", "u_track": "nonconformity", "state": "10"}
        self.person(0).insert(RECORDS, values)

    def create_part(self, record: str, word: str) -> None:
        """Create a remediation task."""
        self.person(1).insert(PARTS, {"short_description": word, "issue": record})

    def edit(self, ticket: str, word: str, who: int) -> None:
        """Edit one column."""
        table = self._table(ticket)
        column = "u_root_cause" if who % 2 and table == RECORDS else "short_description"
        self.person(who).update(table, ticket, {column: word})

    def save_many(self, ticket: str, word: str, number: int) -> None:
        """Edit several columns in one save."""
        day = f"2026-0{3 + number % 6}-1{number % 10} 09:00:00"
        values = {"short_description": word, "due_date": day if number % 4 else "", "u_grade": "major"}
        self.person(number).update(self._table(ticket), ticket, values)

    def step(self, ticket: str, number: int) -> None:
        """Set another state and an assignee in the same save."""
        person = self.site.player.people[MEMBERS[number % len(MEMBERS)]]  # type: ignore[union-attr]
        values = {"state": self.STATES[number % len(self.STATES)], "assigned_to": person}
        self.person(number).update(self._table(ticket), ticket, values)

    def say(self, ticket: str, word: str) -> None:
        """Write a work note."""
        self.person(2).work_note(self._table(ticket), ticket, word)

    def unsay(self, ticket: str, word: str) -> None:
        """Write a comment that the customer sees: notes cannot be deleted."""
        self.person(2).work_note(self._table(ticket), ticket, word, element="comments")

    def link_some(self, ticket: str, other: str, number: int) -> None:
        """Give a task to another issue, or to none: there are no links."""
        if ticket in self.parts():
            self.person(2).update(PARTS, ticket, {"issue": other if number % 4 and other in self.records() else ""})

    def hide(self, ticket: str) -> None:
        """Hide a row by an ACL."""
        self.tracker.settings.hidden_rows = [*self.tracker.settings.hidden_rows, ticket]

    def show_all(self) -> None:
        """Show all rows again."""
        self.tracker.settings.hidden_rows = []

    def delete(self, ticket: str) -> None:
        """Delete it; every other time so that the deletion audit does not record it."""
        if ticket in self.ids():
            self.person(0).delete(self._table(ticket), ticket, workflow=bool(len(self.ids()) % 2))

    def leave(self, ticket: str, number: int) -> None:
        """Make the record leave the query, or enter it again."""
        if ticket in self.records():
            track = "nonconformity" if number % 2 else "improvement"
            self.person(0).update(RECORDS, ticket, {"u_track": track})

    def adopt(self, part: str, record: str) -> None:
        """Give a task to another issue."""
        self.person(1).update(PARTS, part, {"issue": record})

    def alter_silently(self, ticket: str, word: str, number: int) -> None:
        """Edit by a script: without moving the update time, without leaving an audit row, or without both."""
        how = {"auto_sys_fields": bool(number % 2), "workflow": number % 3 == 0}
        if all(how.values()):
            how["workflow"] = False
        self.person(0).update(self._table(ticket), ticket, {"short_description": word}, **how)
        self.silent.setdefault(ticket, set()).add("short_description")

    def lag(self, seconds: float, *, whole: bool = True) -> None:
        """Show writes so many seconds after their update time, always complete."""
        self.site.settings(commit_late_s=seconds)

    def truth(self) -> dict[str, Truth]:
        """Every record and task there is."""
        hidden = set(self.tracker.settings.hidden_rows)
        tracks = {row["sys_id"]: row.get("u_track") for row in self.tracker.rows(RECORDS)}
        scope = {id_ for id_, track in tracks.items() if track == "nonconformity" and id_ not in hidden}
        return {
            row["sys_id"]: Truth(
                key=row["number"],
                values={column: _utc(row.get(column, "")) for column in self._columns(table)},
                changes=[history[place] for place in sorted(history)],
                places=[place[:2] for place in sorted(history)],
                comments=self._notes(row["sys_id"]),
                is_seen=row["sys_id"] not in hidden,
                in_scope=row["sys_id"] not in hidden
                and (row["sys_id"] if table == RECORDS else row.get("issue")) in scope,
                is_part=table == PARTS,
                is_action=table == PARTS,
            )
            for table in (RECORDS, PARTS)
            for row in self.tracker.rows(table)
            for history in [self._history(row["sys_id"])]
        }

    def _columns(self, table: str) -> Sequence[str]:
        own = self.OWN if table == RECORDS else ("issue",)
        return [column for column in (*self.COLUMNS, *own) if not column.startswith("sys_")]

    def _history(self, ticket: str) -> dict[tuple[str, int, str], list[tuple[str, ...]]]:
        """Audit rows by instant, update count of the record, and user; scripts may leave that count as it was."""
        groups: dict[tuple[str, int, str], list[tuple[str, ...]]] = {}
        for row in self.tracker.rows("sys_audit", f"documentkey={ticket}"):
            if row["fieldname"].startswith("sys_") or row["fieldname"] in ("work_notes", "comments"):
                continue
            place = (row["sys_created_on"], int(row.get("record_checkpoint") or 0), row["user"])
            edit = (row["sys_id"], row["fieldname"], _utc(row.get("oldvalue", "")), _utc(row.get("newvalue", "")))
            groups.setdefault(place, []).append((*edit, self._person(row["user"]), _at(row["sys_created_on"])))
        return {place: sorted(rows) for place, rows in groups.items()}

    def _notes(self, ticket: str) -> list[tuple[str, str, str]]:
        rows = self.tracker.rows("sys_journal_field", f"element_id={ticket}")
        return sorted(
            (
                row["sys_id"],
                self._person(row["sys_created_by"]),
                "" if row["sys_created_by"] == INTEGRATION_USER else row["value"],
            )
            for row in rows
        )

    def _person(self, user_name: str) -> str:
        [row] = self.tracker.rows("sys_user", f"user_name={user_name}")
        return str(row["sys_id"])

    def mirrored(self, ticket: SourceTicket) -> tuple[dict[str, str], Groups, list[tuple[str, str, str]]]:
        """Values, changes and comments of a mirrored ticket in the form of Truth."""
        values = {}
        for column in self._columns(ticket.container):
            raw = ticket.values.get(column)
            values[column] = "" if raw is None else " ".join(raw.ids)
        rows = grouped(ticket, lambda c: (c.entry, c.field_id, _side(c.old), _side(c.new), c.by, c.at.isoformat()))
        us = self._person(INTEGRATION_USER)
        return values, rows, sorted(_said(comment, us) for comment in ticket.comments)


def _utc(value: str) -> str:
    """A stored instant as the mirror writes it."""
    is_instant = len(value) == 19 and value[4] == value[7] == "-" and value[13] == ":"
    return f"{value[:10]}T{value[11:]}Z" if is_instant else value


def _at(update_time: str) -> str:
    return datetime.fromisoformat(f"{update_time}+00:00").isoformat()


UserDriver = JiraUserDriver | ServiceNowUserDriver


def users_on(site: Site) -> UserDriver:
    """Return the driver of a tracker."""
    if site.name == "servicenow":
        return ServiceNowUserDriver(site)
    return JiraUserDriver(site, PROJECT[site.name])
