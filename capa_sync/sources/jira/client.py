"""The only module that sends requests to a Jira: it uses the `jira` library's session and checks every answer.

The library signs in and owns the session. Its retries, its Resource objects and its error texts (which quote
headers and bodies) are not used (docs/jira.md 0 and 1.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
import requests
from jira import JIRA

from capa_sync.errors import (
    AccessDenied,
    Authentication,
    BadAnswer,
    DeliveryUnknown,
    Fatal,
    NotBefore,
    Retryable,
    WriteRefused,
)
from capa_sync.model.address import check_address
from capa_sync.model.clock import Clock
from capa_sync.redaction import conceal
from capa_sync.sources.budget import Budget
from capa_sync.sources.cookies import cookies_refused
from capa_sync.sources.downloads import AttachmentDownloads
from capa_sync.sources.environment import read_environment_once
from capa_sync.sources.instants import ClockOffsets
from capa_sync.sources.jira import answers
from capa_sync.sources.jira.bearer import BearerAuth
from capa_sync.sources.jira.gate import EndpointGate
from capa_sync.sources.jira.guard import check_reading_post, check_write
from capa_sync.sources.jira.identity import IdentityCheck
from capa_sync.sources.jira.options import JiraOptions
from capa_sync.sources.jira.sending import TIMEOUT, fetch_token, guarded, unknown
from capa_sync.sources.retry import RetryPolicy, not_by_tracker, overload
from capa_sync.sources.sizes import goal_of
from capa_sync.sources.transport import hold_to
from capa_sync.sources.wish import read_http_date, wish_of

_AGENT = "capa-sync (detective control; mirrors tickets, writes one comment)"


class BadRequest(Fatal):
    """Jira does not understand the request (400): a wrong query, an expired token, an id that no longer exists."""


class JiraClient:
    """One signed-in session. Threads must not share it.

    Args:
        options: address, sign-in, TLS.
        clock: our own clock, for token life and HTTP dates.
        retry: the policy for reads.
        budget, gate: shared by all sessions of a source.

    Raises:
        Fatal: an address must not be used.
    """

    def __init__(
        self,
        options: JiraOptions,
        clock: Clock,
        retry: RetryPolicy,
        budget: Budget,
        gate: EndpointGate | None = None,
    ) -> None:
        wrong = next(filter(None, (_wrong(options.base, options), _wrong(options.auth.token_url, options))), None)
        if wrong:
            raise Fatal(options.name, wrong)
        conceal(options.auth.secret, options.auth.user)
        self.source = options.name
        self.is_cloud = options.api == "cloud"
        self._base = options.base
        self._clock = clock
        self._retry = retry
        self._budget = budget
        self._gate = gate or EndpointGate(options.name, clock)
        self.identity = IdentityCheck(options.name, lambda: self._read("GET", "myself", None, None))
        self.answered_at: datetime | None = None
        """The tracker's own instant (HTTP Date) of the newest answer; None when that answer has no date."""
        self.answered_bytes = 0
        """Bytes of the newest answer."""
        self.most = options.limits.answer
        """Bytes that an answer may have."""
        self.goal = goal_of(self.most)
        """Bytes that a page should have at most."""
        self._limits = options.limits
        self.offsets = ClockOffsets()
        self._session = self._sign_in(options)

    def _sign_in(self, options: JiraOptions) -> requests.Session:
        auth = options.auth
        settings: dict[str, Any] = {
            "server": options.base,
            "rest_api_version": "3" if self.is_cloud else "2",
            "verify": options.verify,
            "check_update": False,
            "headers": {"User-Agent": _AGENT},
        }
        ways: dict[str, dict[str, Any]] = {
            "basic": {"basic_auth": (auth.user, auth.secret)},
            "pat": {"token_auth": auth.secret},
            "oauth-client-credentials": {},
        }
        client = JIRA(
            options=settings,
            get_server_info=False,
            max_retries=0,
            timeout=TIMEOUT,
            logging=False,
            **ways[auth.method],
        )
        session: requests.Session = client._session  # noqa: SLF001 - docs/jira.md 1.3: pinned to jira 3.10
        hold_to(session, self.source, options.limits)
        read_environment_once(session, options.base)
        if auth.method == "oauth-client-credentials":
            session.auth = BearerAuth(self._clock, lambda: fetch_token(options, self._clock, session.verify))
        return session

    def downloads(self) -> AttachmentDownloads:
        """Return what fetches attached files with this session's sign-in."""
        return AttachmentDownloads(
            self.source, self._base, self._session, self._limits, self._clock, self._retry, self._budget,
            answers.sign_in_problem,
        )  # fmt: skip

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """Read a path below `rest/api/N/` and return the decoded JSON.

        Raises:
            Retryable, NotBefore: the tracker asks to wait. Authentication: it does not accept our sign-in.
            BadRequest: 400. AccessDenied: 403. BadAnswer: not what the API promises. Fatal: refused for good.
        """
        return self._read("GET", path, params, None)

    def find(self, path: str, params: Mapping[str, Any] | None = None) -> Any | None:
        """Like `get`, but return None where Jira itself answers 404: gone, hidden, or never there.

        The 404 of a proxy proves nothing of a ticket, and may be over soon: Retryable, as is the 403 of a firewall.
        """
        return self._read("GET", path, params, None, may_miss=True)

    def find_shown(self, path: str, params: Mapping[str, Any] | None = None) -> Any | None:
        """Like `find`, but return None for 403 too: for what Jira may refuse of one ticket and show of others."""
        try:
            return self.find(path, params)
        except AccessDenied:
            return None

    def post(self, path: str, body: Mapping[str, Any], params: Mapping[str, Any] | None = None) -> Any:
        """Read by a POST that changes nothing. Raises the errors of `get`."""
        check_reading_post(path)
        return self._read("POST", path, params, body)

    def write(self, method: str, path: str, body: Any, params: Mapping[str, str] | None = None) -> Any | None:
        """Send one write, exactly once. Returns the decoded JSON, None for an empty answer.

        Raises:
            Retryable, NotBefore: refused before it was processed, or never sent. WriteRefused: not applied.
            DeliveryUnknown: it is not known whether it was applied. Authentication: our sign-in is not accepted.
            ForbiddenWriteError: capa-sync never makes such a write; it was not sent.
        """
        check_write(method, path, params or {}, body)
        what = f"{method} {path}"
        answer = self._send(method, path, params, body, is_write=True)
        cookies_refused(self._session, answer)  # a write is not repeated, but what follows does not suffer
        try:
            return self._outcome(answer, method, path)
        except (WriteRefused, DeliveryUnknown, Authentication, Retryable, NotBefore):
            raise
        except Exception as error:
            raise unknown(self.source, what, f"the answer cannot be read ({type(error).__name__})") from error

    def _outcome(self, answer: requests.Response, method: str, path: str) -> Any | None:
        """Decide from the answer whether a write was applied."""
        what = f"{method} {path}"
        problem = answers.sign_in_problem(self.source, answer.status_code, answer.headers)
        if problem is not None:
            raise problem
        later = self._overload(answer, what)
        if later is not None and answer.status_code == 429:
            self._gate.note(method, path, later)
            raise later
        if 400 <= answer.status_code < 500:
            raise answers.write_refusal(self.source, what, answer.status_code, answer.content)
        if not 200 <= answer.status_code < 300:
            wish = wish_of(answer.status_code, answer.headers, self._clock.now())
            raise unknown(self.source, what, f"answered {answer.status_code}", wish)
        return answers.decode(self.source, what, answer.headers, answer.content) if answer.content else None

    def _read(
        self, method: str, path: str, params: Mapping[str, Any] | None, body: Any, *, may_miss: bool = False
    ) -> Any:
        what = f"{method} {path}"

        def send() -> Any:
            answer = self._send(method, path, params, body, is_write=False)
            if cookies_refused(self._session, answer):
                answer = self._send(method, path, params, body, is_write=False)
            if answer.status_code == 403 or (may_miss and answer.status_code == 404):
                self._demand_own(answer, path, what, is_decisive=not may_miss or answers.decides(path))
            if may_miss and answer.status_code == 404:
                return None
            self._check(answer, what)
            found = answers.decode(self.source, what, answer.headers, answer.content)
            if found is None:  # otherwise the caller would take it for a 404
                raise BadAnswer(self.source, f"{what}: the answer is null")
            self.identity.check(answer.headers, path)
            self._note_date(answer.headers.get("Date"))
            self.answered_bytes = len(answer.content)
            return found

        try:
            return self._retry.read(send)
        except (Retryable, NotBefore) as fault:
            self._gate.note(method, path, fault)
            raise

    def _demand_own(self, answer: requests.Response, path: str, what: str, *, is_decisive: bool) -> None:
        """Raise for a refusal that was not given to our account, or a decisive one that Jira did not give."""
        problem = answers.sign_in_problem(self.source, answer.status_code, answer.headers)
        if problem is not None:
            raise problem
        if not is_decisive:
            return
        if not answers.is_own_refusal(path, answer.content):
            raise not_by_tracker(self.source, answer.status_code, what)
        self.identity.check(answer.headers, path)

    def _note_date(self, header: str | None) -> None:
        self.answered_at = read_http_date(header)
        self.offsets.note(self.answered_at, self._clock.now())

    def _check(self, answer: requests.Response, what: str) -> None:
        status = answer.status_code
        problem = answers.sign_in_problem(self.source, status, answer.headers) or self._overload(answer, what)
        if problem is not None:
            raise problem
        if status == 400:
            self.identity.doubt(what)  # to an anonymous reader a known project does not exist
            words = answers.error_text(answer.content)
            raise BadRequest(self.source, f"{what}: Jira does not understand it: {words or 'no reason given'}")
        if not 200 <= status < 300:
            raise answers.read_refusal(self.source, what, status, answer.content)

    def _overload(self, answer: requests.Response, what: str) -> Retryable | NotBefore | None:
        return overload(self.source, answer.status_code, answer.headers, self._clock.now(), what)

    def _send(
        self, method: str, path: str, params: Mapping[str, Any] | None, body: Any, *, is_write: bool
    ) -> requests.Response:
        self._gate.pass_through(method, path)
        self._budget.take()
        url = f"{self._base}/rest/api/{3 if self.is_cloud else 2}/{path}"
        data = None if body is None else orjson.dumps(body)
        # the library's own `request` is not used: it parses and repeats error bodies
        return guarded(
            self.source,
            self._base,
            lambda: requests.Session.request(
                self._session, method, url, params=params, data=data, timeout=TIMEOUT, allow_redirects=False
            ),
            f"{method} {path}",
            is_write=is_write,
        )


def _wrong(url: str, options: JiraOptions) -> str | None:
    return check_address(url, allow_http=options.allow_http) if url else None
