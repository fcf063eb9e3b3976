"""Reads the `stage:` and `actions:` sections of a mapping file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq

from capa_sync.kinds import SourceKind
from capa_sync.mapping.fields import read_part, read_record
from capa_sync.mapping.people import People
from capa_sync.mapping.reading import YamlReader, line_of, with_keys
from capa_sync.mapping.schema import (
    ActionMapping,
    Condition,
    FieldMapping,
    FieldRef,
    FieldSource,
    StageMapping,
    StatusRule,
)
from capa_sync.model.catalogue import FieldSpec, FieldType
from capa_sync.model.near import FIELD_WORDS, STAGE_WORDS, near_or_all, one_of
from capa_sync.model.record import SIDE_STAGES, ActionKind, ActionOrigin, Stage

STAGE_KEYS = ("field", "aliases", "values", "on_hold", *(side.value for side in SIDE_STAGES))
_RULE_KEYS = ("stage", "aliases", "from", "until")
_WORDS = tuple(stage.value for stage in Stage)
_OWN_FIELDS = ("text", "owner", "due_at", "done_at", "evidence")
_COMMON = ("from", "kind", *_OWN_FIELDS, "inherit")
_CHILD = ("status", "started", "done", "cancelled", "fills", "depth")
ACTION_KEYS: dict[ActionOrigin, tuple[str, ...]] = {
    ActionOrigin.FIELD: (*_COMMON, "field", "template", "aliases", "heading", "check_list"),
    ActionOrigin.SUBTASK: (*_COMMON, *_CHILD, "types"),
    ActionOrigin.LINK: (*_COMMON, *_CHILD, "types", "issue_types", "also_record"),
    ActionOrigin.CHILD: (*_COMMON, *_CHILD, "table", "reference"),
}
_SPECS = {
    "text": FieldSpec("text", FieldType.TEXT, "what is to be done"),
    "owner": FieldSpec("owner", FieldType.PERSON, "who does it"),
    "due_at": FieldSpec("due_at", FieldType.TIME, "until when"),
    "done_at": FieldSpec("done_at", FieldType.TIME, "when it was done"),
    "evidence": FieldSpec("evidence", FieldType.TEXT, "what proves it"),
    "kind": FieldSpec("kind", FieldType.ENUM, "what the action does", tuple(kind.value for kind in ActionKind)),
}
_PLACE = "such as `{from: subtask, types: [Corrective action], kind: corrective}`"
_FROM_WORDS = {"column": "field", "issue_link": "link", "table": "child", "text": "field"}
_STAGE_KEYS = {"map": "values", "mapping": "values", "options": "values", "paused": "on_hold", "statuses": "values"}
_RULE_WORDS = {"after": "from", "before": "until", "end": "until", "since": "from", "start": "from", "to": "until"}
_CONDITION_WORDS = {"equals": "is", "in": "is", "option": "is", "options": "is", "value": "is", "values": "is"}
ACTION_FIELDS = _SPECS
"""The fields of an action, in the form of the catalogue."""


def read_stage(reader: YamlReader, data: CommentedMap) -> StageMapping | None:
    """Read `stage:`; return None (with problems) when it is unusable."""
    stage = reader.map_at(data, "stage")
    if stage is None:
        return None
    strays = [key for key in stage if str(key) not in STAGE_KEYS and stage[key] in _WORDS]
    for key in strays:
        reader.add(
            line_of(stage, key),
            f"the status '{key}' stands beside `values:`",
            "indent it, and put it below `values:`",
        )
    meant = reader.keys(
        with_keys(stage, [key for key in stage if key not in strays]), STAGE_KEYS, "`stage`", _STAGE_KEYS
    )
    line = line_of(data, "stage")
    place = line_of(stage, "field") if "field" in stage else line
    ref = FieldRef(reader.text_at(stage, "field") or "status", place, reader.texts_at(stage, "aliases"))
    values = reader.map_at(stage, "values", "Open: identified")
    if not values:
        if not stage.get("values") and not strays and "values" not in meant:
            hint = "write `values:` and below it lines such as `Open: identified`"
            reader.add(line, "`stage` needs `values:`, the list of statuses with their stages", hint)
        return None
    reader.alike(values, "status")
    rules: list[StatusRule] = []
    for key in values:
        at = line_of(values, key)
        status = reader.text(key, at, "a status")
        if str(key) in _WORDS and isinstance(values[key], str) and values[key] not in _WORDS:
            reader.add(
                at, "your status stands on the left and our stage on the right", f"write `{values[key]}: {key}`"
            )
            continue
        if values[key] is None or values[key] == []:
            reader.add(at, f"the status '{status}' has no stage", one_of(_WORDS))
        for item, item_line in reader.items_at(values, key):
            rules += _read_rule(reader, status, item, item_line)
    sides = {side: read_conditions(reader, stage, side.value) for side in Stage if side in SIDE_STAGES}
    return StageMapping(ref, tuple(rules), sides, read_conditions(reader, stage, "on_hold"), line)


def _read_rule(reader: YamlReader, status: str, item: Any, line: int) -> list[StatusRule]:
    if not isinstance(item, CommentedMap):
        stage = _read_stage_word(reader, reader.text(item, line, f"the stage of '{status}'"), line)
        return [StatusRule(status, stage, line)] if stage else []
    reader.keys(item, _RULE_KEYS, f"status '{status}'", _RULE_WORDS)
    stage = _read_stage_word(reader, reader.text_at(item, "stage"), line)
    since, until = reader.day_at(item, "from"), reader.day_at(item, "until")
    if since and until and since >= until:
        reader.add(line, f"'{status}' ends ({until}) before it begins ({since})", "exchange the two days")
    if stage is None:
        return []
    aliases = reader.texts_at(item, "aliases")
    others = [StatusRule(name, stage, line, since, until, is_alias=True) for name in aliases]
    return [StatusRule(status, stage, line, since, until), *others]


def _read_stage_word(reader: YamlReader, word: str, line: int) -> Stage | None:
    if word in _WORDS:
        return Stage(word)
    reader.add(
        line, f"'{word}' is no stage" if word else "the stage is missing", near_or_all(word, _WORDS, STAGE_WORDS)
    )
    return None


def read_conditions(reader: YamlReader, data: CommentedMap, key: str) -> tuple[Condition, ...]:
    """Read a list whose items are statuses, or `{field: …, is: [options]}`."""
    found: list[Condition] = []
    for item, line in reader.items_at(data, key):
        if not isinstance(item, CommentedMap):
            status = reader.text(item, line, f"a status under '{key}'")
            found += [Condition((status,), line)] if status else []
            continue
        meant = reader.keys(item, ("field", "is", "aliases"), f"a condition under '{key}'", _CONDITION_WORDS)
        name, options = reader.text_at(item, "field"), reader.texts_at(item, "is")
        if name and options:
            found.append(Condition(options, line, FieldRef(name, line, reader.texts_at(item, "aliases"))))
        elif not meant & {"field", "is"}:
            hint = "such as `{field: Resolution, is: [Duplicate]}`"
            reader.add(line, f"a condition under '{key}' needs `field:` and `is:`", hint)
    return tuple(found)


def read_actions(
    reader: YamlReader, data: CommentedMap, kind: SourceKind, people: People
) -> tuple[ActionMapping, ...]:
    """Read `actions:`, the places that a record's actions are read from."""
    found: list[ActionMapping] = []
    if "actions" in data and not isinstance(data["actions"], CommentedSeq):
        reader.add(
            line_of(data, "actions"), "`actions` must be a list", "begin each place with a dash: `- {from: …}`"
        )
        return ()
    for item, line in reader.items_at(data, "actions"):
        if not isinstance(item, CommentedMap):
            reader.add(line, "a place of actions must hold `key: value` pairs", _PLACE)
            continue
        entry = _read_action(reader, item, line, kind, people)
        found += [entry] if entry else []
    _check_tables(reader, found)
    return tuple(found)


