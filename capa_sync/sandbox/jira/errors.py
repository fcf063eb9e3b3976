"""How the sandbox Jira says no."""

from __future__ import annotations

from collections.abc import Mapping

from capa_sync.sandbox.messages import Reply


class JiraError(Exception):
    """An answer other than success, in Jira's form.

    Args:
        status: HTTP status.
        message: goes into `errorMessages`; empty for none.
        errors: by field.
        headers: extra headers.
    """

    def __init__(
        self,
        status: int,
        message: str = "",
        errors: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message or str(errors))
        self.status = status
        self.messages = [message] if message else []
        self.errors = dict(errors or {})
        self.headers = dict(headers or {})

    def reply(self) -> Reply:
        """The HTTP answer."""
        body = {"errorMessages": self.messages, "errors": self.errors}
        return Reply(self.status, body, headers=self.headers)


def no_such_issue(*, is_cloud: bool) -> JiraError:
    """404 for an issue that does not exist, was deleted or is hidden: Jira tells no difference."""
    if is_cloud:
        return JiraError(404, "Issue does not exist or you do not have permission to see it.")
    return JiraError(404, "Issue Does Not Exist")
