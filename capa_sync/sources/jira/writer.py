"""Writes on a Jira: one comment, our own labels, one issue property; nothing else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from capa_sync.errors import (
    TICKET,
    AccessDenied,
    AnswerTooLarge,
    BadAnswer,
    DeliveryUnknown,
    Retryable,
    Skippable,
    SourceError,
    WriteRefused,
)
from capa_sync.model.clock import Clock
from capa_sync.model.patterns import COMMENT_ID
from capa_sync.model.write import OWN_LABELS, PROPERTY_KEY, TICKET_GONE, Delivered, Write, WriteKind
from capa_sync.sources.budget import Budget
from capa_sync.sources.fence import fenced, fenced_write
from capa_sync.sources.jira.client import JiraClient
from capa_sync.sources.jira.facts import read_me
from capa_sync.sources.jira.gate import EndpointGate
from capa_sync.sources.jira.marks import MARKER, find_own_comment, has_marker, property_in, property_value
from capa_sync.sources.jira.markup import same_text, to_adf, to_wiki
from capa_sync.sources.jira.options import JiraOptions
from capa_sync.sources.jira.removal import (
    is_comment_removed,
    is_property_removed,
    remove_comment,
    remove_property,
)
from capa_sync.sources.jira.service_desk import (
    INTERNAL_PROPERTY,
    is_service_desk,
    is_shown_to_customers,
    require_internal,
    take_back,
)
from capa_sync.sources.jira.shapes import fields_of
from capa_sync.sources.jira.times import in_utc
from capa_sync.sources.jira.values import account_of
from capa_sync.sources.retry import RetryPolicy


class JiraWriter:
    """Writes on one Jira; see `ports.TicketWriter`. One instance for each thread.

    Writes are sent once. The reads around them (does the ticket exist, is our comment there) may be repeated.
    """

    def __init__(
        self,
        options: JiraOptions,
        clock: Clock,
        stop: threading.Event,
        budget: Budget,
        gate: EndpointGate | None = None,
    ) -> None:
        self.name = options.name
        retry = RetryPolicy(options.name, clock, stop, is_instant=options.is_instant)
        self._client = JiraClient(options, clock, retry, budget, gate)
        self._api = options.api
        self._me = ""

    @fenced_write
    def deliver(self, write: Write, remote_id: str) -> Delivered:
        """Apply one write; see `ports.TicketWriter`.

        Raises:
            Retryable, NotBefore: not applied. WriteRefused: not applied. DeliveryUnknown: the answer is lost.
            Skippable: not applied: what must be read of this ticket first is too large, or refused to us.
            ShownToCustomer: a comment sent as internal was public; it was deleted again.
        """
        self._sign_in()
        ways = {
            WriteKind.COMMENT: self._comment,
            WriteKind.LABELS: self._labels,
            WriteKind.PROPERTY: self._property,
        }
        try:
            return ways[write.kind](write, remote_id)
        except (AccessDenied, AnswerTooLarge) as error:  # raised by a read before anything is sent
            raise Skippable(self.name, write.ticket_key, error.message) from None

    @fenced
    def look_up(self, write: Write, remote_id: str) -> Delivered | None:
        """Return how the tracker shows a write whose answer was lost; None when it does not."""
        self._sign_in()
        try:
            return self._look_up(write, remote_id)
        except (AccessDenied, AnswerTooLarge) as error:  # concerns this ticket alone: the others go on
            raise DeliveryUnknown(self.name, error.message) from None

    def _look_up(self, write: Write, remote_id: str) -> Delivered | None:
        ticket = self._find_ticket(write)
        if ticket is None:  # it may have been applied before the ticket went
            raise DeliveryUnknown(self.name, f"{write.ticket_key}: the ticket {TICKET_GONE}")
        if write.kind is WriteKind.COMMENT and not write.is_removal:
            return self._look_up_comment(write, remote_id, ticket)
        return Delivered(stamp=_updated_of(ticket)) if self._is_done(write, remote_id, ticket) else None

    def _is_done(self, write: Write, remote_id: str, ticket: dict[str, Any]) -> bool:
        """Tell whether labels or property have the desired state, or what the write removes is gone."""
        if write.kind is WriteKind.LABELS:
            return not self._label_orders(write, ticket)
        if write.kind is WriteKind.COMMENT:
            return is_comment_removed(self._client, write, remote_id, self._me)
        return is_property_removed(self._client, write) if write.is_removal else self._has_property(write)

    def _sign_in(self) -> None:
        if self._me:
            return
        if self._api == "auto":
            server = self._client.get("serverInfo")
            self._client.is_cloud = isinstance(server, dict) and server.get("deploymentType") == "Cloud"
        self._me = account_of(read_me(self._client))

    def _find_ticket(self, write: Write) -> dict[str, Any] | None:
        found = self._client.find(f"issue/{write.ticket_id}", {"fields": "updated,labels,project"})
        if found is not None:
            _labels_in(self.name, fields_of(self.name, found, write.ticket_id), write)
        return found

    def _ticket(self, write: Write) -> dict[str, Any]:
        found = self._find_ticket(write)
        if found is None:
            raise WriteRefused(self.name, f"{write.ticket_key}: the ticket {TICKET_GONE}")
        return found

    # the comment

    def _comment(self, write: Write, remote_id: str) -> Delivered:
        ticket = self._ticket(write)
        if write.is_removal:
            remove_comment(self._client, write, remote_id, self._me)
            return Delivered(stamp=self._updated_now(write))
        body = self._body(write)
        if remote_id and self._update(write, remote_id, body, ticket):
            return Delivered(remote_id, self._updated_now(write))
        found = find_own_comment(self._client, write.ticket_id, self._me, write.marker)
        if found and found != remote_id and self._update(write, found, body, ticket):
            return Delivered(found, self._updated_now(write))
        if found:  # asked for alone it is gone, and the list shows it: one of the answers is wrong
            message = f"{write.ticket_key}: Jira's answers about our comment {found} contradict each other"
            raise Retryable(self.name, message, scope=TICKET)
        if remote_id:
            return Delivered(stamp=_updated_of(ticket), deleted_by_person=True)
        return self._create(write, body, ticket)

    def _body(self, write: Write) -> Any:
        if write.text is None:
            raise WriteRefused(self.name, f"{write.ticket_key}: a comment without text is not written")
        text = write.text.without_secrets()
        return to_adf(text) if self._client.is_cloud else to_wiki(text)

    def _update(self, write: Write, comment_id: str, body: Any, ticket: dict[str, Any]) -> bool:
        """Edit our comment, unless it already has this text; False when it is gone, or is no comment of ours.

        No `properties` are sent, because they would be replaced.
        """
        path = f"issue/{write.ticket_id}/comment/{comment_id}"
        found = self._client.find(path)
        if found is None or not self._is_ours(found, comment_id, write):
            return False
        if is_service_desk(self._client, write, ticket):
            require_internal(self._client, write, comment_id, found)
        if same_text(body, self._comment_body(found, comment_id)):
            return True
        # Cloud mails watchers about edits unless this is set; Data Center has no such switch
        quietly = {"notifyUsers": "false"} if self._client.is_cloud else {}
        try:
            self._client.write("PUT", path, {"body": body}, quietly)
        except WriteRefused:
            if self._client.find(path) is None:  # deleted between our read and our edit
                return False
            raise
        return True

    def _is_ours(self, found: Any, comment_id: str, write: Write) -> bool:
        """Tell whether a comment is ours by its author, or by its property: our account may have been exchanged."""
        author = account_of(found.get("author")) if isinstance(found, dict) else ""
        return author in (self._me, "") or has_marker(self._client, comment_id, write.ticket_id, write.marker)

    def _comment_body(self, answer: Any, comment_id: str) -> Any:
        """Return the body of the requested comment. Raises BadAnswer for anything else."""
        if not isinstance(answer, dict) or answer.get("id") != comment_id or "body" not in answer:
            raise BadAnswer(self.name, f"the answer for comment {comment_id} is no comment, or another one")
        return answer["body"]

    def _create(self, write: Write, body: Any, ticket: dict[str, Any]) -> Delivered:
        properties: list[dict[str, Any]] = [{"key": PROPERTY_KEY, "value": property_value(write.marker)}]
        is_service_project = is_service_desk(self._client, write, ticket)
        if is_service_project:
            properties.append(INTERNAL_PROPERTY)
        order = {"body": body, "properties": properties}
        answer = self._client.write("POST", f"issue/{write.ticket_id}/comment", order)
        id_ = _id_in(answer) if self._is_as_sent(answer, body) else ""
        is_public = False
        with self._after_sending():
            if not id_:
                id_ = find_own_comment(self._client, write.ticket_id, self._me, write.marker)
                answer = self._client.find(f"issue/{write.ticket_id}/comment/{id_}") if id_ else None
            is_public = is_service_project and is_shown_to_customers(self._client, id_, answer)
        if is_public:
            raise take_back(self._client, write, id_)
        return Delivered(id_, self._updated_now(write))

    def _is_as_sent(self, answer: Any, body: Any) -> bool:
        """Tell whether the answer to a new comment shows that comment: the id of another one must not become ours."""
        return (
            isinstance(answer, dict)
            and account_of(answer.get("author")) == self._me
            and same_text(body, answer.get("body"))
        )

    @contextmanager
    def _after_sending(self) -> Iterator[None]:
        """Turn an error after a sent write into DeliveryUnknown: the write is looked up before it is sent again."""
        try:
            yield
        except Exception as error:
            reason = error.message if isinstance(error, SourceError) else type(error).__name__
            raise DeliveryUnknown(self.name, f"sent, and not found again yet: {reason}") from error

    def _look_up_comment(self, write: Write, remote_id: str, ticket: dict[str, Any]) -> Delivered | None:
        body = self._body(write)
        marked = find_own_comment(self._client, write.ticket_id, self._me, write.marker)
        for id_ in dict.fromkeys(known for known in (remote_id, marked) if known):
            found = self._client.find(f"issue/{write.ticket_id}/comment/{id_}")
            if found is not None and same_text(body, self._comment_body(found, id_)):
                is_service_project = is_service_desk(self._client, write, ticket)
                if is_service_project and id_ == remote_id:
                    require_internal(self._client, write, id_, found)
                elif is_service_project and is_shown_to_customers(self._client, id_, found):
                    raise take_back(self._client, write, id_)
                return Delivered(id_, _updated_of(ticket))
        return Delivered(marked, is_other_text=True) if marked and not remote_id else None

    # labels and property

    def _labels(self, write: Write, _remote_id: str) -> Delivered:
        ticket = self._ticket(write)
        orders = self._label_orders(write, ticket)
        if not orders:
            return Delivered(stamp=_updated_of(ticket))
        self._client.write("PUT", f"issue/{write.ticket_id}", {"update": {"labels": orders}})
        with self._after_sending():
            after = self._ticket(write)
        if self._label_orders(write, after):
            message = f"{write.ticket_key}: Jira accepted the labels and did not set them"
            raise WriteRefused(self.name, f"{message}; is Labels on the edit screen, and may we edit?")
        return Delivered(stamp=_updated_of(after))

    def _label_orders(self, write: Write, ticket: dict[str, Any]) -> list[dict[str, str]]:
        """Return the update verbs that are still needed, one for each label."""
        have = _labels_in(self.name, ticket["fields"], write)
        strangers = {*write.labels_add, *write.labels_remove} - OWN_LABELS
        if strangers:
            raise WriteRefused(self.name, f"{write.ticket_key}: labels that are not ours: {sorted(strangers)}")
        add = [{"add": label} for label in write.labels_add if label not in have]
        is_unknown = ticket["fields"].get("labels") is None  # then nothing shows that ours are gone
        return add + [{"remove": label} for label in write.labels_remove if label in have or is_unknown]

    def _property(self, write: Write, _remote_id: str) -> Delivered:
        if write.is_removal:
            remove_property(self._client, write)
        elif not self._has_property(write):
            value = {MARKER: write.marker, **write.fields}
            self._client.write("PUT", f"issue/{write.ticket_id}/properties/{PROPERTY_KEY}", value)
        return Delivered(stamp=self._updated_now(write))

    def _has_property(self, write: Write) -> bool:
        """Tell whether the issue property already has this value, whichever register set it."""
        found = self._client.find(f"issue/{write.ticket_id}/properties/{PROPERTY_KEY}")
        value = property_in(self.name, found) if found is not None else None
        said = {key: text for key, text in value.items() if key != MARKER} if isinstance(value, dict) else None
        return said == dict(write.fields)

    def _updated_now(self, write: Write) -> str:
        """Return the ticket's `updated` after our write; "" when it cannot be read, for the write itself is done."""
        try:
            ticket = self._find_ticket(write)
            return _updated_of(ticket) if ticket else ""
        except Exception:  # noqa: BLE001 - whatever the answer contains, the write is done
            return ""


def _id_in(answer: Any) -> str:
    """Return the id of a new comment, "" when the answer has no valid one."""
    id_ = str(answer.get("id") or "") if isinstance(answer, dict) else ""
    return id_ if COMMENT_ID.fullmatch(id_) else ""


def _labels_in(source: str, fields: dict[str, Any], write: Write) -> set[str]:
    """Return a ticket's labels; none where the field is missing. Raises BadAnswer for other shapes."""
    labels = fields.get("labels")
    if labels is not None and not (isinstance(labels, list) and all(isinstance(label, str) for label in labels)):
        raise BadAnswer(source, f"{write.ticket_key}: its labels are no list of words")
    return set(labels or ())


def _updated_of(ticket: dict[str, Any]) -> str:
    return in_utc(str((ticket.get("fields") or {}).get("updated") or ""))
