"""`digest`: who gets what, once a period, on a real mail server and a real web hook."""

from __future__ import annotations

import json
import sqlite3
import ssl
import subprocess
from datetime import timedelta

import pytest

from tests.digest.conftest import Verb
from tests.digest.world import PASSWORD, SECRET, TOKEN, DigestWorld, refusing_mail_server
from tests.unit.store.fake_parser import DAY, T0

PERSONS = ["ana@example.com", "bo@example.com", "mara@example.com"]
NOTHING = "no digest is due\n"


def states(world: DigestWorld) -> dict[str, str]:
    """Return recipient -> the state of the newest send."""
    connection = sqlite3.connect(world.folder / "register.db")
    found = dict(connection.execute("SELECT recipient, state FROM digest_send ORDER BY id").fetchall())
    connection.close()
    return found


def test_each_recipient_gets_the_own_matters_once(world: DigestWorld, verb: Verb) -> None:
    """The lead's target, two owners and a manager, each the own matters; nothing twice on that day or the next."""
    first = verb("digest")
    assert (first.code, first.err) == (0, "")
    assert first.out.splitlines()[0] == "lead digest to target team: sent"
    assert world.mail.recipients == PERSONS
    plain, _html = world.mail.texts("ana@example.com")
    assert "CAPA-1 - Access review missed - due 2026-02-20, 9 days late" in plain
    assert "CAPA-3" not in plain
    plain, _html = world.mail.texts("mara@example.com")
    assert "CAPA-5 - Backups untested - Ana Meyer - medium" in plain
    assert "CAPA-1" not in plain  # open for ten days only
    [hooked] = world.hook.received
    assert "For the management report\n- NC-2026-0005 CAPA-5" in hooked["message"]
    assert "CAPA-7 - Audit near" in hooked["message"].partition("Warnings of severity")[0]
    assert "Kim Ito: 1 ticket, no address" in hooked["message"]
    assert "Gil Gone" not in hooked["message"]  # nothing of that record needs anybody
    kept = world.folder / "kept message.txt"
    kept.write_text(hooked["message"])
    assert "it has the 1 noted head" in verb("verify", "--against", str(kept)).out
    assert verb("digest").out == NOTHING
    assert verb("digest", at=T0 + DAY).out == NOTHING
    assert (len(world.mail.received), len(world.hook.received)) == (3, 1)
    assert verb("digest", at=T0 + 7 * DAY).out == "lead digest to target team: sent\n"
    assert verb("verify").code == 0


def test_an_owner_hears_again_only_when_something_is_new(world: DigestWorld, verb: Verb) -> None:
    """A ticket that becomes late is new; what was sent before follows as still open."""
    verb("digest")
    world.mail.received.clear()
    with world.open() as register:
        run = register.runs.start("paper", "changes", T0 + 5 * DAY)
        register.runs.finish(run, T0 + 5 * DAY, ok=True, as_of=T0 + 5 * DAY)
    assert verb("digest", at=T0 + 7 * DAY).code == 0
    plain, _html = world.mail.texts("bo@example.com")
    assert "New: Overdue" in plain
    assert world.mail.recipients == ["bo@example.com"]


def test_confidential_texts_go_only_to_a_target_whose_role_sees_them(world: DigestWorld, verb: Verb) -> None:
    """Persons and readers see that there is a ticket, by key; an auditor's target sees its title."""
    world.settings.write_text(
        world.settings.read_text() + '[digest.targets.audit]\nurl_env = "TEAM_HOOK"\nrole = "auditor"\n'
    )
    assert verb("digest").code == 0
    masked, whole = (hooked["message"] for hooked in world.hook.received)
    assert (SECRET in masked, SECRET in whole) == (False, True)
    assert "CAPA-2 - (confidential) - (confidential) - due 2026-02-20" in masked
    assert SECRET not in str(world.mail.texts("ana@example.com"))
    assert "CAPA-2 - (confidential)" in world.mail.texts("ana@example.com")[0]


def test_ticket_text_is_text_wherever_it_goes(world: DigestWorld, verb: Verb) -> None:
    """No header, no markup, no mention and no link comes from a title; the subject has none of it."""
    verb("digest")
    [message] = [content for to, content in world.mail.received if to == "bo@example.com"]
    assert message["Bcc"] is None
    assert message["Subject"] == "Clause 10: 1 due soon"
    plain, html = world.mail.texts("bo@example.com")
    assert "<script>alert(1)</script> Bcc: evil@example.com" in plain
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    said = world.hook.received[0]["message"]
    assert not any(sign in said for sign in ("<!channel>", "[x]", "evil@example.com", "http://evil"))


