"""The Jira source loses nothing and repeats nothing, on both faces, over real HTTP."""

from __future__ import annotations

from datetime import timedelta

import pytest

from capa_sync.model.site import Account
from capa_sync.model.ticket import Cursor, Role
from capa_sync.sandbox.messages import Request
from tests.absent_data import SPECS, needs
from tests.contract.jira_openapi import check
from tests.contract.jira_source_harness import harness, populate, shapes

FACES = ("cloud", "datacenter")
both_faces = pytest.mark.parametrize("face", FACES)


def person(face: str, name: str = "ann") -> str:
    """The account id of a person of the small site."""
    return f"acc-{name}" if face == "cloud" else name


@both_faces
def test_a_backfill_mirrors_every_ticket_change_and_comment(face: str) -> None:
    """Fifty tickets on pages of seven are mirrored completely, and the last page says that it is the last.

    Cloud's search pages are committed together, up to the tickets of one bulk request for their histories.
    """
    with harness(face, page_size=7, batch=20) as it:
        populate(it.tracker, 50)
        pages = it.cycle()
        assert shapes(it.mirror) == it.truth()
        assert [page.complete for page in pages] == [False] * (len(pages) - 1) + [True]
        assert max(len(page.readings) for page in pages) == (21 if face == "cloud" else 7)
        assert pages[0].total == 50


@both_faces
def test_a_poll_when_nothing_changed_is_one_request(face: str) -> None:
    """Nothing is read twice, the cursor is the same, and one request was sent."""
    with harness(face) as it:
        populate(it.tracker, 30)
        it.cycle()
        before = it.mirror.cursor
        for _ in range(3):
            exchanges = it.exchanges(it.cycle)
            assert len(exchanges) == 1
            assert it.mirror.pages[-1].readings == ()
            assert it.mirror.cursor == before


@both_faces
def test_a_poll_reads_only_what_changed(face: str) -> None:
    """Of tickets inside the overlap only the edited one is read again, with its new history."""
    with harness(face) as it:
        keys = populate(it.tracker, 20, every_s=1)
        it.cycle()
        it.tracker.as_user(person(face)).edit(keys[3], {"summary": "Reworded"})
        pages = it.cycle()
        assert [reading.ticket.key for page in pages for reading in page.readings] == [keys[3]]
        assert shapes(it.mirror) == it.truth()


@both_faces
@pytest.mark.parametrize(
    ("batch", "killed_after"), [*((6, page) for page in range(1, 8)), *((12, page) for page in range(1, 4))]
)
def test_a_killed_backfill_goes_on_where_it_was(face: str, batch: int, killed_after: int) -> None:
    """Whatever page was committed last, a new process continues from there and nothing is missing."""
    with harness(face, page_size=6, batch=batch) as it:
        populate(it.tracker, 45)
        it.cycle(pages=killed_after)
        done = len(it.mirror.readings)
        assert 0 < done < 45, "it was killed before its end"
        it.restart()
        rest = it.cycle()
        assert shapes(it.mirror) == it.truth()
        assert sum(len(page.readings) for page in rest) <= 45 - done + 6


@both_faces
@pytest.mark.parametrize("killed_after", [1, 3])
def test_a_lost_page_token_or_place_costs_no_ticket(face: str, killed_after: int) -> None:
    """A token that has expired, or rows that left before the position, restart the search further on."""
    with harness(face, page_size=6, batch=6, settings={"token_ttl_s": 60.0}) as it:
        keys = populate(it.tracker, 45)
        it.cycle(pages=killed_after)
        it.tracker.clock.advance(timedelta(days=8))
        it.tracker.as_user(person(face)).delete(keys[1])
        it.restart()
        it.cycle()
        assert set(it.truth()) <= it.mirror.keys <= set(it.truth()) | {keys[1]}


