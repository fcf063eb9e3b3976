"""The write guard's allow-list, the narrowing of the query, and the meaning of answers."""

from __future__ import annotations

from typing import Any

import pytest

from capa_sync.errors import Authentication, BadAnswer
from capa_sync.sources.jira.answers import decode, error_text, read_refusal, sign_in_problem, write_refusal
from capa_sync.sources.jira.guard import ForbiddenWriteError, check_reading_post, check_write
from capa_sync.sources.jira.options import JiraAuth
from capa_sync.sources.jira.query import ScopeQuery, without_order

MARK = {"key": "capa-sync", "value": {"marker": "r/1"}}
INTERNAL = {"key": "sd.public.comment", "value": {"internal": True}}
JSON = {"Content-Type": "application/json;charset=UTF-8"}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "issue/1/comment", {"body": "x", "properties": [MARK]}),
        ("POST", "issue/1/comment", {"body": {"type": "doc"}, "properties": [MARK, INTERNAL]}),
        ("PUT", "issue/1/comment/2", {"body": "x"}),
        ("PUT", "issue/1", {"update": {"labels": [{"add": "capa-warning"}, {"remove": "capa-overdue"}]}}),
        ("PUT", "issue/1/properties/capa-sync", {"marker": "r/1"}),
        ("PUT", "comment/1/properties/capa-sync", {"marker": "r/1"}),
    ],
)
def test_the_writes_that_we_make_pass(method: str, path: str, body: Any) -> None:
    """These are all our writes."""
    check_write(method, path, {}, body)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("DELETE", "issue/1", None),
        ("DELETE", "issue/1/comment/2", {"a": 1}),
        ("DELETE", "issue/1/properties/other", None),
        ("DELETE", "issueLink/1", None),
        ("POST", "issue", {"fields": {}}),
        ("POST", "issue/1/transitions", {"transition": {"id": "1"}}),
        ("PUT", "issue/1/assignee", {"name": "x"}),
        ("PUT", "issue/1", {"fields": {"labels": ["capa-warning"]}}),
        ("PUT", "issue/1", {"update": {"labels": [{"set": ["capa-warning"]}]}}),
        ("PUT", "issue/1", {"update": {"labels": [{"add": "urgent"}]}}),
        ("PUT", "issue/1", {"update": {"labels": [{"add": "capa-warning"}], "summary": [{"set": "x"}]}}),
        ("PUT", "issue/1", {"update": {"labels": []}}),
        ("PUT", "issue/1", {"update": {"labels": [{"add": "capa-warning"}]}, "fields": {"summary": "x"}}),
        ("POST", "issue/1/comment", {"body": "x"}),
        ("POST", "issue/1/comment", {"body": "x", "properties": [INTERNAL]}),
        ("POST", "issue/1/comment", {"body": "x", "properties": [MARK, {**INTERNAL, "value": {"internal": False}}]}),
        ("POST", "issue/1/comment", {"body": "x", "properties": [MARK], "visibility": {"type": "role"}}),
        ("PUT", "issue/1/comment/2", {"body": "x", "properties": [MARK]}),
        ("PUT", "issue/1/properties/other", {"a": 1}),
        ("PUT", "issue/CAPA-1", {"update": {"labels": [{"add": "capa-warning"}]}}),
        ("PUT", "issue/1/../2", {"update": {"labels": [{"add": "capa-warning"}]}}),
        ("PUT", "issue/1%2Fassignee", {"update": {"labels": [{"add": "capa-warning"}]}}),
        ("POST", "issue/1/comment/", {"body": "x", "properties": [MARK]}),
    ],
)
def test_any_other_write_is_stopped_by_the_guard(method: str, path: str, body: Any) -> None:
    """The guard stops it, whichever code of ours sends it."""
    with pytest.raises(ForbiddenWriteError):
        check_write(method, path, {}, body)


def test_a_write_with_strange_parameters_is_stopped() -> None:
    """Only notifyUsers may be in the query string."""
    with pytest.raises(ForbiddenWriteError):
        check_write("PUT", "issue/1/comment/2", {"overrideEditableFlag": "true"}, {"body": "x"})


def test_only_known_posts_count_as_reads() -> None:
    """A POST that is retried must change nothing."""
    check_reading_post("search/jql")
    with pytest.raises(ForbiddenWriteError):
        check_reading_post("issue/1/comment")


