"""A source that cannot be read: `doctor`, `plan` and `sync` name the same cause and the same next step."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.daemon.conftest import MakeHarness
from tests.daemon.harness import IMPATIENT, Harness
from tests.refusals import OWN_REFUSALS

INSTANCE = "check `url`: is the address that of a ServiceNow instance, or did a proxy answer?"
PORT = "look at the port, or write http:// where the tracker is on this machine"


@pytest.fixture(scope="module")
def harness(shared_harness: MakeHarness) -> Harness:
    """One Jira and one ServiceNow."""
    return shared_harness("jira", "servicenow", rules=("root-cause-before-action",))


def _url(harness: Harness, source: str) -> str:
    return harness.servers[source].url


@contextmanager
def _other_server(harness: Harness) -> Iterator[tuple[str, dict[str, str]]]:
    yield "servicenow", {"CAPA_SYNC_SOURCES__SERVICENOW__URL": _url(harness, "jira")}


@contextmanager
def _other_place_for_jira(harness: Harness) -> Iterator[tuple[str, dict[str, str]]]:
    yield "jira", {"CAPA_SYNC_SOURCES__JIRA__URL": f"{_url(harness, 'jira')}/wiki"}


@contextmanager
def _plain_port(harness: Harness) -> Iterator[tuple[str, dict[str, str]]]:
    yield "jira", {"CAPA_SYNC_SOURCES__JIRA__URL": _url(harness, "jira").replace("http:", "https:")}


@contextmanager
def _plain_port_of_servicenow(harness: Harness) -> Iterator[tuple[str, dict[str, str]]]:
    address = _url(harness, "servicenow").replace("http:", "https:")
    yield "servicenow", {"CAPA_SYNC_SOURCES__SERVICENOW__URL": address}


@contextmanager
def _closed(harness: Harness, table: str) -> Iterator[tuple[str, dict[str, str]]]:
    faults = harness.servers["servicenow"].faults
    faults.add("answer", ("GET", rf"/table/{table}(\?|$)"), times=None, status=403, answer=OWN_REFUSALS["servicenow"])
    try:
        yield "servicenow", {}
    finally:
        faults.clear()


CASES = {
    "another server than a ServiceNow": (
        _other_server,
        "GET /api/now/table/sys_user was answered with 404",
        INSTANCE,
    ),
    "another address than a Jira's": (_other_place_for_jira, "not found (404)", "is the address that of a Jira?"),
    "no TLS at a Jira": (_plain_port, "cannot be reached: there is no TLS", PORT),
    "no TLS at a ServiceNow": (_plain_port_of_servicenow, "cannot be reached: there is no TLS", PORT),
    "a closed table": (
        lambda harness: _closed(harness, "sn_grc_issue"),
        "our account may not read sn_grc_issue: GET /api/now/table/sn_grc_issue: User Not Authorized",
        "ask the admin of the instance for a read ACL or a role that shows sn_grc_issue to our account",
    ),
    "closed users": (
        lambda harness: _closed(harness, "sys_user"),
        "our account may not read sys_user: GET /api/now/table/sys_user: User Not Authorized",
        "ask the admin of the instance for a read ACL or a role that shows sys_user to our account",
    ),
}


@pytest.mark.independent
@pytest.mark.parametrize("case", CASES)
def test_cause_and_next_step_are_the_same_everywhere(harness: Harness, case: str) -> None:
    """In one line each; nobody is told to mend what the tracker says where the tracker said nothing."""
    prepare, cause, do = CASES[case]
    with prepare(harness) as (source, env):
        done = harness.run("doctor", "--source", source, "--json", **env, **IMPATIENT)
        [check] = [c for c in json.loads(done.out)["sources"][0]["checks"] if c["state"] == "problem"]
        assert cause in check["what"]
        assert do in check["do"]
        line = harness.run("doctor", "--source", source, **env, **IMPATIENT).out
        assert not any(twice in line for twice in ("?.", "..", ".;", "mend what the tracker says"))
        for verb in ("plan", "sync"):
            done = harness.run(verb, "--source", source, **env, **IMPATIENT)
            [told] = [row for row in done.err.splitlines() if row.startswith(f"{source}: problem: ")]
            assert cause in told
            assert f"; {check['do']}" in told
            assert done.code == 3


@pytest.mark.parametrize("mark", ["ä", "€", "\n", "\u200b", "“"], ids=ascii)
@pytest.mark.parametrize("verb", ["doctor", "plan", "sync"])
def test_a_token_that_no_tracker_gave_is_named_by_its_variable(harness: Harness, verb: str, mark: str) -> None:
    """It was pasted from a mail; the line shows nothing of it, and no request is made."""
    done = harness.run(verb, JIRA_TOKEN=f"sandbox{mark}token")
    assert (done.code, done.out) == (2, "")
    [line] = done.err.splitlines()
    assert "sources.jira.auth.token_env: the secret in the variable JIRA_TOKEN has a character that no token" in line
    assert "copy it again" in line
    assert mark not in line.replace("\n", "")
    assert "sandbox" not in line
