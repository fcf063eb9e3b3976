"""The people file: persons with their accounts in every source, groups, and who may waive."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path

from ruamel.yaml.comments import CommentedMap

from capa_sync.errors import MappingFileError
from capa_sync.mapping.contacts import CONTACT_KEYS, Contact, check_managers, read_contact, without_contacts
from capa_sync.mapping.reading import YamlReader, line_of, plain, with_keys
from capa_sync.mapping.texts import fold
from capa_sync.model.light import light
from capa_sync.model.near import did_you_mean, near_or_all


@light
class People:
    """The people file: persons with their accounts in every source, groups, and the waiver group.

    Attributes:
        names: person id -> display name. accounts: (source, account id) -> person id.
        gone: persons marked `active: no`. groups: group -> person ids. waiver_group: group that may waive, or "".
        content: the file's data that decides verdicts, for the mapping's hash.
        contacts: person id -> how the digest reaches the person.
        sources: names of the sources that have accounts here -> file and line of the first mention.
        file, text: the file as the user named it, and its whole text; "" without one.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    accounts: Mapping[tuple[str, str], str] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    waiver_group: str = ""
    content: object = None
    sources: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    file: str = ""
    text: str = ""
    contacts: Mapping[str, Contact] = field(default_factory=dict)


NOBODY = People()
_KEYS = ("people", "groups", "waiver_group")
_KEY_WORDS = {"members": "people", "persons": "people", "team": "people", "teams": "groups", "users": "people"}
_PERSON_WORDS = {
    "account": "accounts",
    "display_name": "name",
    "e-mail": "email",
    "fullname": "name",
    "logins": "accounts",
    "mail": "email",
    "boss": "manager",
    "users": "accounts",
}
_ACTIVE = {"yes": True, "true": True, "no": False, "false": False}


def load_people(path: Path, shown: str = "") -> People:
    """Read a people file. Raises MappingFileError with every mistake in it."""
    reader = YamlReader(shown or str(path), "people", quotes=False)
    return _people_of(reader, reader.load(path))


def people_from(text: str, shown: str) -> People:
    """Read the text of a people file that was stored earlier. Raises MappingFileError with every mistake in it."""
    reader = YamlReader(shown, "people", quotes=False)
    return _people_of(reader, reader.parse(text))


def _people_of(reader: YamlReader, data: CommentedMap | None) -> People:
    if data is not None and any(str(key) not in _KEYS for key in data):
        # the user may have named any file here, also one with secrets: no message quotes it
        key = next(key for key in data if str(key) not in _KEYS)
        reader.add(line_of(data, key), "a people file has no such key", near_or_all(str(key)[:80], _KEYS, _KEY_WORDS))
        data = None
    people = _read_people(reader, data) if data is not None else NOBODY
    if reader.problems:
        raise MappingFileError(reader.problems)
    return people