@pytest.mark.parametrize(
    ("jql", "scope"),
    [
        ("project = CAPA", "project = CAPA"),
        ("project = CAPA ORDER BY key", "project = CAPA"),
        ("project = CAPA order\n by  key DESC", "project = CAPA"),
        ('summary ~ "order by" AND project = CAPA', 'summary ~ "order by" AND project = CAPA'),
        ("summary ~ 'it\\'s order by' ORDER BY x", "summary ~ 'it\\'s order by'"),
        ('summary ~ "a \\" order by b"', 'summary ~ "a \\" order by b"'),
        ("ORDER BY created", ""),
        ("reorder by = 1", "reorder by = 1"),
    ],
)
def test_order_by_is_cut_only_where_it_is_a_clause(jql: str, scope: str) -> None:
    """Within quotes it is text."""
    assert without_order(jql) == scope


def test_conditions_stand_outside_the_querys_brackets() -> None:
    """An OR in the query cannot affect them; no upper bound is ever sent."""
    query = ScopeQuery("project = A OR project = B order by key")
    jql = query.where(query.since("updated", 1_732_877_091_000))
    assert jql == "(project = A OR project = B) AND updated >= 1732877091000 ORDER BY created ASC, key ASC"
    assert ScopeQuery("order by key").where().startswith("(project is not EMPTY) ORDER")


def test_quoted_dates_are_early_enough_in_every_zone() -> None:
    """In UTC-12 the literal is the instant itself, in other zones it is earlier."""
    query = ScopeQuery("project = A")
    query.understands_epoch = False
    assert query.since("updated", 1_772_355_600_000) == 'updated >= "2026-02-28 21:00"'


@pytest.mark.parametrize(
    ("headers", "content", "words"),
    [
        ({"Content-Type": "text/html"}, b"<!DOCTYPE html><title>Log in</title>", "sign-in page"),
        ({"Content-Type": "text/html"}, b"<html>502</html>", "proxy or a maintenance"),
        ({}, b"{}", "of no type"),
        (JSON, b'{"issues": [', "cut short"),
        (JSON, b"", "cut short"),
    ],
)
def test_what_is_no_json_is_refused(headers: dict[str, str], content: bytes, words: str) -> None:
    """One line says what came instead."""
    with pytest.raises(BadAnswer, match=words):
        decode("jira", "GET x", headers, content)


def test_a_lone_surrogate_does_not_lose_the_page() -> None:
    """Java servers send lone surrogates escaped; orjson refuses them."""
    assert decode("jira", "GET x", JSON, b'{"a": "x\\ud800y \\ud83e\\udd8a"}') == {"a": "x?y 🦊"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"errorMessages": ["No such\\n  field"], "errors": {"a": "b"}}', "No such field a: b"),
        (b'{"errorMessages": null, "errors": null}', ""),
        (b'{"message": "gone"}', "gone"),
        (b"<html>", ""),
        (b"[]", ""),
    ],
)
def test_jiras_own_words_are_shown_on_one_line(content: bytes, words: str) -> None:
    """Without such words the text is empty."""
    assert error_text(content) == words


def test_long_words_are_cut() -> None:
    """An error answer may quote a whole ticket."""
    assert len(error_text(b'{"message": "' + b"x" * 5000 + b'"}')) <= 300


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (401, {}),
        (200, {"X-AUSERNAME": "anonymous"}),
        (200, {"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"}),
        (403, {"X-Authentication-Denied-Reason": "CAPTCHA_CHALLENGE; login-url=…"}),
    ],
)
def test_a_lost_sign_in_is_seen_in_status_and_headers(status: int, headers: dict[str, str]) -> None:
    """This holds also for an answer with status 200."""
    assert isinstance(sign_in_problem("jira", status, headers), Authentication)


def test_refusals_distinguish_permanent_from_temporary() -> None:
    """A conflict is temporary; a missing right is not; what a proxy refuses says nothing of a right."""
    own = b'{"errorMessages": ["You may not."]}'
    assert write_refusal("jira", "PUT x", 409, b"").permanent is False  # type: ignore[attr-defined]
    assert write_refusal("jira", "PUT x", 403, own).permanent is True  # type: ignore[attr-defined]
    assert write_refusal("jira", "PUT x", 403, b"<html>").permanent is False  # type: ignore[attr-defined]
    assert "removed" in str(read_refusal("jira", "GET x", 410, b""))


def test_a_secret_is_in_no_repr() -> None:
    """Options may be logged or shown in a traceback."""
    assert "hush" not in repr(JiraAuth("pat", "hush"))
