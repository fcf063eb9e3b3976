"""Tells from an error of `requests` whether the request may have arrived; no I/O."""

from __future__ import annotations

import requests
import urllib3.exceptions


def may_have_arrived(error: requests.RequestException) -> bool:
    """Tell whether a request may have reached the server although no answer came."""
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return False
    cause = error.args[0] if error.args else None
    reason = getattr(cause, "reason", cause)
    return not isinstance(reason, urllib3.exceptions.NewConnectionError | urllib3.exceptions.ConnectTimeoutError)
