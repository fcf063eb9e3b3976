"""Reads the `record:` section of a mapping file: which tracker field, constant or links fill a canonical field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq

from capa_sync.mapping.people import People
from capa_sync.mapping.reading import NO_TEMPLATE, YamlReader, line_of
from capa_sync.mapping.schema import NOTHING, FieldMapping, FieldRef, FieldSource, Options
from capa_sync.model.catalogue import FIELDS, FieldSpec, FieldType
from capa_sync.model.near import FIELD_WORDS, did_you_mean, near_or_all

_PART_KEYS = ("field", "values", "template", "constant", "links", "aliases", "split", "heading")
_PART_WORDS = {
    "column": "field",
    "default": "constant",
    "fixed": "constant",
    "map": "values",
    "name": "field",
    "options": "values",
    "section": "heading",
    "under": "heading",
}
_SPLIT_WORDS = {"comma": "commas", "semicolon": "commas", "newline": "lines", "line": "lines", "rows": "lines"}
_SPLITS = ("lines", "commas")


def read_record(
    reader: YamlReader, data: CommentedMap, people: People, under: str = "record", example: str = "title: Summary"
) -> dict[str, FieldMapping]:
    """Read every canonical field under `record:`, or under `fills:` of an action."""
    found: dict[str, FieldMapping] = {}
    record = reader.map_at(data, under, example)
    if record is None:
        return found
    for key in record:
        name, line = str(key), line_of(record, key)
        if name not in FIELDS:
            reader.add(line, f"there is no canonical field '{name}'", _field_hint(name, record[key]))
            continue
        parts = read_parts(reader, record[key], line, FIELDS[name], people)
        if parts:
            found[name] = FieldMapping(name, line, parts)
    return found


def read_parts(reader: YamlReader, value: Any, line: int, spec: FieldSpec, people: People) -> tuple[FieldSource, ...]:
    """Read the place of one canonical field, or its places under `first_of:`."""
    if isinstance(value, CommentedMap) and "first_of" in value:
        hint = "put each place into the list of `first_of`"
        reader.keys(value, ("first_of",), f"'{spec.name}' with `first_of`", hint=hint)
        items = value["first_of"]
        if not isinstance(items, CommentedSeq) or not items:
            reader.add(line, "`first_of` must be a list of places", "such as `first_of: [Site, Location]`")
            return ()
        parts = [read_part(reader, item, line_of(items, index), spec, people) for index, item in enumerate(items)]
        return tuple(part for part in parts if part is not None)
    part = read_part(reader, value, line, spec, people)
    return () if part is None else (part,)


def read_part(reader: YamlReader, value: Any, line: int, spec: FieldSpec, people: People) -> FieldSource | None:
    """Read one place: a field's name, or a mapping with `field`, `constant` or `links`; None when it is invalid."""
    if not isinstance(value, CommentedMap):
        listed = ", ".join(map(str, value)) if isinstance(value, list) else ""
        hint = f"for the first that is filled write `{{first_of: [{listed}]}}`"
        name = _name(reader, value, line, f"the field for '{spec.name}'", hint)
        return FieldSource(line, FieldRef(name, line)) if name else None
    constants = [key for key in value if key in spec.choices and value[key] is None]
    if constants:
        reader.add(line, f"'{constants[0]}' is a word of '{spec.name}'", f"write `{{constant: {constants[0]}}}`")
        return None
    meant = reader.keys(value, _PART_KEYS, f"'{spec.name}'", _PART_WORDS)
    ways = [way for way in ("field", "constant", "links") if way in value]
    if len(ways) != 1:
        if not meant & {"field", "constant", "links"}:
            what = f"'{spec.name}' needs exactly one of field, constant, links or first_of"
            reader.add(line, what, f"leave out all of {', '.join(ways)} but one" if ways else "write `field: …`")
        return None
    if ways == ["constant"]:
        return _read_constant(reader, value, line, spec, people)
    if ways == ["links"]:
        if spec.type is not FieldType.LIST:
            reader.add(
                line, f"'{spec.name}' cannot come from links", "only fields that list references can; name a field"
            )
        return FieldSource(line, links=reader.texts_at(value, "links"))
    ref = FieldRef(
        _name(reader, value["field"], line_of(value, "field"), "'field'"),
        line_of(value, "field"),
        reader.texts_at(value, "aliases"),
    )
    if not ref.name:
        return None
    return FieldSource(
        line,
        ref,
        values=_read_options(reader, value, spec),
        template=_read_template(reader, value, spec),
        split=_read_split(reader, value, spec),
        heading=_read_heading(reader, value, spec),
    )


