"""What an error of `requests` means: whether the request arrived, and in words what happened; no I/O."""

from __future__ import annotations

import requests
import urllib3.exceptions

from capa_sync.sources.transport import took_too_long


def is_local(error: Exception) -> bool:
    """Tell whether the address or a header of ours cannot be sent as it is."""
    kinds = (
        requests.exceptions.InvalidURL,
        requests.exceptions.MissingSchema,
        requests.exceptions.InvalidSchema,
        requests.exceptions.InvalidHeader,
    )
    return isinstance(error, kinds)


def may_have_arrived(error: requests.RequestException) -> bool:
    """Whether a request may have reached the server although no answer came."""
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return False
    cause = error.args[0] if error.args else None
    reason = getattr(cause, "reason", cause)
    return not isinstance(reason, urllib3.exceptions.NewConnectionError | urllib3.exceptions.ConnectTimeoutError)


def why(error: requests.RequestException) -> str:
    """Say in a few words what happened, without the library's own text, which holds addresses."""
    if isinstance(error, requests.exceptions.Timeout) or took_too_long(error):
        return "no answer in time"
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy cannot be reached"
    if isinstance(error, requests.exceptions.ChunkedEncodingError | requests.exceptions.ContentDecodingError):
        return "the answer was cut short"
    return "the connection failed" if may_have_arrived(error) else "the server cannot be reached"