@both_faces
def test_tickets_edited_while_pages_are_read_are_not_lost(face: str) -> None:
    """Each page is followed by an edit before and after the reader's position; the next poll completes the mirror."""
    with harness(face, page_size=5, batch=10) as it:
        keys = populate(it.tracker, 40, every_s=20)
        ann = it.tracker.as_user(person(face))
        searches = 0

        def meddle(request: Request) -> None:
            nonlocal searches
            if "search" in request.path and "created ASC" in request.body.decode():
                searches += 1
                it.tracker.clock.advance(timedelta(seconds=30))
                ann.edit(keys[searches % 7], {"summary": f"Behind {searches}"})
                ann.comment(keys[-1 - searches % 7], f"Ahead {searches}")
                ann.create("CAPA", "Nonconformity", {"summary": f"Born {searches}"})

        it.server.before.append(meddle)
        it.cycle()
        it.server.before.clear()
        assert searches > 5
        it.cycle()
        assert shapes(it.mirror) == it.truth()


@both_faces
def test_deletions_and_moves_while_pages_are_read_hide_no_other_ticket(face: str) -> None:
    """Tickets that leave the query make the reader skip no other ticket."""
    with harness(face, page_size=5, batch=5) as it:
        keys = populate(it.tracker, 40)
        ann = it.tracker.as_user(person(face))
        left: list[str] = []

        def remove(request: Request) -> None:
            if "search" in request.path and "created ASC" in request.body.decode() and len(left) < 8:
                key = keys[len(left)]
                left.append(key)
                if len(left) % 2:
                    ann.delete(key)
                else:
                    ann.move(key, "OPS")

        it.server.before.append(remove)
        it.cycle()
        assert len(left) == 8
        assert {key for key in it.truth() if key.startswith("CAPA")} <= it.mirror.keys


@both_faces
def test_a_flood_of_changes_in_one_second_is_read_page_by_page(face: str) -> None:
    """Sixty tickets edited at one instant come on pages of ten, also when the process dies between two of them."""
    with harness(face, page_size=10, batch=20) as it:
        keys = populate(it.tracker, 60, every_s=1)
        it.cycle()
        it.tracker.clock.advance(timedelta(hours=1))
        for key in keys:
            it.tracker.as_user(person(face)).edit(key, {"summary": f"All at once {key}"})
        it.cycle(pages=2)
        it.restart()
        it.cycle()
        assert shapes(it.mirror) == it.truth()
        it.tracker.clock.advance(timedelta(hours=1))
        it.tracker.as_user(person(face)).edit(keys[0], {"summary": "Later"})
        it.cycle()
        assert shapes(it.mirror) == it.truth()


@both_faces
def test_more_tickets_born_in_one_instant_than_a_page_holds(face: str) -> None:
    """An import writes one creation instant on 35 tickets; pages of ten lose none, killed or not."""
    with harness(face, page_size=10, batch=10) as it:
        populate(it.tracker, 35, every_s=0)
        it.cycle(pages=2)
        it.restart()
        it.cycle()
        assert shapes(it.mirror) == it.truth()


@both_faces
@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/St_Johns", "Asia/Kathmandu", "UTC"])
@pytest.mark.parametrize("epoch", [True, False])
def test_the_api_users_time_zone_changes_nothing(face: str, zone: str, epoch: bool) -> None:
    """The mirror is the same in any time zone of the profile, also where dates must be sent as quoted minutes."""
    with harness(face, page_size=7, settings={"epoch_literals": epoch}) as it:
        keys = populate(it.tracker, 20)
        it.tracker.admin.set_user("capa-sync", {"timeZone": zone})
        it.cycle()
        assert shapes(it.mirror) == it.truth()
        it.tracker.clock.advance(timedelta(minutes=40))
        it.tracker.as_user(person(face)).edit(keys[2], {"Seen at": "2026-03-01T08:00:00.000+0000"})
        it.cycle()
        seen = it.mirror.ticket(keys[2])
        assert shapes(it.mirror) == it.truth()
        assert seen.values["customfield_10006"].text == "2026-03-01T08:00:00Z"
        assert seen.values["customfield_10006"] == seen.changes[-1].new
        assert seen.updated_at == it.tracker.now()


@both_faces
@pytest.mark.parametrize("skew", [-600.0, 600.0])
def test_a_wrong_clock_of_the_tracker_loses_nothing(face: str, skew: float) -> None:
    """Ten minutes ahead or behind, edits after the backfill are found."""
    with harness(face, settings={"clock_skew_s": skew}) as it:
        keys = populate(it.tracker, 10)
        it.cycle()
        for key in keys[:4]:
            it.tracker.clock.advance(timedelta(seconds=40))
            it.tracker.as_user(person(face)).edit(key, {"summary": f"New {key}"})
            it.cycle()
            assert shapes(it.mirror) == it.truth()


