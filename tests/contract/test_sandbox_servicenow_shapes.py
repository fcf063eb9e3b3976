"""The sandbox ServiceNow answers in the shape of ServiceNow's own samples; its traffic fits the API's document."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pysnow
import pytest
import requests
from openapi_core import OpenAPI
from openapi_core.contrib.requests import RequestsOpenAPIRequest, RequestsOpenAPIResponse
from openapi_core.exceptions import OpenAPIError

from capa_sync.sandbox.http import SandboxServer
from capa_sync.sandbox.servicenow import ServiceNowTracker
from tests.absent_data import SPECS, needs

RAW = SPECS / "servicenow" / "raw"
pytestmark = needs(RAW)

# pysnow sends its whole parameter set with every verb; the instance ignores what a verb does not know
_PYSNOW = {"query", "limit", "offset", "suppress_pagination_header", "display_value", "exclude_reference_link"}
_PYSNOW_SENDS = {f"sysparm_{name}" for name in (*_PYSNOW, "view", "fields")}
RELAXED_PARAMETERS = {
    # the export leaves it out of GET; the documentation page has it and it works (docs/servicenow.md 1.1)
    "get": {"sysparm_offset"},
    **dict.fromkeys(("post", "put", "patch", "delete"), _PYSNOW_SENDS),
}
RELAXED_STATUSES: dict[str, Callable[[Any], dict[str, Any]]] = {
    # the export knows 200 alone; by the documentation page a create answers 201, a delete 204 without a body
    "post": lambda ok: {"201": ok},
    "delete": lambda _ok: {"204": {"description": "no content"}},
}


def sample(name: str) -> Any:
    """One of the vendor's sample answers."""
    return json.loads((RAW / name).read_text())


def check_like(expected: Any, got: Any, where: str = "answer") -> None:
    """Demand that an answer has the shape of a sample; raises ValueError naming the place.

    A text may stand for a reference, or a reference for a text, only where one of the two is empty, since an empty
    reference is "". Each item of a list has the shape of the sample's first.
    """
    if isinstance(expected, dict) and isinstance(got, dict):
        missing = set(expected) - set(got)
        if missing:
            raise ValueError(f"{where}: lacks {sorted(missing)}")
        for name, value in got.items():
            if name in expected:
                check_like(expected[name], value, f"{where}.{name}")
            else:
                check_cell(value, f"{where}.{name}")
    elif isinstance(expected, list) and isinstance(got, list):
        for number, item in enumerate(got):
            check_like(expected[0], item, f"{where}[{number}]")
    elif "" not in (expected, got) and type(expected) is not type(got):
        raise ValueError(f"{where}: {type(got).__name__} instead of {type(expected).__name__}")
    elif not isinstance(expected, dict | list):
        check_cell(got, where)


def check_cell(value: Any, where: str) -> None:
    """Demand that one column's value is text, or a reference with link and value."""
    if isinstance(value, str):
        return
    if not isinstance(value, dict) or "link" not in value or not all(isinstance(v, str) for v in value.values()):
        raise ValueError(f"{where}: {value!r} is neither text nor a reference")


@pytest.fixture
def server() -> Iterator[SandboxServer]:
    """An empty sandbox that keeps its answers."""
    with SandboxServer(ServiceNowTracker(), keeps_answers=True) as running:
        yield running
        assert running.crashes == []


@pytest.fixture
def session() -> Iterator[requests.Session]:
    """A session of the integration user."""
    with requests.Session() as opened:
        opened.auth = ("capa_sync", "sandbox")
        yield opened


def tracker_of(server: SandboxServer) -> ServiceNowTracker:
    """The server's tracker."""
    assert isinstance(server.tracker, ServiceNowTracker)
    return server.tracker


def localised(thing: Any, origin: str) -> Any:
    """A sample with its links changed to the sandbox."""
    return json.loads(re.sub(r"https://instance\.service-?now\.com", origin, json.dumps(thing)))


RECORDS = [
    "tableapi_get.json",
    "tableapi_get_one.json",
    "tableapi_post.json",
    "tableapi_patch.json",
    "tableapi_put.json",
]