def _check_tables(reader: YamlReader, entries: Sequence[ActionMapping]) -> None:
    """Refuse a second entry on a child table: a row of it would be read twice, and only one meaning can count."""
    first: dict[str, int] = {}
    for entry in entries:
        if entry.table and first.setdefault(entry.table, entry.line) != entry.line:
            reader.add(
                entry.line,
                f"the table '{entry.table}' already has an action place, on line {first[entry.table]}",
                "keep one entry a table; distinguish kinds by `kind: {field: …, values: …}`",
            )


def _read_action(
    reader: YamlReader, item: CommentedMap, line: int, kind: SourceKind, people: People
) -> ActionMapping | None:
    words = tuple(origin.value for origin in ActionOrigin)
    word = reader.text_at(item, "from")
    if word not in words:
        missing = f"'{word}' is no place for actions" if word else "`from:` is missing"
        reader.add(line, missing, near_or_all(word, words, _FROM_WORDS) if word else _PLACE)
        return None
    origin = ActionOrigin(word)
    if origin is not ActionOrigin.LINK and "also_record" in item:
        reader.add(line_of(item, "also_record"), *_ONLY_LINKED[origin])
        item = _without(item, "also_record")
    if origin is ActionOrigin.FIELD and "fills" in item:
        wrong = "`fills` says what an action's ticket holds, and this action is no ticket"
        reader.add(line_of(item, "fills"), wrong, "name the fields under `record:`")
        item = _without(item, "fills")
    meant = reader.keys(item, ACTION_KEYS[origin], f"an action from {word}")
    _check_depth(reader, item, origin)
    what = _read_kind(reader, item, line, people)
    parts = {key: _own_part(reader, item, key, people) for key in _OWN_FIELDS}
    text = parts["text"]
    status: FieldRef | None = None
    if origin is ActionOrigin.FIELD:
        text = read_part(reader, _field_only(item), line, _SPECS["text"], people) if "field" in item else None
    else:
        defaults = kind.children
        text = text or _default(defaults.text, line)
        parts["owner"] = parts["owner"] or _default(defaults.owner, line)
        parts["due_at"] = parts["due_at"] or _default(defaults.due_at, line)
        place = line_of(item, "status") if "status" in item else line
        status = FieldRef(reader.text_at(item, "status") or defaults.status, place)
        _check_child(reader, item, line, origin, kind, meant)
    if text is None:
        reader.add(line, "an action from a field needs `field:`", "write `field: …`, the field that holds the action")
    if text is None or what is None:
        return None
    return ActionMapping(
        origin,
        line,
        what,
        text,
        parts["owner"],
        parts["due_at"],
        parts["done_at"],
        parts["evidence"],
        _read_inherit(reader, item),
        reader.texts_at(item, "types"),
        reader.texts_at(item, "issue_types"),
        reader.text_at(item, "table"),
        reader.text_at(item, "reference"),
        status,
        reader.texts_at(item, "started"),
        reader.texts_at(item, "done"),
        read_conditions(reader, item, "cancelled"),
        reader.flag_at(item, "also_record", default=True),
        _read_fills(reader, item, people),
        reader.flag_at(item, "check_list", default=False),
        {key: tuple(line for name, line in reader.items_at(item, key) if name != "") for key in _NAMED},
    )


