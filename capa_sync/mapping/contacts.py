"""How the digest reaches a person: the e-mail address, and who the line manager is, as the people file says."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ruamel.yaml.comments import CommentedMap

from capa_sync.mapping.reading import YamlReader, line_of
from capa_sync.mapping.texts import fold
from capa_sync.model.light import light
from capa_sync.model.near import did_you_mean

CONTACT_KEYS = ("email", "manager")
"""Keys of a person that decide no verdict: tickets are not evaluated again when they change."""
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_LONGEST = 254
_AS_HERE = "write one address, as in ana.lee@example.com"


@light
class Contact:
    """How to reach a person.

    Attributes:
        email: one address of RFC 5321's plain form, safe in a header; "" for none.
        manager: the id of the line manager; "" for none.
    """

    email: str = ""
    manager: str = ""


def read_contact(reader: YamlReader, entry: CommentedMap, person: str) -> Contact:
    """Read the contact of one person, and report an address that is none."""
    email = reader.text_at(entry, "email", _AS_HERE)
    if email and (len(email) > _LONGEST or not _ADDRESS.fullmatch(email)):
        reader.add(line_of(entry, "email"), f"the email of '{person}' is no address", _AS_HERE)
        email = ""
    return Contact(email, reader.text_at(entry, "manager"))


def check_managers(
    reader: YamlReader, persons: CommentedMap, contacts: Mapping[str, Contact], names: Mapping[str, str]
) -> None:
    """Report a manager who is none of the file's persons (`names`: id -> display name), or the person itself."""
    ids = {fold(name).replace(" ", "_"): person for person, name in names.items()}
    for person, contact in contacts.items():
        if not contact.manager or (contact.manager in names and contact.manager != person):
            continue
        line = line_of(persons[person], "manager")
        if contact.manager == person:
            reader.add(line, f"'{person}' is named as the own manager", "name another person, or leave the line out")
            continue
        hint = did_you_mean(contact.manager, names, ids) or "add the person below `people:`"
        reader.add(line, f"there is no person '{contact.manager}'", hint)


def without_contacts(data: object) -> object:
    """Return the file's data without the keys that decide no verdict."""
    if not isinstance(data, dict) or not isinstance(persons := data.get("people"), dict):
        return data
    plain = {
        person: {key: value for key, value in entry.items() if key not in CONTACT_KEYS}
        if isinstance(entry, dict)
        else entry
        for person, entry in persons.items()
    }
    return {**data, "people": plain}
