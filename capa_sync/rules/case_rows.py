"""Reads the `timeline` of a test inside a rule file: rows with the values, actions and events of a day."""

from __future__ import annotations

from datetime import datetime

from capa_sync.model.near import FIELD_WORDS
from capa_sync.model.record import ActionKind, ActionOrigin, Stage
from capa_sync.model.ticket import Presence
from capa_sync.model.values import Value, ValueState
from capa_sync.rules.calendar import Calendar
from capa_sync.rules.case import ActionEdit, TimelineRow
from capa_sync.rules.key_words import ACTION_WORDS, ROW_WORDS
from capa_sync.rules.reading import check_keys, items_of, names_of, text_of, value_of, when_of, word_of, yes_no
from capa_sync.rules.subjects import SUBJECTS, Kind, Subject
from capa_sync.rules.yaml_lines import Problems, Text, Tree, YamlTable

EARLIER = ("earlier_matches", "earlier_effective")
"""Keys of a row that give the earlier records which the record matches, as subjects of rules do."""
ROW_KEYS = (
    "day",
    "by",
    "stage",
    "source_status",
    "comment",
    "action",
    "actions",
    "hold",
    "presence",
    "attachments",
    "joined",
    *EARLIER,
)
ACTION_KEYS = (
    "id",
    "kind",
    "origin",
    "text",
    "owner",
    "due_at",
    "evidence",
    "started",
    "done",
    "cancelled",
    "readable",
)
CATALOGUE = [name for name, subject in SUBJECTS.items() if not subject.derived]
"""The fields of a record that a row may hold."""
_ADD_TIMELINE = "add `timeline:` and below it rows such as `- {day: 2026-03-01, by: ana}`"
_EVIDENCE = Subject("evidence", Kind.TEXT, "proof that an action is done")
_TEXT = Subject("text", Kind.TEXT, "what an action is")


