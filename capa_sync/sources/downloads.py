"""Fetches attached files to hash them: from the tracker's own address alone, within bounds, and nothing is kept.

A file is read piece by piece into a digest. It is never stored, opened or run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests

from capa_sync.errors import Authentication, Fatal, Retryable, SourceError
from capa_sync.model.attachment import Attachment
from capa_sync.model.clock import Clock
from capa_sync.model.visible import one_line
from capa_sync.redaction import redacted
from capa_sync.sources.budget import Budget
from capa_sync.sources.cookies import cookies_refused
from capa_sync.sources.environment import sent
from capa_sync.sources.retry import RetryPolicy, overload
from capa_sync.sources.transport import Limits, has_many_codings, time_bound
from capa_sync.sources.unreachable import describe, tls_to_do

HOPS = 3
"""Redirects that are followed for one file."""
_PIECE = 256 * 1024
_TIMEOUT = (3.05, 70.0)
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_REFUSED = {
    403: "our account may not read it",
    404: "the tracker no longer has it",
    410: "the tracker no longer has it",
}


class NotFetched(Exception):
    """This file is not fetched, for the reason in the message; others may be."""


class AttachmentDownloads:
    """Fetches files of one source, signed in as its reader.

    Args:
        source: its name. base: the tracker's address; nothing is fetched from another host, port or scheme.
        session: the reader's, whose sign-in and certificates are used. limits: the time of an answer.
        clock: our own. retry, budget: those of the source.
        refusal: the error of a lost sign-in that an answer shows, None without one.
    """

    def __init__(
        self,
        source: str,
        base: str,
        session: requests.Session,
        limits: Limits,
        clock: Clock,
        retry: RetryPolicy,
        budget: Budget,
        refusal: Callable[[str, int, Mapping[str, str]], SourceError | None] = lambda *_: None,
    ) -> None:
        self._source, self._base, self._clock = source, base, clock
        self._retry, self._budget, self._refusal = retry, budget, refusal
        self._session = time_bound(requests.Session(), limits)
        self._session.auth, self._session.verify = session.auth, session.verify
        self._session.proxies, self._session.trust_env = session.proxies, session.trust_env
        self._session.headers["User-Agent"] = session.headers.get("User-Agent", "capa-sync")

    def fetched(self, attachment: Attachment, url: str, most: int) -> Attachment:
        """Return an attachment with digest and size of its content, or with why it is not fetched.

        Raises SourceError: the tracker cannot be reached, or refuses our sign-in: no other file can be fetched.
        """
        if attachment.size is not None and attachment.size > most:
            return replace(attachment, problem=f"{attachment.size:,} bytes are more than the {most:,} that are left")
        try:
            digest, size = self._retry.read(lambda: self._fetch(url, most))
        except NotFetched as reason:
            return replace(attachment, problem=str(reason))
        if attachment.size not in (None, size):
            return replace(attachment, problem=f"{size:,} bytes came, and the tracker says {attachment.size:,}")
        if attachment.sha256 not in ("", digest):
            return replace(attachment, problem=f"its digest {digest} is not the one that the tracker names")
        return replace(attachment, size=size, sha256=digest, is_fetched=True)

    def _fetch(self, url: str, most: int) -> tuple[str, int]:
        for _ in range(HOPS + 1):
            self._budget.take()
            try:
                with closing(self._open(url)) as answer:
                    if cookies_refused(self._session, answer):
                        continue
                    if answer.status_code not in _REDIRECTS:
                        self._check(answer)
                        return _digest(answer, most)
                    url = self._redirected(url, answer.headers.get("Location", ""))
            except requests.exceptions.SSLError as error:
                raise Fatal(self._source, describe(error, self._base), do=tls_to_do(error)) from None
            except (requests.RequestException, OSError) as error:
                known = error if isinstance(error, requests.RequestException) else requests.ReadTimeout()
                raise Retryable(self._source, f"an attachment: {describe(known, self._base)}") from None
        raise NotFetched(f"the tracker redirects more than {HOPS} times")

    def _open(self, url: str) -> requests.Response:
        asked: dict[str, Any] = {"headers": {"Accept": "*/*", "Accept-Encoding": "identity"}, "timeout": _TIMEOUT}
        return sent(self._source, url, lambda: self._session.get(url, **asked, stream=True, allow_redirects=False))

    def _check(self, answer: requests.Response) -> None:
        status = answer.status_code
        if status == 401:
            raise Authentication(self._source, "an attachment: the tracker does not accept the sign-in (401)")
        problem = self._refusal(self._source, status, answer.headers)
        problem = problem or overload(self._source, status, answer.headers, self._clock.now(), "an attachment")
        if problem is not None:
            raise problem
        if status != 200:
            raise NotFetched(f"{_REFUSED.get(status, 'the tracker answered')} ({status})")
        if has_many_codings(answer):
            raise NotFetched("the tracker sends it in several codings, which nobody asked for")

    def _redirected(self, url: str, location: str) -> str:
        """Return where a redirect leads. Raises NotFetched unless that is the tracker's own address."""
        try:
            target = urljoin(url, location)
            if location and _origin(target) == _origin(self._base):
                return target
            host = urlsplit(redacted(target)).hostname or ""  # a host is in lower case, and then cut
        except ValueError:
            host = ""
        raise NotFetched(f"the tracker sends it from another address ({one_line(host)[:80] or 'not readable'})")


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _digest(answer: requests.Response, most: int) -> tuple[str, int]:
    """Return SHA-256 and length of a body. Raises NotFetched where it is too long; the rest is not read."""
    digest, size = hashlib.sha256(), 0
    for piece in answer.iter_content(_PIECE):
        size += len(piece)
        if size > most:
            raise NotFetched(f"it is longer than the {most:,} bytes that are left")
        digest.update(piece)
    return digest.hexdigest(), size
