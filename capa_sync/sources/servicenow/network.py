"""Opens a session for one instance, and turns the errors of `requests` and pysnow into ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import requests

from capa_sync.errors import AnswerTooLarge, BadAnswer, CapaSyncError, DeliveryUnknown, Fatal, Retryable
from capa_sync.sources.environment import sent
from capa_sync.sources.unreachable import AS_WRITTEN, AS_WRITTEN_ERRORS, AS_WRITTEN_TO_DO, describe, tls_to_do

T = TypeVar("T")
_NEVER_SENT = (requests.exceptions.ConnectTimeout, requests.exceptions.InvalidURL, requests.exceptions.MissingSchema)


def was_never_sent(error: requests.RequestException) -> bool:
    """Tell whether nothing left this machine, so that the request cannot have been applied."""
    return isinstance(error, _NEVER_SENT) or "NewConnectionError" in repr(error)


def translated(source: str, url: str, send: Callable[[], T], *, writes: bool) -> T:
    """Return what `send` returns; raise our errors for those of requests and pysnow, whose texts contain addresses.

    Args:
        source: name of the source.
        url: address of the instance, for errors that do not know their request.
        send: sends one request.
        writes: the request is a write: an error after it was sent leaves open whether it was applied.

    Raises:
        Fatal: TLS fails, or nothing can be sent with these settings or this environment.
        Retryable: no answer, and not applied. DeliveryUnknown, BadAnswer: an unusable answer.
    """
    try:
        return sent(source, url, send)
    except AnswerTooLarge as error:
        raise (DeliveryUnknown(source, error.message) if writes else error) from None
    except (CapaSyncError, AssertionError):
        raise
    except requests.exceptions.SSLError as error:
        raise Fatal(source, describe(error, url), do=tls_to_do(error)) from None
    except AS_WRITTEN_ERRORS:
        raise Fatal(source, AS_WRITTEN, do=AS_WRITTEN_TO_DO) from None
    except requests.RequestException as error:
        reason = describe(error, url)
        if writes and not was_never_sent(error):
            raise DeliveryUnknown(source, f"the answer to a write was lost: {reason}") from None
        raise Retryable(source, f"no answer: {reason}") from None
    except Exception as error:  # also from pysnow, which reads more of an answer than it should
        reason = f"the answer cannot be read ({type(error).__name__})"
        raise (DeliveryUnknown if writes else BadAnswer)(source, reason) from error
