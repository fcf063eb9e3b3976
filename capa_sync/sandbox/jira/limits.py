"""Rate limits of the sandbox Jira: writes to one issue, and the burst of one endpoint."""

from __future__ import annotations

import re
from collections import defaultdict, deque

from capa_sync.sandbox.jira.errors import JiraError
from capa_sync.sandbox.jira.settings import JiraSandboxSettings
from capa_sync.sandbox.jira.times import iso


class WriteGate:
    """Counts the writes to each issue in a sliding window (docs/jira.md 7: 20 in 2 s on Cloud)."""

    def __init__(self, settings: JiraSandboxSettings) -> None:
        self._settings = settings
        self._times: defaultdict[int, deque[int]] = defaultdict(deque)

    def count(self, issue: int, now: int) -> None:
        """Count one write at `now` (epoch ms).

        Raises:
            JiraError: 429, the issue has reached its limit.
        """
        if self._settings.issue_write_limit <= 0:
            return
        window = int(self._settings.issue_write_window_s * 1000)
        times = self._times[issue]
        while times and times[0] <= now - window:
            times.popleft()
        if len(times) >= self._settings.issue_write_limit:
            wait = (times[0] + window - now) / 1000
            raise too_many("jira-per-issue-on-write", wait, self._settings.issue_write_limit, now)
        times.append(now)


class BurstGate:
    """Counts the requests a second by method and path form, for all users together."""

    def __init__(self, settings: JiraSandboxSettings, *, is_cloud: bool) -> None:
        self._settings = settings
        self._is_cloud = is_cloud
        self._seconds: dict[str, tuple[int, int]] = {}

    def count(self, method: str, path: str, now: int) -> None:
        """Count one request at `now` (monotonic time of the machine in ms).

        Raises:
            JiraError: 429, the endpoint has reached its limit.
        """
        limit = self._settings.burst_limit
        if limit <= 0:
            return
        form = method + " " + re.sub(r"/(?:\d+|[A-Z][A-Z0-9_]*-\d+)(?=/|$)", "/*", path)
        second, used = self._seconds.get(form, (0, 0))
        used = used + 1 if second == now // 1000 else 1
        self._seconds[form] = (now // 1000, used)
        if used > limit:
            raise too_many("jira-burst-based", 1, limit, now) if self._is_cloud else _too_many_for_node(limit)


def _too_many_for_node(limit: int) -> JiraError:
    """Return the 429 with the token bucket headers of Data Center."""
    values = {"Limit": limit, "Remaining": 0, "Interval-Seconds": 1, "FillRate": limit}
    headers = {f"X-RateLimit-{name}": str(value) for name, value in values.items()}
    return JiraError(429, "Rate limit exceeded.", headers={**headers, "Retry-After": "1"})


def too_many(reason: str, wait_s: float, limit: int, now: int) -> JiraError:
    """Return the 429 with the headers of Jira Cloud."""
    headers = {
        "Retry-After": str(max(1, round(wait_s))),
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": iso(now + int(wait_s * 1000)),
        "RateLimit-Reason": reason,
    }
    return JiraError(429, "Rate limit exceeded.", headers=headers)
