"""Sends one request to a Jira or its token endpoint, and turns what goes wrong into the errors of its source."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import requests

from capa_sync.errors import (
    AnswerTooLarge,
    Authentication,
    BadAnswer,
    DeliveryUnknown,
    Fatal,
    Retryable,
    SourceError,
)
from capa_sync.model.clock import Clock
from capa_sync.redaction import conceal
from capa_sync.sources.bearer import not_signed_in, read_token
from capa_sync.sources.environment import sent
from capa_sync.sources.jira import answers
from capa_sync.sources.jira.network import may_have_arrived
from capa_sync.sources.jira.options import JiraOptions
from capa_sync.sources.retry import overload
from capa_sync.sources.transport import hold_to
from capa_sync.sources.unreachable import AS_WRITTEN, AS_WRITTEN_ERRORS, AS_WRITTEN_TO_DO, describe, tls_to_do

TIMEOUT = (3.05, 70.0)
"""Seconds to connect and to wait for a byte; the library's default is to wait without limit."""


def guarded(
    source: str, base: str, send: Callable[[], requests.Response], what: str, *, is_write: bool
) -> requests.Response:
    """Send a request and return its answer, whatever its status.

    Args:
        source: name of the source.
        base: the address that messages name.
        send: sends the request once.
        what: the request in a few words.
        is_write: what is lost on its way may have been applied.

    Raises:
        Retryable: nothing arrived, or nothing was changed by it. DeliveryUnknown: a write may have been applied.
        Fatal: TLS or the address is wrong. BadAnswer: the answer cannot be read.
    """
    try:
        return sent(source, base, send)
    except requests.exceptions.SSLError as error:
        raise Fatal(source, f"{what}: {describe(error, base)}", do=tls_to_do(error)) from None
    except AS_WRITTEN_ERRORS:
        raise Fatal(source, f"{what}: {AS_WRITTEN}", do=AS_WRITTEN_TO_DO) from None
    except requests.RequestException as error:
        if is_write and may_have_arrived(error):
            raise unknown(source, what, describe(error, base)) from None
        raise Retryable(source, f"{what}: {describe(error, base)}") from None
    except AnswerTooLarge as error:
        raise (unknown(source, what, error.message) if is_write else error) from None
    except SourceError:  # raised by the sign-in: the request itself was not sent
        raise
    except Exception as error:
        reason = f"the answer cannot be read ({type(error).__name__})"
        raise (unknown(source, what, reason) if is_write else BadAnswer(source, f"{what}: {reason}")) from error


def unknown(source: str, what: str, reason: str, wish: timedelta | None = None) -> DeliveryUnknown:
    """Return the error of a write that may have been applied; `wish`: the wait that the tracker asks for."""
    return DeliveryUnknown(source, f"{what}: {reason}; whether it was applied is not known", wish)


def fetch_token(options: JiraOptions, clock: Clock, verify: bool | str | None) -> tuple[str, timedelta]:
    """Get an access token and its lifetime from the token endpoint. `verify`: as for a session of `requests`.

    Raises Authentication when it gives none, and Retryable or NotBefore when it asks to wait.
    """
    source, auth, what = options.name, options.auth, "POST token endpoint"
    form = {"grant_type": "client_credentials", "client_id": auth.user, "client_secret": auth.secret}
    with hold_to(requests.Session(), source, options.limits) as session:
        session.verify = verify
        ask = partial(session.post, auth.token_url, data=form, timeout=TIMEOUT, allow_redirects=False)
        try:
            answer = guarded(source, auth.token_url, ask, what, is_write=False)
            token, life = _token_in(source, answer, clock, what)
        except Fatal as error:
            raise not_signed_in(source, error) from None
    conceal(token, is_passing=True)
    return token, life


def _token_in(source: str, answer: requests.Response, clock: Clock, what: str) -> tuple[str, timedelta]:
    later = overload(source, answer.status_code, answer.headers, clock.now(), what)
    if later is not None:
        raise later
    if not 200 <= answer.status_code < 300:
        words = answers.error_text(answer.content)
        raise Authentication(source, f"the token endpoint refuses us ({answer.status_code}) {words}".strip())
    return read_token(source, answers.decode(source, what, answer.headers, answer.content))