_NAMED = ("types", "issue_types", "started", "done")


def _read_fills(reader: YamlReader, item: CommentedMap, people: People) -> tuple[FieldMapping, ...]:
    """Read `fills:`, the fields of the record that the action's ticket holds."""
    return tuple(read_record(reader, item, people, "fills", "effectiveness_due: Due date").values())


_TAKE_IT_OUT = "take the line out"
_ONLY_LINKED = {
    ActionOrigin.FIELD: ("`also_record` is about linked tickets, and this action is no ticket", _TAKE_IT_OUT),
    ActionOrigin.SUBTASK: (
        "`also_record` is about linked tickets; a sub-task is always an action alone",
        _TAKE_IT_OUT,
    ),
    ActionOrigin.CHILD: ("`also_record` is about linked tickets; a child is always an action alone", _TAKE_IT_OUT),
}


def _field_only(item: CommentedMap) -> CommentedMap:
    """Return the entry with only the keys that describe its text; line numbers stay."""
    return with_keys(item, [key for key in ("field", "template", "aliases", "heading") if key in item])


def _without(item: CommentedMap, name: str) -> CommentedMap:
    return with_keys(item, [key for key in item if key != name])


def _default(name: str, line: int) -> FieldSource | None:
    return FieldSource(line, FieldRef(name, line)) if name else None


