"""The vocabulary for people, and the JSON Schema of rule files for editors; both made from the table of phrases."""

from __future__ import annotations

from typing import Any

from capa_sync.model.record import ActionKind, ActionOrigin, Stage
from capa_sync.model.ticket import Presence
from capa_sync.rules.case_expects import RESULTS
from capa_sync.rules.case_reader import ACCOUNT_WORDS
from capa_sync.rules.case_rows import ACTION_KEYS, EARLIER
from capa_sync.rules.case_settings import SETTING_KEYS
from capa_sync.rules.conditions import Join
from capa_sync.rules.phrases.table import vocabulary
from capa_sync.rules.placeholders import PLACEHOLDERS
from capa_sync.rules.profiles import PROFILES, STANDARDS
from capa_sync.rules.schema import KEYS, MODES, NEEDED, SEVERITIES
from capa_sync.rules.subjects import KIND_WORDS, SUBJECTS, Kind, Subject

_TEXT = {"type": "string"}
_DAY = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2})?$"}
_ANY: dict[str, Any] = {}
_YES_NO = {"enum": ["yes", "no", True, False]}


def phrases_table() -> dict[str, Any]:
    """Return the vocabulary as JSON-able data: phrases, fields and placeholders, each with its meaning."""
    return {
        "phrases": [
            {
                "phrase": phrase.template,
                "family": phrase.family.value,
                "said_of": sorted(kind.value for kind in phrase.kinds),
                "means": phrase.says,
                "example": phrase.example,
                "order": phrase.order,
                "history": phrase.history,
            }
            for phrase in vocabulary().phrases
        ],
        "fields": [
            {
                "field": s.name,
                "kind": s.kind.value,
                "means": s.meaning,
                "words": list(s.choices),
                "derived": s.derived,
            }
            for s in SUBJECTS.values()
        ],
        "placeholders": [{"placeholder": name, "means": meaning} for name, meaning in PLACEHOLDERS],
    }


def phrases_text() -> str:
    """Return the vocabulary as text, by family."""
    lines: list[str] = []
    family = ""
    for phrase in vocabulary().phrases:
        if phrase.family.value != family:
            family = phrase.family.value
            lines += ["", family.upper()]
        said_of = ", ".join(sorted(map(type_words, phrase.kinds)))
        lines += [f"  {phrase.template}", f"      {phrase.says}", f"      of: {said_of}", f"      {phrase.example}"]
    lines += ["", "FIELDS"]
    lines += [f"  {s.name} ({type_words(s.kind)}): {s.meaning}{_words(s)}" for s in SUBJECTS.values()]
    lines += ["", "PLACEHOLDERS IN MESSAGES"]
    lines += [f"  {name}: {meaning}" for name, meaning in PLACEHOLDERS]
    return "\n".join(lines[1:])


def type_words(kind: Kind) -> str:
    """Return the type of a field for people, the same where a phrase and where a field is described."""
    return KIND_WORDS[kind].removeprefix("a ").removeprefix("the ")