@pytest.mark.parametrize("name", RECORDS)
def test_a_sample_record_comes_back_as_it_is(server: SandboxServer, session: requests.Session, name: str) -> None:
    """Loaded from the vendor's answer and read again, every key and value is the vendor's."""
    expected = localised(sample(name)["result"], server.url)
    record = expected[0] if isinstance(expected, list) else expected
    table = record["sys_class_name"]
    tracker_of(server).load([{"kind": "ticket", "table": table, "record": record}])
    got = session.get(f"{server.url}/api/now/table/{table}/{record['sys_id']}").json()["result"]
    assert {name: got[name] for name in record} == record
    assert all(got[extra] == "" for extra in set(got) - set(record))


def answers(server: SandboxServer, session: requests.Session) -> dict[str, Any]:
    """Answers of the sandbox, by the sample whose shape they must have."""
    table, tracker = f"{server.url}/api/now/table", tracker_of(server)
    people = tracker.accounts
    incident = session.post(f"{table}/incident", json={"short_description": "x"}).json()
    key = incident["result"]["sys_id"]
    problem = session.post(f"{table}/problem", json={"assigned_to": people.caller("admin").sys_id})
    found = {
        "tableapi_post.json": incident,
        "tableapi_get_one.json": session.get(f"{table}/incident/{key}").json(),
        "tableapi_patch.json": session.patch(f"{table}/incident/{key}", json={"work_notes": "x"}).json(),
        "tableapi_put.json": session.put(f"{table}/incident/{key}", json={"comments": "y"}).json(),
        "tableapi_get.json": session.get(f"{table}/problem").json(),
        "journal_rows_example.json": session.get(f"{table}/sys_journal_field").json(),
        "error_404_no_record.json": session.get(f"{table}/incident/none").json(),
    }
    session.delete(f"{table}/problem/{problem.json()['result']['sys_id']}")
    found["sys_audit_delete_rows_shape.json"] = session.get(f"{table}/sys_audit_delete").json()
    return {**found, **faulty_answers(server, session, f"{table}/incident/{key}")}


def faulty_answers(server: SandboxServer, session: requests.Session, record: str) -> dict[str, Any]:
    """The answers that need a setting."""
    settings, found = tracker_of(server).settings, {}
    settings.write_denied = ["incident"]
    found["error_403_acl.json"] = session.patch(record, json={"category": "x"}).json()
    settings.quota_rows, settings.quota_as = 0, "error_only"
    found["error_transaction_cancelled.json"] = session.get(record.rpartition("/")[0]).json()
    settings.rate_limit_per_hour = 1
    found["error_429_rate_limit.json"] = session.get(record).json()
    return found


def test_answers_look_like_the_vendors_samples(server: SandboxServer, session: requests.Session) -> None:
    """Lists, records, writes, journal, deletion audit and errors."""
    got = answers(server, session)
    assert len(got) == 11
    for name, answer in got.items():
        check_like(sample(name), answer, name)
        assert answer.get("result") != [], name


def test_errors_use_the_vendors_words(server: SandboxServer, session: requests.Session) -> None:
    """Message and detail of not found, denied and cancelled are the quoted ones."""
    got = answers(server, session)
    for name in ("error_404_no_record.json", "error_403_acl.json", "error_transaction_cancelled.json"):
        assert got[name] == sample(name)


def test_display_values_by_dotted_path_look_like_the_sample(server: SandboxServer, session: requests.Session) -> None:
    """References shown by name keep their link; a column by a dotted path is plain text."""
    tracker = tracker_of(server)
    person = {"kind": "user", "user_name": "fred", "name": "Fred Johnson", "sys_id": "u1", "department": "d1"}
    others = [("cmn_department", "d1", "Accounting"), ("sys_user_role", "r1", "support")]
    named = [{"kind": "ticket", "table": t, "record": {"sys_id": i, "name": n}} for t, i, n in others]
    held = {"kind": "ticket", "table": "sys_user_has_role", "record": {"sys_id": "h", "user": "u1", "role": "r1"}}
    tracker.load([person, *named, held])
    fields = "user.name,user.sys_id,role.name,user.department,role,user"
    url = f"{server.url}/api/now/table/sys_user_has_role"
    asked = {"sysparm_fields": fields, "sysparm_display_value": "true", "sysparm_query": "user=u1"}
    answer = session.get(url, params=asked).json()
    text = (RAW / "dotwalk_display_value_true_0.json").read_text()
    check_like({"result": json.loads(text)["result"]}, answer)
    row = answer["result"][0]
    assert row["user.department"]["display_value"] == "Accounting"
    assert row["user.department"]["link"].endswith("/cmn_department/d1")