def test_dry_run_prints_every_message_and_sends_none(world: DigestWorld, verb: Verb) -> None:
    """Recipient, time, subject and text, as data too; it needs no secret and changes nothing."""
    before = (world.folder / "register.db").read_bytes()
    shown = verb("digest", "--dry-run", DIGEST_MAIL="", TEAM_HOOK="")
    assert (shown.code, shown.err) == (0, "")
    assert (
        "owner digest to Ana Meyer <ana@example.com> (to be sent now)\nSubject: Clause 10: 2 overdue, 3" in shown.out
    )
    listed = json.loads(verb("digest", "--dry-run", "--json").out)["messages"]
    assert [(found["kind"], found["recipient"]) for found in listed] == [
        ("lead", "target:team"),
        ("owner", "person:ana"),
        ("owner", "person:bo"),
        ("manager", "person:mara"),
    ]
    assert (world.mail.received, world.hook.received, states(world)) == ([], [], {})
    assert (world.folder / "register.db").read_bytes() == before
    verb("digest")
    assert "(delivered for the period of 2026-03-02)" in verb("digest", "--dry-run").out


def test_nothing_is_sent_in_quiet_hours(world: DigestWorld, verb: Verb) -> None:
    """The line says until when; afterwards the same period's digests are sent."""
    line = "nothing is sent before 2026-03-03 07:00Z (quiet hours)\n"
    assert verb("digest", at=T0 + timedelta(hours=11)).out == line
    assert world.mail.recipients == []
    assert verb("digest", at=T0 + DAY).code == 0
    assert world.mail.recipients == PERSONS


# --- faults ------------------------------------------------------------------------------------------------------
@pytest.mark.slow
@pytest.mark.parametrize(
    ("answer", "status", "state"),
    [
        ("451 try later", 404, "pending"),
        (f"554 no {PASSWORD} here", 429, "pending"),
        ("", 0, "unknown"),
        ("250 OK", 502, "mixed"),
    ],
)
def test_only_what_was_certainly_not_taken_is_tried_again(
    world: DigestWorld, verb: Verb, answer: str, status: int, state: str
) -> None:
    """A refusal waits and is tried again; a lost answer is unknown, shown, and repeated by --again alone."""
    world.mail.answer, world.hook.status = answer, status
    failed = verb("digest")
    assert failed.code == 3
    team = "unknown" if state == "mixed" else state
    others = "delivered" if state == "mixed" else state
    expected = {"target:team": team, "person:ana": others, "person:bo": others, "person:mara": others}
    assert states(world) == expected
    status_line = verb("status")
    assert "digests that may not have arrived: " in status_line.out
    for text in (failed.out, failed.err, status_line.out):
        assert PASSWORD not in text
        assert TOKEN not in text
    assert PASSWORD.encode() not in (world.folder / "register.db").read_bytes()
    world.mail.answer, world.hook.status = "250 OK", 200
    world.mail.received.clear()
    world.hook.received.clear()
    later = verb("digest", at=T0 + timedelta(minutes=20))
    assert (len(world.mail.received), len(world.hook.received)) == ((3, 1) if state == "pending" else (0, 0)), (
        later.out
    )
    verb("digest", "--again", at=T0 + timedelta(minutes=30))
    assert len(world.hook.received) == 1
    assert len(world.mail.received) == (0 if state == "mixed" else 3)
    assert set(states(world).values()) == {"delivered"}