@both_faces
@pytest.mark.parametrize("stale", ["", "stale_fields", "stale_stamps"])
def test_a_search_index_that_lags_ninety_seconds_loses_nothing(face: str, stale: str) -> None:
    """An edit that the index shows late is found by a later poll although newer edits were read before."""
    settings = {"index_lag_s": 90.0, "stale_fields": bool(stale), "stale_stamps": stale == "stale_stamps"}
    with harness(face, page_size=8, settings=settings) as it:
        keys = populate(it.tracker, 20, every_s=30)
        it.tracker.clock.advance(timedelta(seconds=91))
        it.cycle()
        ann = it.tracker.as_user(person(face))
        for number, key in enumerate(keys):
            ann.edit(key, {"summary": f"Edited {number}"})
            it.tracker.clock.advance(timedelta(seconds=17))
            it.cycle()
        it.tracker.clock.advance(timedelta(seconds=91))
        it.cycle()
        assert shapes(it.mirror) == it.truth()


@both_faces
def test_an_index_that_compares_to_the_minute_loses_nothing(face: str) -> None:
    """Where JQL rounds instants down, the overlap compensates for it."""
    with harness(face, page_size=5, batch=5, settings={"index_granularity_ms": 60_000}) as it:
        keys = populate(it.tracker, 30, every_s=13)
        it.cycle()
        assert shapes(it.mirror) == it.truth()
        it.tracker.as_user(person(face)).edit(keys[0], {"summary": "New"})
        it.cycle()
        assert shapes(it.mirror) == it.truth()


def test_histories_of_250_entries_come_whole_whatever_is_embedded() -> None:
    """Entries of one instant keep their true order; none of the oldest is cut."""
    for cap in (20, 40, 100):
        with harness("cloud", settings={"inline_changelog_cap": cap, "changelog_page_cap": 70}) as it:
            key = populate(it.tracker, 1)[0]
            ann = it.tracker.as_user("acc-ann")
            for number in range(249):
                ann.edit(key, {"summary": f"Wording {number}"})
            it.cycle()
            ticket = it.mirror.ticket(key)
            words = [change.new.text for change in ticket.changes if change.field_id == "summary"]
            assert words == [f"Wording {number}" for number in range(249)]
            assert [change.order for change in ticket.changes] == list(range(250))
            assert ticket.history_complete


@pytest.mark.parametrize("form", ["iso", "s", "ms"])
def test_the_bulk_changelog_may_write_instants_in_any_form(form: str) -> None:
    """ISO text, epoch seconds and milliseconds give the same history."""
    with harness("cloud", settings={"bulk_created_form": form}) as it:
        key = populate(it.tracker, 1)[0]
        it.cycle()
        at = it.mirror.ticket(key).changes[0].at
        assert at.replace(microsecond=0) == it.tracker.now().replace(microsecond=0)


@pytest.mark.parametrize("order", ["oldest", "newest"])
def test_data_center_history_is_put_in_order_and_its_names_into_ids(order: str) -> None:
    """Names become field ids; a name that two fields share, or that no field has any more, stays a name."""
    with harness("datacenter", settings={"dc_history_order": order}) as it:
        it.tracker.load(
            [{"kind": "field", "id": "customfield_10090", "name": "Reference", "schema": {"type": "string"}}]
        )
        key = populate(it.tracker, 1)[0]
        ann = it.tracker.as_user("ann")
        ann.edit(key, {"Root cause": "Nobody owned it"})
        ann.edit(key, {"customfield_10007": "INC-1"})
        ann.edit(key, {"Severity": "Major", "assignee": "ben"})
        it.tracker.admin.rename_field("Severity", "Grade")
        it.cycle()
        changes = it.mirror.ticket(key).changes
        assert [change.field_id for change in changes] == [
            "status",
            "customfield_10001",
            "name:Reference",
            "name:Severity",
            "assignee",
        ]
        assert changes[3].order == changes[4].order
        assert changes[-1].new.ids == it.mirror.ticket(key).values["assignee"].ids == ("ben",)