def test_grouped_counts_look_like_the_sample(server: SandboxServer, session: requests.Session) -> None:
    """`stats` beside `groupby_fields` of field and value."""
    tracker_of(server).as_user("admin").insert("incident", {})
    url = f"{server.url}/api/now/stats/incident?sysparm_count=true&sysparm_group_by=assignment_group"
    (group,) = session.get(url).json()["result"]
    expected = sample("stats_1.json")["result"][0]
    assert set(group) == set(expected)
    check_like(expected["groupby_fields"], group["groupby_fields"])


def test_headers_look_like_the_trace(server: SandboxServer, session: requests.Session) -> None:
    """The headers are those that a real instance sent in 2026, except the transport's own."""
    tracker_of(server).as_user("admin").insert("incident", {})
    got = session.get(f"{server.url}/api/now/table/incident?sysparm_limit=1").headers
    trace = dict(line.split(": ", 1) for line in (RAW / "headers_table_get.txt").read_text().splitlines()[1:] if line)
    assert set(trace) - set(got) == {"Transfer-Encoding", "Content-Encoding"}
    same = ("Content-Type", "Server", "X-Is-Logged-In", "Cache-Control", "Pragma", "X-Content-Type-Options")
    assert {name: got[name] for name in same} == {name: trace[name] for name in same}
    links = re.compile(r'sysparm_limit=1&sysparm_offset=(-?\d+)>;rel="(\w+)"')
    assert links.findall(trace["Link"])[:2] == links.findall(got["Link"])[:2] == [("0", "first"), ("-1", "prev")]


# --- a changed answer must be refused -------------------------------------------------------------------------------


def _set(*path: str | int, to: Any) -> Callable[[Any], None]:
    def change(answer: Any) -> None:
        for step in path[:-1]:
            answer = answer[step]
        answer[path[-1]] = to

    return change


MUTATIONS = {
    "a number instead of text": ("tableapi_get.json", _set("result", 0, "priority", to=4)),
    "null instead of text": ("tableapi_get.json", _set("result", 0, "due_date", to=None)),
    "a boolean instead of text": ("tableapi_post.json", _set("result", "active", to=True)),
    "an object instead of a list": ("tableapi_get.json", _set("result", to={})),
    "a list instead of an object": ("tableapi_get_one.json", _set("result", to=[])),
    "a reference without link": ("tableapi_get.json", _set("result", 0, "opened_by", to={"value": "x"})),
    "a reference where text is": ("tableapi_post.json", _set("result", "number", to={"link": "a", "value": "b"})),
    "an extra column of another kind": ("tableapi_post.json", _set("result", "u_x", to=[1])),
    "a missing column": ("tableapi_patch.json", lambda answer: answer["result"].pop("sys_mod_count")),
    "a missing error": ("error_404_no_record.json", lambda answer: answer.pop("error")),
    "an error as text": ("error_429_rate_limit.json", _set("error", to="Rate limit exceeded")),
    "an error without detail": ("error_403_acl.json", lambda answer: answer["error"].pop("detail")),
}


@pytest.mark.parametrize("what", MUTATIONS)
def test_a_mutated_answer_fails_the_check(server: SandboxServer, session: requests.Session, what: str) -> None:
    """Each wrong shape is found, on an answer that was right before."""
    name, mutate = MUTATIONS[what]
    answer = copy.deepcopy(answers(server, session)[name])
    check_like(sample(name), answer)
    mutate(answer)
    with pytest.raises(ValueError, match="answer"):
        check_like(sample(name), answer)


# --- the API's document --------------------------------------------------------------------------------------------