def _words(subject: Subject) -> str:
    return f"; one of {', '.join(subject.choices)}" if subject.choices else ""


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a rule file, for completion and typing mistakes in editors.

    The schema is weaker than `check_rules`, which decides whether a file is valid.
    """
    guarded = {"type": "object", "minProperties": 1, "maxProperties": 1}
    properties: dict[str, Any] = {
        "rule": {"type": "string", "pattern": "^[a-z][a-z0-9]*(-[a-z0-9]+)*$", "description": "the file's name"},
        "title": {**_TEXT, "description": "a sentence that is true when all is well"},
        "clause": {
            "type": "object",
            "properties": dict.fromkeys(STANDARDS, _TEXT),
            "additionalProperties": False,
            "minProperties": 1,
        },
        "severity": {"anyOf": [{"enum": list(SEVERITIES)}, {"type": "array", "items": {"anyOf": [_TEXT, guarded]}}]},
        "mode": {"enum": list(MODES)},
        **{key: {"$ref": "#/$defs/conditions"} for key in ("applies_to", "when", "require")},
        "hides": {"type": "array", "items": {"anyOf": [_TEXT, guarded]}},
        "since": {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"},
        "if_repaired": {"anyOf": [{"type": "string", "pattern": "^(ok|historical)( when .+)?$"}, guarded]},
        "message": _wording(),
        "fix": _wording(),
        "tests": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/case"}},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "capa-sync rule",
        "type": "object",
        "properties": {key: properties[key] for key in KEYS},
        "required": list(NEEDED),
        "additionalProperties": False,
        "$defs": {"conditions": _conditions(), "condition": _condition(), **_sentences(), **_test_schemas()},
    }


def _wording() -> dict[str, Any]:
    """Return the schema of a message: one text, or several texts for different states of the record."""
    guard = {"anyOf": [_TEXT, {"$ref": "#/$defs/condition"}, {"$ref": "#/$defs/conditions"}]}
    variant = {"type": "object", "properties": {"when": guard, "say": _TEXT}, "required": ["say"]}
    return {"anyOf": [_TEXT, {"type": "array", "minItems": 1, "items": variant | {"additionalProperties": False}}]}


def _conditions() -> dict[str, Any]:
    return {"type": "array", "items": {"$ref": "#/$defs/condition"}}


def _condition() -> dict[str, Any]:
    """Return the schema of one line or block: one key, and a phrase that applies to it."""
    fields = {name: _sentence(subject) for name, subject in SUBJECTS.items()}
    blocks = {join.value: {"$ref": "#/$defs/conditions"} for join in Join}
    return {
        "type": "object",
        "properties": {**fields, **blocks},
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }


def _sentence(subject: Subject) -> dict[str, Any]:
    return {"description": subject.meaning, "$ref": f"#/$defs/phrase-of-{subject.kind.value}"}


def _sentences() -> dict[str, Any]:
    """Return the schemas of the phrases that apply to each kind of subject."""
    found: dict[str, Any] = {}
    for kind in Kind:
        phrases = [phrase for phrase in vocabulary().phrases if kind in phrase.kinds]
        found[f"phrase-of-{kind.value}"] = {
            "type": "string",
            "description": f"of {KIND_WORDS[kind]} you can say: {'; '.join(phrase.template for phrase in phrases)}",
            "anyOf": [{"pattern": phrase.pattern} for phrase in phrases],
        }
    return found


def _test_schemas() -> dict[str, Any]:
    catalogue: dict[str, Any] = {name: {} for name, subject in SUBJECTS.items() if not subject.derived}
    row = {
        "day": _DAY,
        "by": _TEXT,
        "stage": {"enum": [stage.value for stage in Stage]},
        "source_status": _TEXT,
        "comment": _TEXT,
        "action": {"$ref": "#/$defs/action"},
        "actions": {"type": "array", "items": {"$ref": "#/$defs/action"}},
        "hold": _YES_NO,
        "presence": {"enum": [presence.value for presence in Presence]},
        "attachments": _ANY,
        "joined": {"type": "object", "propertyNames": {"enum": ["stage", *catalogue]}},
        **{name: {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]} for name in EARLIER},
        **catalogue,
    }
    expect = {
        "day": _DAY,
        "result": {"enum": list(RESULTS)},
        "severity": {"enum": list(SEVERITIES)},
        "says": {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]},
        "look_again": {"anyOf": [_DAY, {"const": "never"}]},
        "hides": {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]},
    }
    case = {
        "case": _TEXT,
        "settings": _closed({**dict.fromkeys(SETTING_KEYS, _ANY), "profile": {"enum": list(PROFILES)}}),
        "accounts": {"type": "object", "additionalProperties": {"enum": list(ACCOUNT_WORDS)}},
        "unmapped": {"type": "array", "items": _TEXT},
        "unreadable": {"type": "array", "items": _TEXT},
        "history": {"const": "incomplete"},
        "timeline": {"type": "array", "minItems": 1, "items": _closed(row, "day")},
        "expect": {"type": "array", "minItems": 1, "items": _closed(expect, "day", "result")},
    }
    return {"case": _closed(case, "case", "timeline", "expect"), "action": _closed(_action(), "id")}


def _action() -> dict[str, Any]:
    flags = dict.fromkeys(("started", "done", "cancelled", "readable"), _YES_NO)
    kinds = {"enum": [kind.value for kind in ActionKind]}
    origins = {"enum": [origin.value for origin in ActionOrigin]}
    return {**dict.fromkeys(ACTION_KEYS, _ANY), "id": _TEXT, "kind": kinds, "origin": origins, **flags}


def _closed(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }
