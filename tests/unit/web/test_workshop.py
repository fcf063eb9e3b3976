"""The workshop as plain forms: what an admin sends is checked, tested, previewed and saved, and shown as text."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import requests

from capa_sync.live.settle import settle
from capa_sync.live.workshop import RuleWorkshop
from capa_sync.model.page import PageOptions
from capa_sync.model.page_access import PageAccess, PageToken, token_digest
from capa_sync.model.visitor import AccessRole
from capa_sync.settings import load_settings
from capa_sync.starter import starter_path
from capa_sync.store import open_register
from capa_sync.web import RegisterPage, serve_register
from capa_sync.wiring import set_up
from tests.patience import PATIENCE
from tests.unit.store.fake_parser import T0
from tests.unit.web.conftest import HOSTILE
from tests.unit.writeback.harness import ManualClock

RULE = "grade-set"
SETTINGS = """register = "register.db"
rules = ["rules"]
[sources.jira]
kind = "jira"
url = "http://127.0.0.1:1"
query = "project = CAPA"
mapping = "{mappings}/jira-dc.yaml"
auth = {{ method = "pat", token_env = "JIRA_TOKEN" }}
"""
TOKENS = {"mara.roy": AccessRole.ADMIN, "ann.lee": AccessRole.AUDITOR}
ACCESS = PageAccess(lambda: [PageToken(name, role, token_digest(name)) for name, role in TOKENS.items()])
"""Who may sign in; the token of each is the name."""
Post = Callable[..., requests.Response]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Settings, one rule, and a register in which it is live."""
    found = tmp_path_factory.mktemp("workshop")
    (found / "rules").mkdir()
    shipped = starter_path("rules") / f"{RULE}.yaml"
    (found / "rules" / shipped.name).write_bytes(shipped.read_bytes())
    file = found / "capa-sync.toml"
    file.write_text(SETTINGS.format(mappings=starter_path("mappings")), encoding="utf-8")
    setup = set_up(load_settings(file, {}), file, {}, with_secrets=False)
    with open_register(found / "register.db", clock_now=T0) as register:
        settle(setup, register, T0, "ann", stores=True)
    return found


@pytest.fixture(scope="module")
def page(folder: Path) -> Iterator[RegisterPage]:
    """Serve the page of that register, with its workshop."""
    clock = ManualClock(T0 + timedelta(hours=1))
    file = folder / "capa-sync.toml"
    shop = RuleWorkshop(load_settings(file, {}), file, clock)
    options = PageOptions(clock=clock, access=ACCESS)
    running = serve_register(folder / "register.db", "127.0.0.1:0", options, shop)
    yield running
    running.stop()


def signed_in(page: RegisterPage, name: str) -> requests.Session:
    """Return the browser of somebody who has signed in."""
    found = requests.Session()
    found.headers["Sec-Fetch-Site"] = "same-origin"
    given = {"csrftoken": form_token(found.get(f"{page.url}sign-in", timeout=PATIENCE)), "token": name}
    assert found.post(f"{page.url}sign-in", data=given, timeout=PATIENCE).status_code == 200
    return found


def form_token(answer: requests.Response) -> str:
    """Return the token that a form of a page has to send."""
    token = re.search(r'name="csrftoken" value="([^"]+)"', answer.text)
    assert token is not None, answer.text
    return token[1]


@pytest.fixture(scope="module")
def session(page: RegisterPage) -> requests.Session:
    """An admin's browser."""
    return signed_in(page, "mara.roy")


@pytest.fixture
def post(page: RegisterPage, session: requests.Session) -> Post:
    """Send a form, with the token of the page that it stands on."""

    def send(path: str, **given: str | int) -> requests.Response:
        token = form_token(session.get(f"{page.url}workshop/rule?rule={RULE}", timeout=PATIENCE))
        return session.post(page.url + path, data={"csrftoken": token, **given}, timeout=PATIENCE)

    return send


def live_text(folder: Path) -> str:
    """The text that is live, which is that of the file."""
    return (folder / "rules" / f"{RULE}.yaml").read_text(encoding="utf-8")


def words(answer: requests.Response) -> str:
    """Return what a person reads on a page."""
    assert answer.status_code == 200, answer.text
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def test_a_mistake_has_its_line_and_the_text_stays_in_the_form(folder: Path, post: Post) -> None:
    """What one has typed is there again, with the mistake beside it and the difference from what is live."""
    broken = live_text(folder).replace("severity:", "severty:", 1).replace("\n", "\r\n")
    answer = post("workshop/rule", rule=RULE, draft=0, text=broken, do="check")
    line = live_text(folder).split("severity:")[0].count("\n") + 1
    assert f"Line {line} severty:" in words(answer)
    assert "did you mean 'severity'?" in words(answer)
    typed = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", answer.text, re.DOTALL)
    assert typed is not None
    assert html.unescape(typed[1]).replace("\r\n", "\n") == broken.replace("\r\n", "\n")
    assert "+severty:" in words(answer)
    assert "No mistake." in words(post("workshop/rule", rule=RULE, draft=0, text=live_text(folder), do="check"))


def test_its_tests_run_and_fail_by_name(folder: Path, post: Post) -> None:
    """A text with a wrong expectation says which case, and that the others passed."""
    assert re.search(
        r"(\d+) of \1 tests passed", words(post("workshop/rule", rule=RULE, text=live_text(folder), do="test"))
    )
    wrong = live_text(folder).replace("result: breach", "result: ok", 1)
    answer = words(post("workshop/rule", rule=RULE, text=wrong, do="test"))
    assert re.search(r"\d+ mistakes? Line \d+ ", answer)
    assert "passed." in answer