class Document:
    """The vendor's OpenAPI export, relaxed where it is known to be wrong, as a check of traffic."""

    def __init__(self, origin: str) -> None:
        self.spec = json.loads((SPECS / "servicenow" / "servicenow-table.openapi.json").read_text())
        self.spec["servers"] = [{"url": origin}]
        for operations in self.spec["paths"].values():
            for verb in set(RELAXED_STATUSES) & set(operations):
                operations[verb]["responses"] |= RELAXED_STATUSES[verb](operations[verb]["responses"]["200"])
        self.openapi = OpenAPI.from_dict(self.spec)

    def check(self, answer: requests.Response, *_args: Any, **_options: Any) -> None:
        """Demand path, verb, parameters, status and content type that the document has. Raises ValueError."""
        request = answer.request
        sent = RequestsOpenAPIRequest(request)
        try:
            self.openapi.validate_request(sent)
            if answer.status_code < 400:
                self.openapi.validate_response(sent, RequestsOpenAPIResponse(answer))
        except OpenAPIError as error:
            raise ValueError(f"{request.method} {request.url}: {error}") from error
        verb = str(request.method).lower()
        operation = self._operation(str(request.url), verb)
        declared = {p["name"] for p in operation["parameters"] if p["in"] == "query"}
        unknown = set(sent.parameters.query) - declared - RELAXED_PARAMETERS.get(verb, set())
        if unknown:
            raise ValueError(f"{request.method} {request.url}: parameters {sorted(unknown)} are not in the document")

    def _operation(self, url: str, verb: str) -> dict[str, Any]:
        has_id = url.partition("?")[0].count("/") == 7
        template = "/api/now/table/{tableName}/{sys_id}" if has_id else "/api/now/table/{tableName}"
        found: dict[str, Any] = self.spec["paths"][template][verb]
        return found


@pytest.fixture
def judged(server: SandboxServer, session: requests.Session) -> requests.Session:
    """A session whose exchanges are all checked against the document."""
    session.hooks["response"].append(Document(server.url).check)
    return session


def test_traffic_fits_the_vendors_document(server: SandboxServer, judged: requests.Session) -> None:
    """Every operation passes, through pysnow and plainly, with all relaxations named above."""
    resource = pysnow.Client(host=f"127.0.0.1:{server.port}", session=judged, use_ssl=False).resource(
        "/table/incident"
    )
    made = resource.create({"short_description": "x"}).one()
    options = {"exclude_reference_link": True, "suppress_pagination_header": True, "display_value": "all"}
    assert resource.get(query="ORDERBYsys_id", limit=10, offset=0, fields=["sys_id"], **options).all()
    assert resource.update({"sys_id": made["sys_id"]}, {"category": "software"}).one()
    resource.request("PATCH", path_append="/" + made["sys_id"], data='{"work_notes": "x"}').one()
    table = f"{server.url}/api/now/table/incident"
    assert judged.get(f"{table}/{made['sys_id']}?sysparm_display_value=true&sysparm_view=x").status_code == 200
    assert judged.get(table, headers={"Accept": "application/xml"}).status_code == 200
    assert resource.delete({"sys_id": made["sys_id"]}) == {"status": "record deleted"}
    assert judged.get(f"{table}/{made['sys_id']}").status_code == 404
    assert {exchange.method for exchange in server.requests} == {"GET", "POST", "PUT", "PATCH", "DELETE"}


@pytest.mark.parametrize(
    ("method", "tail"),
    [
        ("GET", "/api/now/table/incident?sysparm_lmit=1"),
        ("DELETE", "/api/now/table/incident"),
        ("GET", "/api/now/stats/incident"),
        ("PATCH", "/api/now/table/incident/x?sysparm_no_count=true"),
    ],
)
def test_the_document_refuses_what_it_does_not_know(
    server: SandboxServer, judged: requests.Session, method: str, tail: str
) -> None:
    """A mistyped parameter, a verb or a path that is not there."""
    with pytest.raises(ValueError, match=method):
        judged.request(method, server.url + tail, json={})


def test_the_document_refuses_another_content_type(server: SandboxServer, judged: requests.Session) -> None:
    """The hibernation page's HTML is no answer of this API."""
    tracker_of(server).settings.hibernating = True
    with pytest.raises(ValueError, match="GET"):
        judged.get(f"{server.url}/api/now/table/incident")
