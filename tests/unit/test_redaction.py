"""Secrets are removed from texts in every form in which a tracker or a proxy may send them back."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from capa_sync.errors import DeliveryUnknown, Retryable, Skippable
from capa_sync.redaction import REMOVED, Redactor, conceal
from capa_sync.sources.transport import Limits, hold_to
from tests.unit.test_visible import ORDERS

secrets = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=8, max_size=60).filter(
    lambda text: len(text.strip()) >= 8 and text not in REMOVED
)
names = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], exclude_characters=":"), max_size=20)
FORMS: dict[str, Callable[[str, str], str]] = {
    "as it is": lambda secret, _user: secret,
    "bearer": lambda secret, _user: f"Authorization: Bearer {secret}",
    "basic": lambda secret, user: f"Basic {base64.b64encode(f'{user}:{secret}'.encode()).decode()}",
    "basic, for addresses": lambda secret, user: base64.urlsafe_b64encode(f"{user}:{secret}".encode()).decode(),
    "basic, without its end": lambda secret, user: base64.b64encode(f"{user}:{secret}".encode()).decode().rstrip("="),
    "address": lambda secret, user: f"https://{user}:{quote(secret, safe='')}@host",
    "form": lambda secret, _user: f"client_secret={quote_plus(secret)}&grant_type=x",
    "json": lambda secret, _user: json.dumps({"header": secret}),
    "json, plain": lambda secret, _user: json.dumps({"header": secret}, ensure_ascii=False),
    "html": lambda secret, _user: html.escape(secret),
}


@pytest.mark.parametrize("form", FORMS)
@given(secret=secrets, user=names, before=st.text(max_size=5), after=st.text(max_size=5))
def test_no_form_of_a_secret_stays(form: str, secret: str, user: str, before: str, after: str) -> None:
    """The text around it does not matter."""
    it = Redactor()
    it.conceal(secret, user)
    sent_back = FORMS[form](secret, user)
    found = it.redacted(f"{before}{sent_back}{after}")
    assert REMOVED in found
    assert secret not in found.replace(REMOVED, "")


def test_text_without_a_secret_stays() -> None:
    """A short secret would remove words from sentences; texts without a secret are unchanged."""
    it = Redactor()
    assert it.redacted("a text") == "a text"
    it.conceal("sandbox", "admin")
    it.conceal("")
    assert it.redacted("the sandbox of admin") == "the sandbox of admin"
    it.conceal("eight-ch")
    assert it.redacted("the sandbox") == "the sandbox"


JOINERS = "\u00ad\u034f\u115f\u1160\u17b4\u180b\u180e\u200c\u200d\u3164\ufe0e\ufe0f\uffa0\U000e0100"
"""They stay in what is shown, since scripts need some of them, and show nothing between Latin letters."""


@pytest.mark.parametrize("gap", sorted(ORDERS | set(JOINERS)), ids=lambda gap: f"{ord(gap):04x}")
def test_a_secret_with_characters_that_show_nothing_between_its_letters_is_removed(gap: str) -> None:
    """A person would read it all the same, whether they are removed before it is shown or not."""
    it = Redactor()
    it.conceal("Zf9/k+Qp=0&", "me")
    assert it.redacted(f"a{gap}b") == f"a{gap}b"
    for sent_back in (make("Zf9/k+Qp=0&", "me") for make in FORMS.values()):
        for between in (gap, gap * 3):
            found = it.redacted(between.join(f"before {sent_back} after"))
            assert found.replace(gap, "") == it.redacted(f"before {sent_back} after")
            assert REMOVED in found


def test_a_secret_that_holds_characters_that_show_nothing_is_removed_with_and_without_them() -> None:
    """A tracker that cleans what it repeats repeats the rest of it."""
    it = Redactor()
    it.conceal("to\u200bken-of\u00ad-ours")
    it.conceal("\u200b" * 12)
    assert it.redacted("a to\u200bken-of\u00ad-ours, token-of-ours") == f"a {REMOVED}, {REMOVED}"
    assert it.redacted("\u200b" * 11) == "\u200b" * 11


def test_access_tokens_are_forgotten_after_many_others() -> None:
    """A daemon that renews its token for years does not grow; the secrets of the settings stay."""
    it = Redactor()
    it.conceal("settings-secret")
    for number in range(500):
        it.conceal(f"access-token-{number}", is_passing=True)
    assert it.redacted("access-token-499") == REMOVED
    assert it.redacted("access-token-2 ") == "access-token-2 "
    assert it.redacted("settings-secret") == REMOVED


@pytest.mark.parametrize("kind", [Retryable, DeliveryUnknown])
def test_errors_of_a_source_hold_no_secret(kind: type[Retryable] | type[DeliveryUnknown]) -> None:
    """Neither their message nor `str` has one."""
    conceal("very-secret-value", "me")
    pair = base64.b64encode(b"me:very-secret-value").decode()
    error = kind("jira", f"refused (400): Basic {pair} very-secret-value")
    assert "very-secret-value" not in str(error) + error.message
    assert pair not in str(error) + error.message
    assert "very-secret-value" not in str(Skippable("jira", "CAPA-1", "very-secret-value"))


def test_the_password_of_a_proxy_is_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is in an environment variable, and a proxy may echo what it received."""
    monkeypatch.setenv("HTTPS_PROXY", "http://me:p%40ssword-of-proxy@proxy.example.com:3128")
    hold_to(requests.Session(), "jira", Limits())
    pair = base64.b64encode(b"me:p@ssword-of-proxy").decode()
    message = str(Retryable("jira", f"Proxy-Authorization: Basic {pair} p@ssword-of-proxy p%40ssword-of-proxy"))
    assert message == f"jira: Proxy-Authorization: Basic {REMOVED} {REMOVED} {REMOVED}"