def test_hostile_text_is_shown_as_text_and_saved_word_by_word(folder: Path, page: RegisterPage, post: Post) -> None:
    """Markup in a rule is no markup on any page; the draft has a link, a difference and its commands."""
    text = live_text(folder).replace("title: ", f"title: {HOSTILE} ", 1) + f"# {HOSTILE}</textarea>\n"
    for does in ("check", "test"):
        answer = post("workshop/rule", rule=RULE, text=text, do=does)
        assert "<script>document" not in answer.text
        assert answer.text.count("</textarea>") == 1
        assert "script-src 'self'; connect-src 'self'" in answer.headers["content-security-policy"]
    saved = post("workshop/rule", rule=RULE, draft=0, text=text, do="save")
    number = saved.url.rpartition("=")[2]
    assert saved.url == f"{page.url}workshop/draft?number={number}"
    assert f"capa-sync rules activate --draft {number}" in words(saved)
    assert "by mara.roy" in words(saved)
    assert "<script>document" not in saved.text
    assert "script-src" not in saved.headers["content-security-policy"]
    with open_register(folder / "register.db", clock_now=T0, read_only=True) as register:
        draft = register.drafts.find(int(number))
        assert draft is not None
        assert [part.text for part in register.verdict_sets.load(draft.set_hash).parts] == [text]


def test_a_draft_is_discarded_by_its_button(
    folder: Path, page: RegisterPage, session: requests.Session, post: Post
) -> None:
    """It leaves the list; its page stays, says by whom, and has no button any more."""
    number = post("workshop/rule", rule=RULE, draft=0, text=live_text(folder), do="save").url.rpartition("=")[2]
    assert f"Draft {number}" in words(session.get(f"{page.url}workshop", timeout=PATIENCE))
    assert f"draft {number} is discarded" in words(post("workshop/draft", number=number, do="discard"))
    assert f"Draft {number}" not in words(session.get(f"{page.url}workshop", timeout=PATIENCE))
    left = session.get(f"{page.url}workshop/draft?number={number}", timeout=PATIENCE)
    assert re.search(r"· discarded .* by mara\.roy", words(left))
    assert ("Discard it" in left.text, "activate --draft" in left.text) == (False, False)
    again = post("workshop/draft", number=number, do="discard")
    assert (again.status_code, "was discarded by mara.roy" in again.text) == (400, True)


def test_the_script_gets_mistakes_and_what_may_follow(post: Post) -> None:
    """As one types: the line of each mistake, and the words from where they replace what is typed."""
    text = "rule: grade-set\nrequire:\n  - grade: fil"
    answer = json.loads(post("workshop/check", rule=RULE, text=text, at=len(text)).text)
    assert {"line": 1, "what": "the key 'title' is missing"}.items() <= answer["problems"][0].items()
    assert answer["completions"][0]["start"] == len(text) - 3
    assert answer["completions"][0]["text"] == "filled"
    assert "+  - grade: fil" in answer["difference"]


def test_what_is_wrong_in_a_link_or_form_is_one_line(
    page: RegisterPage, session: requests.Session, post: Post
) -> None:
    """An unknown draft, an id that no file can have, a preview that is gone, a text that is too long."""
    for path, says in (
        ("workshop/draft?number=99", "there is no draft 99"),
        ("workshop/rule?rule=../up", "'../up' cannot be the id of a rule"),
        (f"workshop/rule?rule={RULE}&draft=99", "there is no draft 99"),
        ("workshop/preview?number=7", "this preview is not known any more"),
    ):
        answer = session.get(page.url + path, timeout=PATIENCE)
        assert (answer.status_code, says in html.unescape(answer.text)) == (400, True)
    long = post("workshop/rule", rule=RULE, text="x" * 400_000, do="save")
    assert "the file is larger than 384 KiB" in words(long)


def test_an_auditor_has_tickets_explained_and_a_reader_not(page: RegisterPage) -> None:
    """What it rests on may be confidential; a ticket that is not there is no error."""
    address = f"{page.url}explain?source=jira&ticket=1"
    assert "jira:1 is not in the register" in words(signed_in(page, "ann.lee").get(address, timeout=PATIENCE))
    assert requests.get(address, timeout=PATIENCE).status_code == 403


@pytest.mark.parametrize("name", ["", "ann.lee"], ids=["reader", "auditor"])
def test_only_an_admin_sees_the_workshop(page: RegisterPage, name: str) -> None:
    """Others have neither a link to it, nor one of its pages, nor a form; a form from elsewhere has no token."""
    browser = signed_in(page, name) if name else requests.Session()
    assert "/workshop" not in browser.get(page.url, timeout=PATIENCE).text
    for path in ("workshop", f"workshop/rule?rule={RULE}", "workshop/draft?number=1", "workshop/preview?number=1"):
        answer = browser.get(page.url + path, timeout=PATIENCE)
        assert (answer.status_code, answer.text.count("\n")) == (403, 1)
    for path in ("workshop/rule", "workshop/check", "workshop/preview"):
        assert browser.post(page.url + path, data={"rule": RULE}, timeout=PATIENCE).status_code == 403


def test_a_form_without_its_token_saves_nothing(folder: Path, session: requests.Session, page: RegisterPage) -> None:
    """An admin's browser that another page has led here sends the cookie, and not the token."""
    given = {"rule": RULE, "text": live_text(folder), "do": "save"}
    for more in ({}, {"csrftoken": "guessed"}):
        assert session.post(f"{page.url}workshop/rule", data={**given, **more}, timeout=PATIENCE).status_code == 403