@both_faces
def test_a_move_keeps_the_ticket_and_its_old_key(face: str) -> None:
    """The id is the ticket; the former key is remembered."""
    with harness(face, query="project in (CAPA, OPS)") as it:
        key = populate(it.tracker, 3)[1]
        it.cycle()
        moved = it.tracker.as_user(person(face)).move(key, "OPS")
        it.cycle()
        assert len(it.mirror.readings) == 3
        assert it.mirror.ticket(moved).old_keys == (key,)
        assert it.mirror.ticket(moved).container == "OPS"


@both_faces
def test_a_volatile_value_is_no_change(face: str) -> None:
    """A field that shows a memory address, another one at each read, makes no new version and no new value."""
    with harness(face, settings={"volatile_fields": ["customfield_10007"]}) as it:
        key = populate(it.tracker, 1)[0]
        it.tracker.as_user(person(face)).edit(key, {"Reference": "com.acme.Sla"})
        it.cycle()
        before = it.mirror.ticket(key)
        assert it.cycle()[-1].readings == ()
        it.cycle(full=True)
        assert it.mirror.ticket(key).values == before.values


@both_faces
def test_a_full_read_finds_silent_changes_and_survives_a_kill(face: str) -> None:
    """Full read and polls find values that change without `updated`; the full read continues after a kill."""
    with harness(face, page_size=10, batch=10) as it:
        keys = populate(it.tracker, 50)
        it.cycle()
        watermark = it.mirror.cursor.watermark
        for key in keys:
            it.tracker.admin.alter(key, {"customfield_10001": f"Silent {key}"})
        it.cycle(full=True, pages=2)
        it.restart()
        it.tracker.as_user(person(face)).edit(keys[0], {"summary": "Loud"})
        it.cycle()
        assert it.mirror.ticket(keys[0]).values["summary"].text == "Loud"
        assert len(it.cycle(full=True)) == 4
        assert it.mirror.cursor.watermark is not None
        assert it.mirror.cursor.watermark == watermark
        assert {it.mirror.ticket(key).values["customfield_10001"].text for key in keys} == {
            f"Silent {k}" for k in keys
        }
        assert len(it.exchanges(it.cycle)) == 1


@both_faces
def test_after_a_bulk_edit_polls_become_cheap_again(face: str) -> None:
    """Sixty tickets edited within the overlap are read once more, then a poll is one request again."""
    with harness(face, page_size=10, batch=20) as it:
        keys = populate(it.tracker, 60)
        it.cycle()
        for key in keys:
            it.tracker.clock.advance(timedelta(seconds=1))
            it.tracker.as_user(person(face)).edit(key, {"summary": f"Bulk {key}"})
        it.cycle()
        it.tracker.clock.advance(timedelta(minutes=20))
        it.cycle()
        assert len(it.exchanges(it.cycle)) == 1
        it.tracker.as_user(person(face)).edit(keys[4], {"summary": "Later"})
        it.cycle()
        assert shapes(it.mirror) == it.truth()


@both_faces
def test_work_is_proportional_to_what_changed(face: str) -> None:
    """Forty of four hundred tickets changed: a handful of requests, and no other ticket is read."""
    with harness(face) as it:
        keys = populate(it.tracker, 400)
        it.cycle()
        it.tracker.clock.advance(timedelta(hours=1))
        for key in keys[:40]:
            it.tracker.as_user(person(face)).edit(key, {"summary": f"New {key}"})
        exchanges = it.exchanges(it.cycle)
        assert {reading.ticket.key for reading in it.mirror.pages[-1].readings} == set(keys[:40])
        # on Cloud the records once more by id: the index may lag behind recent edits
        assert len(exchanges) == (3 if face == "cloud" else 2)


@both_faces
def test_a_query_with_its_own_order_and_quotes_is_narrowed_safely(face: str) -> None:
    """ORDER BY is removed as a clause and kept as text; OR stays inside its brackets."""
    query = 'project = OPS OR (project = CAPA AND summary !~ "order by none") order   by priority desc, key'
    with harness(face, query=query) as it:
        populate(it.tracker, 12)
        it.cycle()
        assert shapes(it.mirror) == it.truth()
        assert len(it.exchanges(it.cycle)) == 1


