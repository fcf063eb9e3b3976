"""The error answers of the sandbox Jira."""

from __future__ import annotations

from collections.abc import Mapping

from capa_sync.sandbox.messages import Reply


class JiraError(Exception):
    """An error answer in Jira's form.

    Args:
        status: the HTTP status.
        message: the text in `errorMessages`; empty for none.
        errors: field id -> message.
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
        """Return the HTTP answer."""
        body = {"errorMessages": self.messages, "errors": self.errors}
        return Reply(self.status, body, headers=self.headers)


def no_such_issue(*, is_cloud: bool) -> JiraError:
    """Return the 404 for an issue that does not exist, was deleted or is hidden: Jira's answer is the same."""
    if is_cloud:
        return JiraError(404, "Issue does not exist or you do not have permission to see it.")
    return JiraError(404, "Issue Does Not Exist")
