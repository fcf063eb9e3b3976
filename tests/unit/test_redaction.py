"""Secrets are removed from texts in every form in which a tracker or a proxy may send them back."""

from __future__ import annotations

import base64
import html
import json
import textwrap
import time
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from capa_sync.errors import DeliveryUnknown, Retryable, Skippable
from capa_sync.redaction import REMOVED, Redactor, _seen, conceal, redacted
from capa_sync.sources.transport import Limits, hold_to
from tests.own_secrets import forgotten_secrets
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


def each(write: Callable[[str], str]) -> Callable[[str], str]:
    """Write each character in one way."""
    return lambda text: "".join(map(write, text))


def percent(letter: str) -> str:
    """Write a character as bytes of an address, in small letters."""
    return "".join(f"%{byte:02x}" for byte in letter.encode())


def code_units(letter: str) -> str:
    """Write a character as JSON may write any."""
    return "".join(f"\\u{unit}" for unit in textwrap.wrap(letter.encode("utf-16-be").hex(), 4))


def base64_of(text: str) -> str:
    """Return a text in base64."""
    return base64.b64encode(text.encode()).decode()


WRITTEN: dict[str, Callable[[str], str]] = {
    "percent, small letters": lambda secret: quote_small(secret, ""),
    "percent, slashes kept": quote,
    "percent, each character": each(percent),
    "percent, twice": lambda secret: quote(quote(secret, safe=""), safe=""),
    "percent, three times in small letters": lambda secret: quote_small(quote(quote(secret, safe=""), safe=""), ""),
    "form, small letters": lambda secret: quote_small(secret, " ").replace(" ", "+"),
    "json, slashes escaped": lambda secret: json.dumps(secret)[1:-1].replace("/", "\\/"),
    "json, each character": each(code_units),
    "json, each character in capitals": lambda secret: each(code_units)(secret).upper().replace("\\U", "\\u"),
    "json of markup": lambda secret: json.dumps(html.escape(secret))[1:-1].replace("&", "\\u0026"),
    "repr": lambda secret: repr(secret)[1:-1],
    "html, numbers": each(lambda letter: f"&#{ord(letter)};"),
    "html, numbers of signs": each(lambda letter: letter if letter.isalnum() else f"&#{ord(letter)};"),
    "html, numbers in base 16": each(lambda letter: f"&#x{ord(letter):X};"),
    "html of an address": lambda secret: html.escape(f"?a=b&c={quote(secret)}"),
    "a backslash before each sign": each(lambda letter: letter if letter.isalnum() else f"\\{letter}"),
    "a blank after each character": " ".join,
    "folded": lambda secret: f"{secret[:5]}\r\n\t {secret[5:]}",
    "base64 alone": base64_of,
    "base64 of bearer": lambda secret: base64_of(f"Bearer {secret}"),
    "base64 behind one": lambda secret: base64_of(f"={secret}; and more"),
    "base64 behind two": lambda secret: base64_of(f"t={secret}; and more"),
    "base64 behind three": lambda secret: base64_of(f"to={secret}; and more"),
    "base64 in lines": lambda secret: "\r\n".join(textwrap.wrap(base64_of(secret), 7)),
    "base64 in an address": lambda secret: quote(base64_of(f"key {secret}"), safe=""),
    "base64 in json": lambda secret: base64_of(secret).replace("/", "\\/"),
}
"""How servers, libraries and proxies write a text that they repeat, beside FORMS."""
quiet = st.text(st.characters(codec="utf-8", categories=["L", "Zs"]), max_size=5)


def _repeats(secret: str) -> bool:
    """Tell whether a secret repeats itself within three characters: its base64 has a part of it in each position."""
    return any(secret[shift:] == secret[:-shift] for shift in (1, 2, 3))


def quote_small(text: str, safe: str) -> str:
    """Write a text for an address, its bytes in small letters."""
    return "".join(
        letter if letter in safe or quote(letter, safe="") == letter else percent(letter) for letter in text
    )


@pytest.mark.parametrize("way", WRITTEN)
@given(secret=secrets.filter(lambda text: len(_seen(text)) >= 8 and not _repeats(text)), before=quiet, after=quiet)
def test_no_way_to_write_a_secret_hides_it(way: str, secret: str, before: str, after: str) -> None:
    """The letters around it stay, and of base64 at most two at each end, which tell some bits."""
    it = Redactor()
    it.conceal(secret, "bot@example.com")
    written = WRITTEN[way](secret)
    found = it.redacted(f"{before} {written} {after}")
    assert REMOVED in found
    assert written not in found
    assert found.startswith(f"{before} ")
    assert found.endswith(f" {after}")
    is_whole = not way.startswith("base64") and way != "html of an address"
    if is_whole and secret[0].isalnum() and secret[-1].isalnum():  # a blank at its end may stay
        assert found == f"{before} {REMOVED} {after}"


