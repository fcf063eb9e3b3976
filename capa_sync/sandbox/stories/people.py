"""The people of the stories and their accounts in each tracker; `mappings/people.yaml` lists the same accounts."""

from __future__ import annotations

from capa_sync.model.light import light


@light
class StoryPerson:
    """One person.

    Attributes:
        id: the canonical id, which is also the user name in ServiceNow.
        name: the display name.
        cloud: the account id in Jira Cloud.
        datacenter: the user name in Jira Data Center.
        key: the user key in Jira Data Center.
        has_left: the person is no longer active in any tracker.
    """

    id: str
    name: str
    cloud: str
    datacenter: str
    key: str
    has_left: bool = False


def _person(number: int, id_: str, name: str, datacenter: str, *, has_left: bool = False) -> StoryPerson:
    return StoryPerson(
        id_, name, f"5b10ac8d82e05b22cc7d4e{number:02d}", datacenter, f"JIRAUSER{10_099 + number}", has_left
    )


PEOPLE: dict[str, StoryPerson] = {
    person.id: person
    for person in (
        _person(1, "anna.lee", "Anna Lee", "alee"),
        _person(2, "mara.roy", "Mara Roy", "mroy"),
        _person(3, "ben.okafor", "Ben Okafor", "bokafor", has_left=True),
        _person(4, "priya.nair", "Priya Nair", "pnair"),
        _person(5, "tomasz.zielinski", "Tomasz Zielinski", "tzielinski"),
        _person(6, "chloe.martin", "Chloe Martin", "cmartin"),
        _person(7, "samuel.adeyemi", "Samuel Adeyemi", "sadeyemi"),
        _person(8, "ingrid.holm", "Ingrid Holm", "iholm"),
    )
}
LEAD = "mara.roy"
AUDITOR = "ingrid.holm"
LEAVER = "ben.okafor"