@pytest.mark.slow
def test_an_unreachable_server_is_tried_again_within_the_period(world: DigestWorld, verb: Verb) -> None:
    """Nothing was handed over: no person is needed; so with a refused sign-in."""
    port = world.mail.port
    world.mail.port = 9
    assert verb("digest").code == 3
    assert "Connection refused" in verb("status").out
    world.mail.port = port
    bare = verb("digest", at=T0 + timedelta(minutes=15), DIGEST_MAIL=f"mailto://127.0.0.1:{port}?from=a@b.example")
    assert "not sent, it is tried again later: " in bare.out
    assert "5.7.0 Authentication required" in bare.out
    assert verb("digest", at=T0 + timedelta(hours=1)).code == 0
    assert world.mail.recipients == PERSONS
    assert "digests that may not" not in verb("status").out


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """A certificate that nobody trusts."""
    path = tmp_path_factory.mktemp("tls") / "mail.pem"
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=mail.example"]
    try:
        subprocess.run([*make, "-keyout", path, "-out", f"{path}.crt"], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed; it makes the mail server's certificate")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{path}.crt", path)
    return context


@pytest.mark.independent
@pytest.mark.slow
@pytest.mark.parametrize(
    ("scheme", "is_plain", "says"),
    [
        ("mailto", True, "SMTP AUTH extension not supported by server"),
        ("mailtos", True, "STARTTLS extension not supported by server"),
        ("mailtos", False, "certificate verify failed"),
    ],
)
def test_a_session_that_was_not_made_took_nothing(
    world: DigestWorld, verb: Verb, certificate: ssl.SSLContext, scheme: str, is_plain: bool, says: str
) -> None:
    """Without a sign-in, without encryption or with a wrong certificate, the send waits and goes out later."""
    with refusing_mail_server(None if is_plain else certificate) as refusing:
        address = f"{scheme}://digest:{PASSWORD}@127.0.0.1:{refusing.port}?from=a@b.example"
        bare = verb("digest", DIGEST_MAIL=f"{address}&mode=starttls" if scheme == "mailtos" else address)
        assert refusing.received == []
    assert (bare.code, [states(world)[f"person:{name}"] for name in ("ana", "bo", "mara")]) == (3, ["pending"] * 3)
    assert says in bare.out
    assert verb("digest", at=T0 + timedelta(minutes=20)).code == 0
    assert world.mail.recipients == PERSONS


def test_mistakes_in_the_settings_are_one_line_without_the_address(world: DigestWorld, verb: Verb) -> None:
    """A variable that is not set, an address that is none, a recipient in the mail server's address."""
    for name, value, says in (
        ("DIGEST_MAIL", "", "digest.mail_env: the variable it names is not set"),
        ("TEAM_HOOK", f"nonsense-{TOKEN}", "digest.targets.team: it is no address that Apprise can read"),
        (
            "DIGEST_MAIL",
            f"json://127.0.0.1/{TOKEN}",
            "digest.mail: the address of the mail server begins with mailtos",
        ),
        ("DIGEST_MAIL", f"mailtos://a:{TOKEN}@h.example?to=x@y.example", "digest.mail: it names a recipient"),
    ):
        refused = verb("digest", **{name: value})
        assert (refused.code, refused.out) == (2, "")
        assert says in refused.err
        assert TOKEN not in refused.err
        assert refused.err.count("\n") == 1
    text = world.settings.read_text()
    world.settings.write_text(text.replace('mail_env = "DIGEST_MAIL"', 'mail_env = "DIGEST_MAIL"\nleads = ["kim"]'))
    assert verb("digest").err == (
        "digest.leads: the people files have no address of 'kim'; add `email:` to the person\n"
    )
    world.settings.write_text(text.partition("[digest]")[0] + "[sources" + text.partition("[sources")[2])
    assert "the settings name nobody who gets a digest" in verb("digest").err


@pytest.mark.slow
def test_doctor_checks_the_addresses_without_showing_or_using_them(world: DigestWorld, verb: Verb) -> None:
    """A mistake of each address is a line of its own; where all can be read, only a message proves more."""
    hook = f"nonsense-{TOKEN}"
    mistaken = verb("doctor", "--json", DIGEST_MAIL=f"json://127.0.0.1/{TOKEN}", TEAM_HOOK=hook)
    checks = json.loads(mistaken.out)["digest"]
    assert [(check["state"], check["what"].partition(": ")[0]) for check in checks] == [
        ("mistake", "digest.targets.team"),
        ("mistake", "digest.mail"),
    ]
    fine = verb("doctor")
    assert (
        "  unproven  the addresses of team, the mail server are there and can be read; nothing was sent" in fine.out
    )
    assert [
        text for text in (mistaken.out + mistaken.err, fine.out + fine.err) if TOKEN in text or PASSWORD in text
    ] == []
    assert (world.mail.received, world.hook.received) == ([], [])