def _read_people(reader: YamlReader, data: CommentedMap) -> People:
    names: dict[str, str] = {}
    accounts: dict[tuple[str, str], str] = {}
    gone: set[str] = set()
    contacts: dict[str, Contact] = {}
    places: dict[str, tuple[str, int]] = {}
    found = reader.map_at(data, "people", "ana: {accounts: {jira: …}}")
    persons = CommentedMap() if found is None else found
    if "people" not in data:
        reader.add(1, "`people:` is missing", "write `people:` and below it `ana: {accounts: {jira: …}}`")
    for key in persons:
        person = str(key)
        names[person] = person
        entry = reader.map_at(persons, key, "accounts: {jira: …}")
        if entry is None:
            if persons[key] is None:
                reader.add(line_of(persons, key), f"'{person}' holds nothing", "write `accounts: {jira: …}` below it")
            continue
        opposite = [
            word for word in ("inactive", "left") if word in entry
        ]  # `active` alone would turn its sense round
        for word in opposite:
            reader.add(line_of(entry, word), f"person '{person}' has no key '{word}'", "write `active: no`")
        known = with_keys(entry, [word for word in entry if word not in opposite])
        reader.keys(known, ("name", "accounts", "active", *CONTACT_KEYS), f"person '{person}'", _PERSON_WORDS)
        names[person] = reader.text_at(entry, "name") or person
        contacts[person] = read_contact(reader, entry, person)
        if not _read_active(reader, entry):
            gone.add(person)
        _read_accounts(reader, entry, person, accounts, places)
    reader.alike(persons, "person")
    check_managers(reader, persons, contacts, names)
    groups = _read_groups(reader, data, names, are_known=found is not None or "people" not in data)
    waiver_group = reader.text_at(data, "waiver_group", "name one group, and put everybody into it")
    if waiver_group and waiver_group not in groups and isinstance(data.get("groups"), (CommentedMap, type(None))):
        hint = near_or_all(waiver_group, groups) or "write `groups:` and below it the group with its members"
        reader.add(line_of(data, "waiver_group"), f"there is no group '{waiver_group}'", hint)
    return People(
        names,
        accounts,
        frozenset(gone),
        groups,
        waiver_group,
        without_contacts(plain(data)),
        places,
        file=reader.file,
        text=reader.content,
        contacts=contacts,
    )


def _read_active(reader: YamlReader, entry: CommentedMap) -> bool:
    if "active" not in entry:
        return True
    word = reader.text_at(entry, "active")
    if word and word not in _ACTIVE:
        hint = "write `active: no` for somebody who has left"
        reader.add(line_of(entry, "active"), f"'active' is yes or no, not '{word}'", hint)
    return _ACTIVE.get(word, True)


def _read_accounts(
    reader: YamlReader,
    entry: CommentedMap,
    person: str,
    accounts: dict[tuple[str, str], str],
    places: dict[str, tuple[str, int]],
) -> None:
    sources = reader.map_at(entry, "accounts", "jira: …") or CommentedMap()
    for source in sources:
        line = line_of(sources, source)
        places.setdefault(str(source), (reader.file, line))
        if sources[source] is None:
            reader.add(
                line, f"'{person}' has no account in {source}", "write it after the colon, or leave the line out"
            )
        for account in reader.texts_at(sources, source):
            if "@" in account and not _E_MAIL.fullmatch(account):
                hint = "write it without spaces and with one @, or write the id of the account"
                reader.add(line, f"account '{account}' is no e-mail address", hint)
            owner = accounts.setdefault((str(source), account), person)
            if owner != person:
                what = f"account '{account}' of {source} belongs to '{owner}' already"
                reader.add(line, what, "one account is one person: delete it from one of the two")


_E_MAIL = re.compile(r"[^\s@]+@[^\s@]+")


def _read_groups(
    reader: YamlReader, data: CommentedMap, names: Mapping[str, str], *, are_known: bool
) -> dict[str, tuple[str, ...]]:
    """Read the groups; `names`: person -> display name. `are_known`: the persons could be read."""
    groups: dict[str, tuple[str, ...]] = {}
    entries = reader.map_at(data, "groups", "leads: [ana, bo]") or CommentedMap()
    for group in entries:
        line = line_of(entries, group)
        members = groups[str(group)] = reader.texts_at(entries, group)
        for member in members if are_known else ():
            if member not in names:
                reader.add(line, f"there is no person '{member}'", _member_hint(member, members, names, entries))
    reader.alike(entries, "group")
    return groups


def _member_hint(member: str, members: Sequence[str], names: Mapping[str, str], groups: CommentedMap) -> str:
    if member in groups:
        return "a group holds persons, not groups: write its members"
    if "," in member and len(members) == 1:
        return f"write [{member}]"
    ids = {fold(name).replace(" ", "_"): person for person, name in names.items()}
    return did_you_mean(member, names, ids) or "add the person below `people:`"
