"""Reads the tests inside a rule file: `case`, its settings, its `timeline`, and what to `expect` on which day."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from capa_sync.model.finding import Outcome, Severity
from capa_sync.model.near import FIELD_WORDS, did_you_mean
from capa_sync.model.record import ActionKind, ActionOrigin, Stage
from capa_sync.model.settings import DEFAULT_DEADLINES, Days, JudgeOptions
from capa_sync.model.ticket import Presence
from capa_sync.model.values import Value, ValueState
from capa_sync.rules.calendar import Calendar
from capa_sync.rules.case import ActionEdit, Case, Expect, TimelineRow, When
from capa_sync.rules.key_words import ACTION_WORDS, CASE_WORDS, EXPECT_WORDS, RESULT_WORDS, ROW_WORDS
from capa_sync.rules.profiles import PROFILES
from capa_sync.rules.reading import (
    check_keys,
    days_of,
    items_of,
    names_of,
    text_of,
    value_of,
    when_of,
    word_of,
    yes_no,
)
from capa_sync.rules.subjects import SUBJECTS, Kind, Subject
from capa_sync.rules.yaml_lines import Items, Problems, Text, Tree, YamlTable

EARLIER = ("earlier_matches", "earlier_effective")
"""Keys of a row that give the earlier records which the record matches, as subjects of rules do."""
CASE_KEYS = ("case", "settings", "accounts", "unmapped", "unreadable", "history", "timeline", "expect")
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
EXPECT_KEYS = ("day", "result", "severity", "says", "look_again", "hides")
SETTING_KEYS = ("timezone", "holidays", "deadlines", "profile")
ACCOUNT_WORDS = ("ignored", "inactive", "unknown")
RESULTS = {outcome.value.replace("_", " "): outcome for outcome in Outcome}
ACCOUNT_MEANT = {"bot": "ignored", "robot": "ignored", "gone": "inactive", "left": "inactive", "disabled": "inactive"}
_ADD_TIMELINE = "add `timeline:` and below it rows such as `- {day: 2026-03-01, by: ana}`"
_CATALOGUE = [name for name, subject in SUBJECTS.items() if not subject.derived]
_EVIDENCE = Subject("evidence", Kind.TEXT, "proof that an action is done")
_TEXT = Subject("text", Kind.TEXT, "what an action is")


def read_cases(tree: Tree | None, problems: Problems) -> tuple[Case, ...]:
    """Return the tests of a rule file; record each mistake with its line."""
    return tuple(
        case
        for member in items_of(tree, "tests", problems)
        if (case := _CaseReader(problems).case(member)) is not None
    )


def _day_of_creation(tree: YamlTable) -> date | None:
    """Return the day of the first row of a test, None where it cannot be read (which is reported elsewhere)."""
    rows = tree.get("timeline")
    first = rows.members[0] if isinstance(rows, Items) and rows.members else None
    day = first.get("day") if isinstance(first, YamlTable) else None
    try:
        return date.fromisoformat(day.value[:10]) if isinstance(day, Text) else None
    except ValueError:
        return None


class _CaseReader:
    """Reads one test."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._options = JudgeOptions()

    def case(self, tree: Tree) -> Case | None:
        """Return the test, None where it is not a mapping."""
        if not isinstance(tree, YamlTable):
            self._problems.add(tree.line, "a test holds `key: value` lines", "begin with `case: what it shows`")
            return None
        meant = check_keys(tree, CASE_KEYS, "a test has no key", self._problems, CASE_WORDS)
        self._options = self._settings(tree.get("settings"))
        accounts = self._accounts(tree.get("accounts"))
        history = tree.get("history")
        whole = history is None or word_of(history, ("incomplete",), "history", self._problems, tree.line) == ""
        return Case(
            name="" if "case" in meant else text_of(tree.get("case"), "case", self._problems, tree.line),
            line=tree.line,
            rows=() if "timeline" in meant else self._rows(tree),
            expects=() if "expect" in meant else self._expects(tree),
            options=self._options,
            ignored=accounts["ignored"],
            inactive=accounts["inactive"],
            silent=accounts["unknown"],
            unmapped=self._fields(tree.get("unmapped"), "unmapped"),
            unreadable=self._fields(tree.get("unreadable"), "unreadable"),
            history_complete=whole,
        )

    def _settings(self, tree: Tree | None) -> JudgeOptions:
        options = JudgeOptions()
        if tree is None:
            return options
        if not isinstance(tree, YamlTable):
            self._problems.add(
                tree.line, "'settings' must hold `name: value` pairs", "such as `{timezone: Europe/London}`"
            )
            return options
        check_keys(tree, SETTING_KEYS, "the settings of a test have no key", self._problems)
        if (zone := tree.get("timezone")) is not None:
            options = replace(options, timezone=self._zone(zone))
        if (profile := tree.get("profile")) is not None:
            word = word_of(profile, PROFILES, "profile", self._problems, profile.line)
            options = replace(options, profile=word or "standard")
        days = [self._day(name) for name in names_of(tree.get("holidays"), "holidays", self._problems)]
        return replace(
            options,
            holidays=frozenset(day for day in days if day is not None),
            deadlines=self._deadlines(tree.get("deadlines")),
        )

    def _zone(self, tree: Tree) -> str:
        name = text_of(tree, "timezone", self._problems, tree.line)
        try:
            return ZoneInfo(name).key if name else "UTC"
        except (ZoneInfoNotFoundError, ValueError):
            near = did_you_mean(name, available_timezones())
            self._problems.add(tree.line, f"'{name}' is no time zone", near or "such as Europe/London")
            return "UTC"

    def _day(self, text: Text) -> date | None:
        when = when_of(text, "holidays", self._problems, text.line)
        return when.day if when else None

    def _deadlines(self, tree: Tree | None) -> dict[str, dict[str, Days]]:
        merged = {name: dict(grades) for name, grades in DEFAULT_DEADLINES.items()}
        for name, grades in tree if isinstance(tree, YamlTable) else ():
            if name.value not in merged:
                check_keys(
                    YamlTable(((name, grades),), name.line), tuple(merged), "there is no deadline", self._problems
                )
                continue
            for grade, length in grades if isinstance(grades, YamlTable) else ():
                days = days_of(length.value) if isinstance(length, Text) else None
                if days is None or grade.value not in merged[name.value]:
                    what = f"cannot read the deadline of '{grade.value}'"
                    self._problems.add(grade.line, what, "such as `{major: 5bd, minor: 10}`; bd are business days")
                else:
                    merged[name.value][grade.value] = days
        return merged

    def _accounts(self, tree: Tree | None) -> dict[str, frozenset[str]]:
        found: dict[str, set[str]] = {word: set() for word in ACCOUNT_WORDS}
        if tree is not None and not isinstance(tree, YamlTable):
            self._problems.add(tree.line, "'accounts' must hold `name: value` pairs", "such as `{bot: ignored}`")
        for person, state in tree if isinstance(tree, YamlTable) else ():
            word = word_of(state, ACCOUNT_WORDS, "state of an account", self._problems, person.line, ACCOUNT_MEANT)
            if word:
                found[word].add(person.value)
        return {word: frozenset(people) for word, people in found.items()}

    def _fields(self, tree: Tree | None, key: str) -> frozenset[str]:
        names = names_of(tree, key, self._problems) if tree is not None else []
        for name in names:
            word_of(
                name,
                [*_CATALOGUE, "actions", "attachments", "earlier_matches"],
                "field",
                self._problems,
                name.line,
                FIELD_WORDS,
            )
        return frozenset(name.value for name in names)

    def _rows(self, tree: YamlTable) -> tuple[TimelineRow, ...]:
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
        check_keys(tree, (*ROW_KEYS, *_CATALOGUE), "there is no field", self._problems, {**FIELD_WORDS, **ROW_WORDS})
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
            fields={key.value: self._value(key, value) for key, value in tree if key.value in _CATALOGUE},
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
        check_keys(tree, ("stage", *_CATALOGUE), "there is no field", self._problems, FIELD_WORDS)
        found = {key.value: self._value(key, value) for key, value in tree if key.value in _CATALOGUE}
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
        return Calendar(self._options.timezone, frozenset()).at(wall)

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

    def _expects(self, tree: YamlTable) -> tuple[Expect, ...]:
        members = items_of(tree.get("expect"), "expect", self._problems)
        if not members:
            self._problems.add(tree.line, "the test expects nothing", "add `expect:` with a day and a result")
        created = _day_of_creation(tree)
        return tuple(expect for member in members if (expect := self._expect(member, created)) is not None)

    def _expect(self, tree: Tree, created: date | None) -> Expect | None:
        if not isinstance(tree, YamlTable):
            self._problems.add(tree.line, "cannot read this in 'expect'", "such as `{day: 2026-03-05, result: ok}`")
            return None
        meant = check_keys(tree, EXPECT_KEYS, "an expectation has no key", self._problems, EXPECT_WORDS)
        if meant & {"day", "result"}:
            return None
        when = when_of(tree.get("day"), "day", self._problems, tree.line)
        result = word_of(tree.get("result"), RESULTS, "result", self._problems, tree.line, RESULT_WORDS)
        severity, hides = tree.get("severity"), tree.get("hides")
        words = [s.value for s in Severity]
        word = word_of(severity, words, "severity", self._problems, tree.line) if severity else ""
        says = names_of(tree.get("says"), "says", self._problems)
        for text in says:
            if not text.value.strip():
                self._problems.add(
                    text.line, "an empty 'says' can never fail", "write a part of the text, or leave it out"
                )
        if when is None or not result:
            return None
        if created is not None and when.day < created:
            self._problems.add(tree.line, f"on {when.day} there is no ticket yet", f"its first row is of {created}")
        return Expect(
            when=when,
            line=tree.line,
            outcome=RESULTS[result],
            severity=Severity(word) if word else None,
            says=tuple(text.value for text in says),
            next_due_at=self._next_due_at(tree.get("look_again")),
            hides=tuple(t.value for t in names_of(hides, "hides", self._problems)) if hides else None,
        )

    def _next_due_at(self, tree: Tree | None) -> When | str:
        if tree is None:
            return ""
        if isinstance(tree, Text) and tree.value == "never":
            return "never"
        return when_of(tree, "look_again", self._problems, tree.line) or ""
