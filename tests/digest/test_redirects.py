"""A redirect is never followed: the message is neither doubled, nor lost silently, nor shown to another host."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from datetime import timedelta

import pytest

from capa_sync.digest.sending import AppriseSender
from capa_sync.model.digest import DigestKind, DigestMessage, SendState
from tests.digest.conftest import Verb
from tests.digest.odd_services import redirecting
from tests.digest.test_verb import states
from tests.digest.world import TOKEN, DigestWorld
from tests.unit.store.fake_parser import T0

KEY = "sesame-sesame-0123456789"
MESSAGE = DigestMessage(DigestKind.LEAD, "target:team", "target team", "", "Subject", (), ("The end.",), ())
PLACES = {
    "same host": ("/other", 200),
    "sign-in page": ("/login?next=/hook", 200),
    "not found": ("/gone", 404),
    "closed port": ("http://127.0.0.1:1/", 200),
    "no place": ("", 200),
    "itself": ("/hook", 200),
}


_MORE = [pytest.param(status, marks=pytest.mark.slow) for status in (300, 301, 302, 304, 305, 308)]


@pytest.mark.parametrize("status", [303, 307, *_MORE])
def test_no_redirect_is_followed_and_the_message_may_have_been_taken(status: int) -> None:
    """Wherever it leads, and also where the address asks for it: one POST, and a line that says what to do."""
    wrong = {}
    with redirecting(200, "", 200) as other, ExitStack() as servers:
        places = PLACES | {"other host": (f"http://localhost:{other.port}/steal", 200)}
        for name, (place, page_status) in places.items():
            hook = servers.enter_context(redirecting(status, place, page_status))
            more = "&redirect=yes" if name != "sign-in page" else ""
            address = f"json://user:{KEY}@127.0.0.1:{hook.port}/hook?+X-API-Key={KEY}{more}"
            result = AppriseSender({"team": address}, "", "x.toml").send(MESSAGE, threading.Event())
            expected = (
                f"the address answers with a redirect ({status}), which is not followed: name the final address"
            )
            if result.state is not SendState.UNKNOWN or expected not in result.error or len(hook.asked) != 1:
                wrong[name] = (result, hook.asked)
        assert other.asked == []
    assert wrong == {}


@pytest.mark.parametrize("scheme", ["form", "xml", "json"])
def test_the_address_may_name_any_service_and_ask_for_attempts(scheme: str) -> None:
    """It holds below the plugins, and after a redirect none of them tries again."""
    with redirecting(302, "/other", 200) as hook:
        address = f"{scheme}://127.0.0.1:{hook.port}/hook?retry=3&wait=0"
        result = AppriseSender({"team": address}, "", "x.toml").send(MESSAGE, threading.Event())
        assert hook.asked == ["POST /hook"]
    assert result.state is SendState.UNKNOWN


@pytest.mark.slow
def test_a_redirect_is_shown_and_repeated_by_a_person_alone(world: DigestWorld, verb: Verb) -> None:
    """`status` names what to mend; with the final address, `digest --again` sends it."""
    right = world.hook.port
    world.hook.status = 303
    failed = verb("digest")
    assert (failed.code, states(world)["target:team"]) == (3, "unknown")
    line = "the address answers with a redirect (303), which is not followed: name the final address in its place"
    assert f"unknown whether it arrived; `capa-sync digest --again` repeats it: {line}" in failed.out
    assert line in verb("status").out
    assert "no answer" not in verb("status").out
    assert TOKEN not in failed.out + failed.err
    verb("digest", at=T0 + timedelta(minutes=20))
    assert len(world.hook.received) == 1
    world.hook.status = 200
    assert verb("digest", "--again", at=T0 + timedelta(minutes=30)).code == 0
    assert (len(world.hook.received), world.hook.port) == (2, right)
    assert set(states(world).values()) == {"delivered"}