@both_faces
def test_read_tickets_gives_those_that_are_there(face: str) -> None:
    """Gone and hidden tickets are not yielded; the query does not matter."""
    with harness(face, query="project = OPS") as it:
        keys = populate(it.tracker, 4)
        ids = [str(it.tracker.state.find(key).id) for key in keys]
        it.tracker.admin.hide(keys[1])
        it.tracker.as_user(person(face)).delete(keys[2])
        found = [reading.ticket.key for reading in it.source.read_tickets([*ids, "99999"])]
        assert found == [keys[0], keys[3]]


@both_faces
def test_a_ticket_without_fields_is_named_and_the_others_come(face: str) -> None:
    """A row that cannot be parsed is skipped with its reason, never silently and never with the page."""
    with harness(face) as it:
        populate(it.tracker, 3)
        it.tracker.load([{"kind": "ticket", "issue": {"id": "77001", "key": "CAPA-901"}}])
        pages = it.cycle()
        assert [(skip[0], skip[1]) for page in pages for skip in page.skipped] == [("77001", "CAPA-901")]
        assert len(it.mirror.readings) == 3


@both_faces
@needs(SPECS)
def test_every_request_is_one_that_the_vendors_document_allows(face: str) -> None:
    """Requests of backfill, polls, full read, census and reads by id validate against the OpenAPI documents."""
    with harness(face, page_size=5, batch=10, settings={"inline_comment_cap": 1}) as it:
        keys = populate(it.tracker, 22)
        it.cycle()
        it.tracker.as_user(person(face)).edit(keys[0], {"summary": "x"})
        it.cycle()
        it.cycle(full=True)
        it.source.take_census()
        list(it.source.read_tickets([str(it.tracker.state.find(keys[1]).id)]))
        problems = [line for entry in it.server.requests for line in check(entry.request, None, face)]
        assert problems == []


@both_faces
def test_accounts_are_asked_about_in_bulk_where_jira_has_that(face: str) -> None:
    """Cloud answers for a hundred in a request, also over several pages; one that nobody has is left out."""
    with harness(face) as it:
        names = [f"user{number:03}" for number in range(120 if face == "cloud" else 3)]
        it.tracker.load(
            [
                {"kind": "user", "accountId": f"acc-{name}", "displayName": name, "active": name != "user002"}
                if face == "cloud"
                else {"kind": "user", "name": name, "key": name, "displayName": name, "active": name != "user002"}
                for name in names
            ]
        )
        it.source.identify()
        ids = [person(face, name) for name in [*names, "nobody"]]
        found: list[Account] = []
        exchanges = it.exchanges(lambda: found.extend(it.source.read_accounts(ids)))
        assert [(account.id, account.active) for account in found] == [
            (person(face, name), name != "user002") for name in names
        ]
        assert len(exchanges) == (2 if face == "cloud" else len(ids))
        assert it.source.new_accounts()
        assert not it.source.new_accounts()


def test_the_parser_makes_the_same_ticket_from_the_parts() -> None:
    """Parsing the stored parts gives what was read: a rebuild needs no tracker."""
    for face in FACES:
        with harness(face) as it:
            populate(it.tracker, 10)
            it.cycle()
            parser = it.source.parser()
            for reading in it.mirror.readings.values():
                assert parser.parse(reading.parts) == reading.ticket


def test_a_first_read_of_an_empty_scope_is_complete() -> None:
    """An empty scope is a complete answer once the sign-in is proven."""
    for face in FACES:
        with harness(face) as it:
            exchanges = it.exchanges(it.cycle)
            assert it.mirror.pages[-1].complete
            assert it.mirror.cursor == Cursor()
            assert exchanges[-1].path.endswith("/myself")
            populate(it.tracker, 2)
            it.cycle()
            assert len(it.mirror.readings) == 2


def test_roles_are_records_unless_a_mapping_says_otherwise() -> None:
    """Without child specs every ticket is a record."""
    with harness("cloud") as it:
        populate(it.tracker, 2)
        it.cycle()
        assert {reading.role for reading in it.mirror.readings.values()} == {Role.RECORD}
