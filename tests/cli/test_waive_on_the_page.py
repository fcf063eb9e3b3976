"""Waivers on the page: by members of the waiver group who are signed in, and by nobody else."""

from __future__ import annotations

import html
import re
import shutil
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
import requests

from capa_sync.cli.page import page_options
from capa_sync.model.clock import FileClock
from capa_sync.model.visitor import AccessRole
from capa_sync.sandbox.stories.script import Fill
from capa_sync.settings import load_settings
from capa_sync.settings.page_tokens import new_token
from capa_sync.web import RegisterPage, serve_register
from tests.daemon.conftest import MakeHarness
from tests.daemon.fork_server import ROOT
from tests.daemon.harness import Harness
from tests.patience import PATIENCE

RULE = "root-cause-before-action"
EMAIL = "Priya.Nair@example.com"
PEOPLE = {"mara.roy": AccessRole.READER, EMAIL: AccessRole.AUDITOR, "bob": AccessRole.ADMIN}
REASON = "The cause stands in the attached report"
Sessions = dict[str, requests.Session]


@pytest.fixture
def harness(make_harness: MakeHarness) -> Harness:
    """Two tickets with a high finding, one of them confidential."""
    made = make_harness("servicenow", rules=(RULE,), settings='web.auth.tokens = "page-tokens"')
    made.mappings = made.folder / "mappings"
    shutil.copytree(ROOT / "mappings", made.mappings)
    people = (made.mappings / "people.yaml").read_text(encoding="utf-8")
    with_email = people.replace("    name: Priya Nair\n", "    name: Priya Nair\n    email: priya.nair@example.com\n")
    (made.mappings / "people.yaml").write_text(with_email, encoding="utf-8")
    made.write_settings()
    made.create_broken("servicenow")
    made.create_broken("servicenow", "secret")
    made.play_event("servicenow", "secret", Fill({"confidential": "yes"}))
    made.sync()
    return made


@pytest.fixture
def site(harness: Harness) -> Iterator[RegisterPage]:
    """Serve the register as `serve` does it."""
    settings = load_settings(harness.file, {})
    (harness.folder / "page-tokens").touch(0o600)
    running = serve_register(
        harness.register_file,
        "127.0.0.1:0",
        page_options(settings, harness.file, FileClock(harness.folder / "clock")),
    )
    yield running
    running.stop()


@pytest.fixture
def sessions(harness: Harness, site: RegisterPage) -> Sessions:
    """Sign everybody in, and keep one session for nobody."""
    found = {"": requests.Session()}
    for name, role in PEOPLE.items():
        token, line = new_token(name, role, None)
        with (harness.folder / "page-tokens").open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")
        found[name] = session = requests.Session()
        sent = send(session, site.url + "sign-in", site.url + "sign-in", token=token)
        assert sent.status_code == 303, sent.text
    return found


def send(session: requests.Session, page: str, action: str, **fields: str) -> requests.Response:
    """Open a page with a form, and send the form."""
    proof = re.search(r'name="csrftoken" value="([^"]+)"', session.get(page, timeout=PATIENCE).text)
    data = {"csrftoken": proof[1] if proof else "", **fields}
    return session.post(action, data=data, timeout=PATIENCE, allow_redirects=False)