@pytest.mark.parametrize("letter", "0bfnrtvxa")
@pytest.mark.parametrize("sign", ["", "_", "/"])
def test_a_passphrase_that_a_shell_has_escaped_is_removed(letter: str, sign: str) -> None:
    """The letter behind an escaped blank may look like an escape: a blank and n are no new line."""
    it = Redactor()
    secret = f"correct horse{sign} {letter}battery"
    it.conceal(secret)
    for written in (WRITTEN["a backslash before each sign"](secret), secret.replace(" ", "\\ "), secret):
        assert it.redacted(f"before {written} after") == f"before {REMOVED} after"


def test_the_rest_of_an_escaped_text_stays_as_it_is() -> None:
    """Only what means the secret is removed, and what stands around it is not read for the reader."""
    it = Redactor()
    it.conceal("Zf9/k+Qp=0&", "me")
    text = 'a%20b \\n &amp; "x\\/y" 100 % '
    assert it.redacted(text) == text
    assert it.redacted(f"{text}Zf9\\/k%2bQp&#61;0&amp;{text}") == f"{text}{REMOVED}{text}"


def test_each_of_several_secrets_is_removed_wherever_it_begins() -> None:
    """Pieces of a text are looked at every few letters; no place of a secret lies between two of them."""
    it = Redactor()
    for secret in ("eight-ch", "a-much-longer-secret-of-many-letters", "longer-secret-and-on", "x" * 40):
        it.conceal(secret)
    for before in range(40):
        assert it.redacted(f"{'-' * before}eight-ch, {'x' * 45}") == f"{'-' * before}{REMOVED}, {REMOVED}"
        text = f"{'-' * before}a-much-longer-secret-of-many-letters"
        assert it.redacted(text) == f"{'-' * before}{REMOVED}"
    assert it.redacted("a-much-longer-secret-and-on") == f"a-much-{REMOVED}"


@pytest.mark.parametrize(
    "piece", ["\\", "\\u", "%", "%25", "&", "&#", "&amp;", "a", "aaab", " ", "\u200b", "\\/", "Zf9%2f"]
)
def test_no_text_takes_long(piece: str) -> None:
    """The time grows with the text alone, also where it is all escapes, or all beginnings of a secret."""
    it = Redactor()
    for secret in ("a" * 60 + "c", "Zf9/k+Qp=0&", "Zf9/" * 10):
        it.conceal(secret, "me")
    text = piece * (400_000 // len(piece))
    begun = time.process_time()
    it.redacted(text)
    assert time.process_time() - begun < 10


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


def test_no_secret_outlives_its_test() -> None:
    """A token of 16,384 letters x, say, takes the letters x out of a text that a later test expects."""
    conceal("secret-of-the-settings")
    with forgotten_secrets():
        conceal("secret-of-one-test")
        conceal("token-of-one-test", is_passing=True)
        assert redacted("secret-of-one-test, token-of-one-test") == f"{REMOVED}, {REMOVED}"
    assert redacted("secret-of-one-test, token-of-one-test") == "secret-of-one-test, token-of-one-test"
    assert redacted("secret-of-the-settings") == REMOVED


@pytest.mark.parametrize("left", range(8, 15))
@pytest.mark.parametrize("form", ["S3cr3t-W0rd/+x9", "S3cr3t-W0rd%2F%2Bx9", "S3 cr3t-W0\u200brd/+x9"])
def test_a_secret_within_which_a_text_was_shortened_is_removed(form: str, left: int) -> None:
    """Messages quote a ticket's text shortened, and are written before secrets are removed."""
    conceal("S3cr3t-W0rd/+x9", "me@example.com")
    quoted = f'"It says: {form[: left + 3 * (form != "S3cr3t-W0rd/+x9")]}… and more'
    assert redacted(quoted).startswith(f'"It says: {REMOVED}')
    assert redacted(quoted).endswith("… and more")


def test_a_few_letters_before_an_ellipsis_are_no_secret() -> None:
    """Less than half of a secret, and the words of a sentence, stay; many ellipses cost no more than other text."""
    conceal("password-of-the-tracker")
    assert redacted("a password… of the tracker…") == "a password… of the tracker…"
    assert redacted("a password-of-…") == f"a {REMOVED}…"
