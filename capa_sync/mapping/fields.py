"""Reads the `record:` section of a mapping file: which tracker field, constant or links fill a canonical field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq

from capa_sync.mapping.people import People
from capa_sync.mapping.reading import YamlReader, did_you_mean, line_of
from capa_sync.mapping.schema import NOTHING, FieldMapping, FieldRef, FieldSource, Options
from capa_sync.model.catalogue import FIELDS, FieldSpec, FieldType

_PART_KEYS = ("field", "values", "template", "constant", "links", "aliases", "split")
_SPLITS = ("lines", "commas")


def read_record(reader: YamlReader, data: CommentedMap, people: People) -> dict[str, FieldMapping]:
    """Read every canonical field under `record:`."""
    found: dict[str, FieldMapping] = {}
    record = reader.map_at(data, "record")
    if record is None:
        reader.add(1, "`record:` is missing: it says which field of the tracker is which canonical field")
        return found
    for key in record:
        name, line = str(key), line_of(record, key)
        if name not in FIELDS:
            reader.add(line, f"there is no canonical field '{name}'", did_you_mean(name, FIELDS))
            continue
        parts = read_parts(reader, record[key], line, FIELDS[name], people)
        if parts:
            found[name] = FieldMapping(name, line, parts)
    return found


def read_parts(reader: YamlReader, value: Any, line: int, spec: FieldSpec, people: People) -> tuple[FieldSource, ...]:
    """Read the place of one canonical field, or its places under `first_of:`."""
    if isinstance(value, CommentedMap) and "first_of" in value:
        reader.keys(value, ("first_of",), f"'{spec.name}' with `first_of`")
        items = value["first_of"]
        if not isinstance(items, CommentedSeq) or not items:
            reader.add(line, "`first_of` must be a list of places")
            return ()
        parts = [read_part(reader, item, line_of(items, index), spec, people) for index, item in enumerate(items)]
        return tuple(part for part in parts if part is not None)
    part = read_part(reader, value, line, spec, people)
    return () if part is None else (part,)


def read_part(reader: YamlReader, value: Any, line: int, spec: FieldSpec, people: People) -> FieldSource | None:
    """Read one place: a field's name, or a mapping with `field`, `constant` or `links`; None when it is invalid."""
    if not isinstance(value, CommentedMap):
        name = reader.text(value, line, f"the field for '{spec.name}'")
        return FieldSource(line, FieldRef(name, line)) if name else None
    reader.keys(value, _PART_KEYS, f"'{spec.name}'")
    ways = [way for way in ("field", "constant", "links") if way in value]
    if len(ways) != 1:
        reader.add(line, f"'{spec.name}' needs exactly one of field, constant, links or first_of")
        return None
    if ways == ["constant"]:
        return _read_constant(reader, value, line, spec, people)
    if ways == ["links"]:
        if spec.type is not FieldType.LIST:
            reader.add(line, f"'{spec.name}' cannot come from links", "only fields that list references can")
        return FieldSource(line, links=reader.texts_at(value, "links"))
    ref = FieldRef(reader.text_at(value, "field"), line_of(value, "field"), reader.texts_at(value, "aliases"))
    if not ref.name:
        return None
    return FieldSource(
        line,
        ref,
        values=_read_options(reader, value, spec),
        template=_read_template(reader, value, spec),
        split=_read_split(reader, value, spec),
    )


def _read_constant(
    reader: YamlReader, value: CommentedMap, line: int, spec: FieldSpec, people: People
) -> FieldSource | None:
    word = reader.text_at(value, "constant")
    if not word:
        return None
    check_word(reader, word, line_of(value, "constant"), spec)
    if spec.type is FieldType.PERSON and word not in people.names:
        hint = did_you_mean(word, people.names)
        reader.add(line_of(value, "constant"), f"there is no person '{word}' in the people file", hint)
    return FieldSource(line, constant=word)


def check_word(reader: YamlReader, word: str, line: int, spec: FieldSpec) -> None:
    """Report a word that this canonical field does not know."""
    known = spec.choices or (("yes", "no") if spec.type is FieldType.YESNO else ())
    if known and word not in known and not (spec.type is FieldType.YESNO and word in {"true", "false"}):
        reader.add(line, f"'{word}' is no word of '{spec.name}'", did_you_mean(word, known))


def _read_options(reader: YamlReader, data: CommentedMap, spec: FieldSpec) -> Options | None:
    values = reader.map_at(data, "values")
    if values is None:
        return None
    if spec.type in {FieldType.PERSON, FieldType.TIME}:
        reader.add(line_of(data, "values"), f"'{spec.name}' holds a {spec.type.value} and takes no `values`")
    found: list[tuple[str, str, int]] = []
    for key in values:
        line = line_of(values, key)
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
        reader.add(line_of(data, "template"), f"'{spec.name}' is no text and takes no `template`")
    return template


def _read_split(reader: YamlReader, data: CommentedMap, spec: FieldSpec) -> str:
    split = reader.text_at(data, "split")
    if split and split not in _SPLITS:
        reader.add(line_of(data, "split"), f"'{split}' is no way to cut a list", did_you_mean(split, _SPLITS))
    elif split and spec.type is not FieldType.LIST:
        reader.add(line_of(data, "split"), f"'{spec.name}' is no list and takes no `split`")
    return split


def option_words(options: Options | None) -> Mapping[str, str] | None:
    """Return option -> word, without the line numbers."""
    return None if options is None else {option: word for option, word, _ in options}