def _field_hint(name: str, value: Any) -> str:
    if isinstance(value, str) and value in FIELDS:
        return f"our word stands on the left: write `{value}: {name}`"
    return near_or_all(name, FIELDS, FIELD_WORDS, "`capa-sync rules phrases` lists the fields")


def _name(reader: YamlReader, value: Any, line: int, what: str, instead: str = "") -> str:
    """Return the name of a field of the tracker; a template of another tool is none."""
    name = reader.text(value, line, what, instead)
    if "{{" in name or "${" in name:
        reader.add(line, f"{what} is no name", NO_TEMPLATE)
        return ""
    return name


def _read_constant(
    reader: YamlReader, value: CommentedMap, line: int, spec: FieldSpec, people: People
) -> FieldSource | None:
    word = reader.text_at(value, "constant")
    if not word:
        return None
    check_word(reader, word, line_of(value, "constant"), spec)
    if spec.type is FieldType.PERSON and word not in people.names:
        hint = did_you_mean(word, people.names) or "add the person to the people file"
        reader.add(line_of(value, "constant"), f"there is no person '{word}' in the people file", hint)
    return FieldSource(line, constant=word)


def check_word(reader: YamlReader, word: str, line: int, spec: FieldSpec) -> None:
    """Report a word that this canonical field does not know."""
    known = spec.choices or (("yes", "no") if spec.type is FieldType.YESNO else ())
    if known and word not in known and not (spec.type is FieldType.YESNO and word in {"true", "false"}):
        reader.add(line, f"'{word}' is no word of '{spec.name}'", near_or_all(word, known))


def _read_options(reader: YamlReader, data: CommentedMap, spec: FieldSpec) -> Options | None:
    values = reader.map_at(data, "values", f"Yours: {next(iter(spec.choices), 'ours')}")
    if values is None:
        return None
    if spec.type in {FieldType.PERSON, FieldType.TIME}:
        reader.add(
            line_of(data, "values"), f"'{spec.name}' holds a {spec.type.value} and takes no `values`", "leave it out"
        )
        return None
    reader.alike(values, "option")
    found: list[tuple[str, str, int]] = []
    for key in values:
        line = line_of(values, key)
        if str(key) in spec.choices and isinstance(values[key], str) and values[key] not in spec.choices:
            what = "your option stands on the left and our word on the right"
            reader.add(line, what, f"write `{values[key]}: {key}`")
            continue
        option = reader.text(key, line, "an option")
        word = NOTHING if values[key] is None else reader.text(values[key], line, f"our word for '{option}'")
        if word and word != NOTHING:
            check_word(reader, word, line, spec)
        if option and word:
            found.append((option, word, line))
    return tuple(found)


def _read_template(reader: YamlReader, data: CommentedMap, spec: FieldSpec) -> tuple[str, ...]:
    template = reader.texts_at(data, "template")
    if template and spec.type not in {FieldType.TEXT, FieldType.LIST}:
        reader.add(line_of(data, "template"), f"'{spec.name}' is no text and takes no `template`", "leave it out")
    return template


def _read_heading(reader: YamlReader, data: CommentedMap, spec: FieldSpec) -> tuple[str, ...]:
    heading = reader.texts_at(data, "heading")
    if heading and spec.type not in {FieldType.TEXT, FieldType.LIST}:
        what = f"'{spec.name}' is no text and takes no `heading`"
        reader.add(line_of(data, "heading"), what, "name a field of its own for it")
    return heading


def _read_split(reader: YamlReader, data: CommentedMap, spec: FieldSpec) -> str:
    split = reader.text_at(data, "split")
    if split and split not in _SPLITS:
        reader.add(
            line_of(data, "split"), f"'{split}' is no way to cut a list", near_or_all(split, _SPLITS, _SPLIT_WORDS)
        )
    elif split and spec.type is not FieldType.LIST:
        reader.add(line_of(data, "split"), f"'{spec.name}' is no list and takes no `split`", "leave it out")
    return split


def option_words(options: Options | None) -> Mapping[str, str] | None:
    """Return option -> word, without the line numbers."""
    return None if options is None else {option: word for option, word, _ in options}