def test_two_members_waive_a_high_finding_and_nobody_else_can(
    harness: Harness, site: RegisterPage, sessions: Sessions
) -> None:
    """No admin outside of the group, nobody without sign-in, no reader on a hidden ticket; no name in a form."""
    place = {"source": "servicenow", "ticket": harness.sys_id("broken"), "rule": RULE}
    form, record = f"{site.url}waive?{urlencode(place)}", f"{site.url}record?{urlencode(place)}"
    for name in ("", "bob"):
        assert "Waive this finding" not in sessions[name].get(record, timeout=PATIENCE).text
        assert sessions[name].get(form, timeout=PATIENCE).status_code == 403
        asked = send(sessions[name], site.url, site.url + "waive", **place, until="2026-06-25", because=REASON)
        assert asked.status_code == 403
    mara, priya = sessions["mara.roy"], sessions[EMAIL]
    assert "Waive this finding" in mara.get(record, timeout=PATIENCE).text
    short = send(mara, form, site.url + "waive", **place, until="2026-06-25", because="short")
    assert (short.status_code, "the reason has 5 characters" in short.text) == (400, True)
    unseen = send(mara, form, site.url + "waive", **place, until="2026-06-25", because="\u200b" * 25)
    assert (unseen.status_code, "the reason has 0 characters" in unseen.text) == (400, True)
    for _ in range(2):  # as by sending the form twice
        asked = send(mara, form, site.url + "waive", **place, until="2026-06-25", because=REASON, by="priya.nair")
        assert asked.status_code == 303, asked.text
    assert "once a second member of the waiver group approves it here" in mara.get(record, timeout=PATIENCE).text
    harness.sync()
    [waiting] = harness.rows("v_waivers")
    assert (waiting["state"], waiting["asked_by"], waiting["approved_by"]) == ("inactive", "mara.roy", "")
    waits = mara.get(form, timeout=PATIENCE).text
    assert "Approve as mara.roy" not in waits
    assert re.search(r"Until <time[^>]*>25 Jun 2026</time>, asked by mara.roy", waits)
    own = send(mara, form, site.url + "waive", **place, do="approve")
    assert (own.status_code, "mara.roy" in own.text) == (400, True)
    approved = send(priya, form, site.url + "waive", **place, do="approve")
    assert approved.status_code == 303, approved.text
    harness.sync()
    [waiver] = harness.rows("v_waivers")
    assert (waiver["state"], waiver["approved_by"], waiver["way"]) == ("active", "priya.nair", "page")
    assert sorted(row["state"] for row in harness.rows("v_findings")) == ["open", "waived"]
    assert harness.run("verify").code == 0
    hidden = f"{site.url}waive?{urlencode({**place, 'ticket': harness.sys_id('secret')})}"
    assert [who.get(hidden, timeout=PATIENCE).status_code for who in (mara, priya)] == [403, 200]


def test_a_waiver_of_a_low_finding_waits_for_nobody(harness: Harness, request: pytest.FixtureRequest) -> None:
    """Before the next cycle looks at it, too, the form asks for no second person, and takes none."""
    file = harness.folder / "rules" / f"{RULE}.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("severity: high", "severity: low"), encoding="utf-8")
    harness.sync()
    sessions: Sessions = request.getfixturevalue("sessions")
    site: RegisterPage = request.getfixturevalue("site")
    place = {"source": "servicenow", "ticket": harness.sys_id("broken"), "rule": RULE}
    form = f"{site.url}waive?{urlencode(place)}"
    asked = send(sessions["mara.roy"], form, site.url + "waive", **place, until="2026-06-25", because=REASON)
    assert asked.status_code == 303, asked.text
    assert "waits for a second person" not in sessions[EMAIL].get(form, timeout=PATIENCE).text
    approved = send(sessions[EMAIL], form, site.url + "waive", **place, do="approve")
    assert (approved.status_code, "it needs no second person" in approved.text) == (400, True)


@pytest.mark.parametrize("obstacle", ["rule", "owner"])
def test_the_link_is_offered_only_where_a_waiver_may_be_asked_for(
    obstacle: str, harness: Harness, request: pytest.FixtureRequest
) -> None:
    """Where nobody, or not this person, may waive, the page says so to members, and no form opens."""
    why = f"the rule {RULE} cannot be waived: `[waivers] unwaivable` of the settings names it"
    if obstacle == "owner":
        why = "mara.roy owns the ticket: an owner cannot waive a finding on it"
        harness.play_event("servicenow", "broken", Fill({"owner": "mara.roy"}))
    else:
        text = harness.file.read_text(encoding="utf-8")
        harness.file.write_text(f'waivers.unwaivable = ["{RULE}"]\n{text}', encoding="utf-8")
    harness.sync()
    sessions: Sessions = request.getfixturevalue("sessions")
    site: RegisterPage = request.getfixturevalue("site")
    place = {"source": "servicenow", "ticket": harness.sys_id("broken"), "rule": RULE}
    for name, is_told in (("mara.roy", True), (EMAIL, obstacle == "rule"), ("bob", False), ("", False)):
        session = sessions[name]
        page = session.get(f"{site.url}record?{urlencode(place)}", timeout=PATIENCE).text
        assert (f"No waiver: {why}" in html.unescape(re.sub("</?code>", "`", page))) is is_told, name
        assert ("Waive this finding" in page) is (name == EMAIL and not is_told)
        if is_told:
            form = session.get(f"{site.url}waive?{urlencode(place)}", timeout=PATIENCE)
            assert (form.status_code, form.text) == (403, f"{why}\n")