def _own_part(reader: YamlReader, item: CommentedMap, key: str, people: People) -> FieldSource | None:
    if key not in item:
        return None
    return read_part(reader, item[key], line_of(item, key), _SPECS[key], people)


def _read_kind(reader: YamlReader, item: CommentedMap, line: int, people: People) -> ActionKind | FieldSource | None:
    if "kind" not in item:
        reader.add(line, "`kind:` is missing", one_of(f"`kind: {word}`" for word in _SPECS["kind"].choices))
        return None
    if isinstance(item["kind"], CommentedMap):
        return read_part(reader, item["kind"], line_of(item, "kind"), _SPECS["kind"], people)
    word = reader.text_at(item, "kind")
    if word in _SPECS["kind"].choices:
        return ActionKind(word)
    reader.add(line_of(item, "kind"), f"'{word}' is no kind of action", near_or_all(word, _SPECS["kind"].choices))
    return None


def _read_inherit(reader: YamlReader, item: CommentedMap) -> tuple[str, ...]:
    inherit = reader.texts_at(item, "inherit")
    for name in inherit:
        if name not in {"owner", "due_at"}:
            reader.add(
                line_of(item, "inherit"),
                f"'{name}' cannot be inherited",
                near_or_all(name, ("owner", "due_at"), FIELD_WORDS),
            )
    return inherit


def _check_child(
    reader: YamlReader, item: CommentedMap, line: int, origin: ActionOrigin, kind: SourceKind, meant: set[str]
) -> None:
    if origin is ActionOrigin.CHILD and not (item.get("table") and item.get("reference")):
        hint = "name the table of the actions, and its column that points at the record"
        reader.add(line, "an action from child needs `table:` and `reference:`", hint)
    if origin is not ActionOrigin.CHILD and not item.get("types") and "types" not in meant:
        meaning = "sub-task issue types" if origin is ActionOrigin.SUBTASK else "link types as read on the record"
        reader.add(line, f"an action from {origin.value} needs `types:`", f"list the {meaning}")
    if origin not in kind.children.origins:
        what = "child tables" if origin is ActionOrigin.CHILD else origin.value
        places = " or ".join(map(_written, kind.children.origins or (ActionOrigin.FIELD,)))
        reader.add(line, f"{kind.title} has no {what}", f"use {places}")
    elif not kind.children.has_categories and not item.get("done") and "done_at" not in item:
        reader.add(line, "without `done:` or `done_at:` no action would ever be done", "list the done states")


def _check_depth(reader: YamlReader, item: CommentedMap, origin: ActionOrigin) -> None:
    """Accept `depth: 1` alone: of an action's ticket, its own actions are not read."""
    depth = item.get("depth", 1)
    if origin is ActionOrigin.FIELD or (depth == 1 and not isinstance(depth, bool)):
        return
    reader.add(
        line_of(item, "depth"),
        "`depth` can only be 1: the sub-tasks and links of an action are not read",
        "widen the source's query to the tickets between: each is then a record, with actions of its own",
    )


def _written(origin: ActionOrigin) -> str:
    return f"`from: {origin.value}`" + (" with `table:` and `reference:`" if origin is ActionOrigin.CHILD else "")
