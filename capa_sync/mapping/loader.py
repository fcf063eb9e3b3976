"""Loads a mapping file; every mistake in it becomes one message with file, line and hint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ruamel.yaml.comments import CommentedMap

from capa_sync.errors import MappingFileError
from capa_sync.kinds import SourceKind, UnknownKind, kind_named, kind_names
from capa_sync.mapping.entries import read_actions, read_stage
from capa_sync.mapping.fields import read_record
from capa_sync.mapping.people import NOBODY, People, load_people
from capa_sync.mapping.reading import YamlReader, line_of, plain, with_keys
from capa_sync.mapping.schema import ActionMapping, FieldMapping, FieldRef, MappingFile, SameAs
from capa_sync.model.catalogue import FIELDS
from capa_sync.model.language import CHECKED, LANGUAGES
from capa_sync.model.near import near_or_all, nearest, one_of

NEEDED = ("mapping", "kind", "record", "stage")
KEY_WORDS = {
    "columns": "record",
    "field": "record",
    "fields": "record",
    "ignore": "ignore_accounts",
    "name": "mapping",
    "source": "kind",
    "stages": "stage",
    "states": "stage",
    "status": "stage",
    "statuses": "stage",
    "tracker": "kind",
    "type": "kind",
    "users": "people",
    "workflow": "stage",
}
_KINDS = {
    "jira_cloud": "jira",
    "jira_dc": "jira",
    "jira_data_center": "jira",
    "jira_server": "jira",
    "snow": "servicenow",
}
TOP_KEYS = ("mapping", "kind", "record", "stage", "actions", "people", "ignore_accounts", "same_as", "language")


def load_mapping(path: Path, shown: str = "") -> MappingFile:
    """Read a mapping file and the people file that it names.

    Args:
        path: the mapping file.
        shown: how the user named it, for messages; the path itself by default.

    Raises:
        MappingFileError: with every mistake in both files.
    """
    reader = YamlReader(shown or str(path), "mapping")
    return _mapping_of(reader, reader.load(path), lambda data: _read_people(reader, data, path))


def mapping_from(text: str, shown: str, people: People) -> MappingFile:
    """Read the text of a mapping file that was stored earlier, with the people file that was stored with it.

    Raises:
        MappingFileError: with every mistake in it.
    """
    reader = YamlReader(shown, "mapping")
    return _mapping_of(reader, reader.parse(text), lambda data: people if "people" in data else NOBODY)


def _mapping_of(
    reader: YamlReader, data: CommentedMap | None, people_of: Callable[[CommentedMap], People]
) -> MappingFile:
    mapping = _read(reader, data, people_of) if data is not None else None
    if reader.problems or mapping is None:
        raise MappingFileError(sorted(reader.problems, key=lambda problem: (problem.file, problem.line)))
    return mapping


def _read(reader: YamlReader, data: CommentedMap, people_of: Callable[[CommentedMap], People]) -> MappingFile | None:
    meant = reader.keys(_without_fields(reader, data), TOP_KEYS, "a mapping", KEY_WORDS)
    name, kind = reader.text_at(data, "mapping"), reader.text_at(data, "kind")
    for key in NEEDED:
        if key not in data and key not in meant:
            reader.add(1, f"`{key}:` is missing", _how_to_write(key))
    declared = _read_kind(reader, data, kind)
    people = people_of(data)
    record = read_record(reader, data, people)
    stage = read_stage(reader, data)
    actions = read_actions(reader, data, declared, people) if declared else ()
    _check_fills(reader, record, actions)
    ignored = [
        (reader.text(item, line, "an ignored account", "write a list such as [Automation for Jira]"), line)
        for item, line in reader.items_at(data, "ignore_accounts")
    ]
    same_as = _read_same_as(reader, data)
    if stage is None:
        return None
    return MappingFile(
        name,
        kind,
        reader.file,
        record,
        stage,
        actions,
        people,
        tuple(ignored),
        same_as,
        content_hash(plain(data), people),
        line_of(data, "record") if "record" in data else 1,
        _read_language(reader, data),
        reader.content,
    )


def _check_fills(reader: YamlReader, record: Mapping[str, FieldMapping], actions: Sequence[ActionMapping]) -> None:
    """Refuse a second place of a canonical field: it would not be known which of the two counts."""
    lines = {name: field.line for name, field in record.items()}
    for entry in actions:
        for field in entry.fills:
            if field.name in lines:
                what = f"'{field.name}' is read from another place already, on line {lines[field.name]}"
                reader.add(field.line, what, "keep one of the two")
            lines.setdefault(field.name, field.line)


def _read_language(reader: YamlReader, data: CommentedMap) -> str:
    """Return the language of the texts; that of the text checks by default."""
    word = reader.text_at(data, "language") if "language" in data else CHECKED
    if word and word not in LANGUAGES:
        names = {name.casefold(): code for code, name in LANGUAGES.items()}
        reader.add(line_of(data, "language"), f"'{word}' is no language here", near_or_all(word, LANGUAGES, names))
    return word


def _how_to_write(needed: str) -> str:
    """Return how to write a key that a mapping needs."""
    return {
        "mapping": "write `mapping: NAME`; the name is yours to choose",
        "kind": one_of(f"`kind: {kind}`" for kind in kind_names()),
        "record": "write `record:` and below it lines such as `title: Summary`: our field, then yours",
        "stage": "write `stage:`, below it `values:`, and below that lines such as `Open: identified`",
    }[needed]


def _read_kind(reader: YamlReader, data: CommentedMap, kind: str) -> SourceKind | None:
    """Return the kind that is named, or nearly named, so that the rest of the file can be checked too."""
    try:
        return kind_named(kind)
    except UnknownKind:
        near = nearest(kind, kind_names(), _KINDS) if kind else ""
        if kind:
            hint = near_or_all(kind, kind_names(), _KINDS)
            reader.add(line_of(data, "kind"), f"'{kind}' is no kind of tracker", hint)
        return kind_named(near) if near else None


def _without_fields(reader: YamlReader, data: CommentedMap) -> CommentedMap:
    """Return the file without fields of a record that stand beside `record:`; report these."""
    stray = [key for key in data if key in FIELDS and key not in TOP_KEYS]
    for key in stray:
        reader.add(
            line_of(data, key), f"'{key}' is a field of a record", "indent the line, and put it below `record:`"
        )
    return with_keys(data, [key for key in data if key not in stray])


def content_hash(data: object, people: People) -> str:
    """Return the SHA-256 hex digest of the content of a mapping and its people file."""
    text = json.dumps([data, people.content], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _read_people(reader: YamlReader, data: CommentedMap, path: Path) -> People:
    name = reader.text_at(data, "people", "put them into a file beside this one, and write `people: people.yaml`")
    if not name:
        return NOBODY
    people_path = _inside(path.parent, name)
    if people_path is None:
        hint = "name a file in the mapping's own folder"
        reader.add(line_of(data, "people"), f"the people file '{name[:80]}' is no file in the mapping's folder", hint)
        return NOBODY
    if not people_path.exists():
        beside = {file.stem: file.name for file in path.parent.glob("*.y*ml") if file != path}
        near = nearest(Path(name[:80]).stem, beside)
        hint = f"did you mean '{beside[near]}'?" if near else f"looked in {path.parent}"
        reader.add(line_of(data, "people"), f"there is no people file '{name[:80]}'", hint)
        return NOBODY
    try:
        return load_people(people_path, str(Path(reader.file).parent / name))
    except MappingFileError as error:
        reader.problems += error.problems
        return NOBODY


def _inside(folder: Path, name: str) -> Path | None:
    """Return the path of a name in a folder; None where the name, or its symbolic link, leads outside."""
    try:
        path = (folder / name).resolve()
        path.exists()  # raises for a name that is too long
        return path if path.is_relative_to(folder.resolve()) else None
    except (OSError, ValueError, RuntimeError):  # a loop of links, or an invalid file name
        return None


def _read_same_as(reader: YamlReader, data: CommentedMap) -> SameAs | None:
    entry = reader.map_at(data, "same_as", "field: …` and `source: …")
    if entry is None:
        return None
    meant = reader.keys(entry, ("field", "source", "aliases"), "`same_as`")
    name, source = reader.text_at(entry, "field"), reader.text_at(entry, "source")
    if not name or not source:
        if not meant & {"field", "source"}:
            hint = "such as `same_as: {field: ServiceNow number, source: servicenow}`"
            reader.add(line_of(data, "same_as"), "`same_as` needs `field:` and `source:`", hint)
        return None
    return SameAs(FieldRef(name, line_of(entry, "field"), reader.texts_at(entry, "aliases")), source)