class RowReader:
    """Reads the rows of one test. `timezone`: the zone of its wall-clock times."""

    def __init__(self, problems: Problems, timezone: str) -> None:
        self._problems = problems
        self._calendar = Calendar(timezone, frozenset())

    def rows(self, tree: YamlTable) -> tuple[TimelineRow, ...]:
        """Return the rows of a test, in the order of time."""
        found: list[TimelineRow] = []
        noted = len(self._problems.found)
        for member in items_of(tree.get("timeline"), "timeline", self._problems):
            if not isinstance(member, YamlTable):
                self._problems.add(
                    member.line, "a row holds `key: value` pairs", "such as `{day: 2026-03-01, by: ana}`"
                )
                continue
            row = self._row(member)
            if row is not None and found and row.when.day < found[-1].when.day:
                self._problems.add(member.line, "the rows must be in the order of time", "move this row up")
            found += [row] if row is not None else []
        if not found and len(self._problems.found) == noted:
            self._problems.add(tree.line, "the test has no timeline", _ADD_TIMELINE)
        return tuple(found)

    def _row(self, tree: YamlTable) -> TimelineRow | None:
        check_keys(tree, (*ROW_KEYS, *CATALOGUE), "there is no field", self._problems, {**FIELD_WORDS, **ROW_WORDS})
        when = when_of(tree.get("day"), "day", self._problems, tree.line)
        by, stage, presence = tree.get("by"), tree.get("stage"), tree.get("presence")
        status, comment, hold = tree.get("source_status"), tree.get("comment"), tree.get("hold")
        where = (
            word_of(presence, [p.value for p in Presence], "presence", self._problems, tree.line) if presence else ""
        )
        if when is None:
            return None
        return TimelineRow(
            when=when,
            by=text_of(by, "by", self._problems, tree.line) if by else "somebody",
            fields={key.value: self._value(key, value) for key, value in tree if key.value in CATALOGUE},
            actions=self._actions(tree),
            stage=word_of(stage, [s.value for s in Stage], "stage", self._problems, tree.line) if stage else "",
            source_status=text_of(status, "source_status", self._problems, tree.line) if status else "",
            comment=text_of(comment, "comment", self._problems, tree.line) if comment else "",
            hold=yes_no(hold, "hold", self._problems, tree.line) if hold else None,
            presence=Presence(where) if where else None,
            attachments=self._count(tree.get("attachments")),
            joined=self._other_ticket(tree.get("joined")),
            earlier_matches=self._keys(tree, "earlier_matches"),
            earlier_effective=self._keys(tree, "earlier_effective"),
        )

    def _keys(self, tree: YamlTable, name: str) -> tuple[str, ...] | None:
        given = tree.get(name)
        return None if given is None else tuple(text.value for text in names_of(given, name, self._problems))

    def _other_ticket(self, tree: Tree | None) -> dict[str, Value] | None:
        """Return stage and fields of another ticket of the same nonconformity."""
        if tree is None:
            return None
        if not isinstance(tree, YamlTable):
            self._problems.add(tree.line, "'joined' must hold `name: value` pairs", "such as `{stage: closed}`")
            return None
        check_keys(tree, ("stage", *CATALOGUE), "there is no field", self._problems, FIELD_WORDS)
        found = {key.value: self._value(key, value) for key, value in tree if key.value in CATALOGUE}
        if (stage := tree.get("stage")) is not None:
            word = word_of(stage, [s.value for s in Stage], "stage", self._problems, tree.line)
            found |= {"stage": Value(ValueState.FILLED, word, word)} if word else {}
        return found

    def _count(self, tree: Tree | None) -> int | None:
        if tree is None:
            return None
        if isinstance(tree, Text) and tree.value.isascii() and tree.value.isdigit() and len(tree.value) < 6:
            return int(tree.value)
        self._problems.add(tree.line, "'attachments' must be a number", "such as `attachments: 1`")
        return None

    def _value(self, key: Text, tree: Tree) -> Value:
        return value_of(SUBJECTS[key.value], tree, self._instant, self._problems)

    def _instant(self, wall: datetime) -> datetime:
        return self._calendar.at(wall)

    def _actions(self, tree: YamlTable) -> tuple[ActionEdit, ...]:
        single, several = tree.get("action"), tree.get("actions")
        members = [single] if single is not None else list(items_of(several, "actions", self._problems))
        edits = [self._action(member) for member in members]
        return tuple(edit for edit in edits if edit is not None)

    def _action(self, tree: Tree) -> ActionEdit | None:
        if not isinstance(tree, YamlTable):
            self._problems.add(
                tree.line, "an action holds `key: value` pairs", "such as `{id: A1, text: …, owner: bo}`"
            )
            return None
        check_keys(tree, ACTION_KEYS, "an action has no key", self._problems, ACTION_WORDS)
        kind, origin = tree.get("kind"), tree.get("origin")
        kinds, origins = [k.value for k in ActionKind], [o.value for o in ActionOrigin]
        return ActionEdit(
            id=text_of(tree.get("id"), "id", self._problems, tree.line),
            kind=word_of(kind, kinds, "kind", self._problems, tree.line) if kind else "",
            origin=word_of(origin, origins, "origin", self._problems, tree.line) if origin else "",
            text=self._part(tree, _TEXT),
            owner=self._part(tree, SUBJECTS["owner"]),
            due_at=self._part(tree, SUBJECTS["due_at"]),
            evidence=self._part(tree, _EVIDENCE),
            started=self._flag(tree, "started"),
            done=self._flag(tree, "done"),
            cancelled=self._flag(tree, "cancelled"),
            readable=self._flag(tree, "readable"),
        )

    def _part(self, tree: YamlTable, subject: Subject) -> Value | None:
        value = tree.get(subject.name)
        return None if value is None else value_of(subject, value, self._instant, self._problems)

    def _flag(self, tree: YamlTable, name: str) -> bool | None:
        value = tree.get(name)
        return None if value is None else yes_no(value, name, self._problems, tree.line)
