"""Rate limits per user and clock hour, as set by administrators in `sys_rate_limit_rules` (docs/servicenow.md 6)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from capa_sync.sandbox.servicenow.answers import ApiError

RULE = "Table API - all users"


class HourlyLimit:
    """Counts the requests of each user in the current clock hour."""

    def __init__(self) -> None:
        self._hour = datetime.min.replace(tzinfo=UTC)
        self._counts: dict[str, int] = {}

    def count(self, user_name: str, limit: int | None, now: datetime) -> dict[str, str]:
        """Count one request and return the headers of its answer. Raises ApiError 429 above the limit."""
        hour = now.replace(minute=0, second=0, microsecond=0)
        if hour != self._hour:
            self._hour, self._counts = hour, {}
        self._counts[user_name] = self._counts.get(user_name, 0) + 1
        if limit is None:
            return {}
        reset = hour + timedelta(hours=1)
        headers = {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Reset": str(int(reset.timestamp())),
            "X-RateLimit-Rule": RULE,
        }
        if self._counts[user_name] > limit:
            headers["Retry-After"] = str(int((reset - now).total_seconds()) + 1)
            detail = f"Rate limit of {limit} requests per hour for Table API exceeded"
            raise ApiError(429, "Rate limit exceeded", detail, headers)
        return headers
