"""The page over real HTTP: what it shows, what it never shows, and whom it lets in."""

from __future__ import annotations

import csv
import html
import io
import json
import os
import re
import socket
import sqlite3
from pathlib import Path

import pytest
import requests

from capa_sync.errors import RegisterUnavailable, SettingsError
from capa_sync.model.inert import inert
from capa_sync.model.view_columns import PUBLIC_VIEWS, PublicView
from capa_sync.web import RegisterPage, serve_register
from capa_sync.web.inert import inert_csv
from capa_sync.web.masking import HARMLESS
from tests.patience import PATIENCE
from tests.unit.web.conftest import FORMULA, HOSTILE, SECRET

VIEWS = tuple(HARMLESS)
OF_NO_SOURCE = {"v_months": "2026-03", "v_rule_months": "action-planned", "v_digests": "restricted"}
"""View without a source -> what its rows say."""
FILTERS = ("contains", "startswith", "endswith", "like", "glob", "exact", "gt")
IS_FULL = bool(os.environ.get("CAPA_SYNC_FUZZ"))
"""`make fuzz` tries every filter on every column, the suite two, other ones on each column."""


def get(site: RegisterPage, path: str, **more: object) -> requests.Response:
    """Send a GET request to the page."""
    return requests.get(site.url + path, timeout=PATIENCE, **more)  # type: ignore[arg-type]


def columns(site: RegisterPage, view: str) -> list[str]:
    """Return a view's columns as the page lists them."""
    return list(get(site, f"register/{view}.json?_size=0").json()["columns"])


def test_the_register_shows_its_counts_and_how_fresh_it_is(site: RegisterPage) -> None:
    """The page has counts, the worst record first, the as-of instant, and no claim beyond these checks."""
    text = get(site, "records").text
    flat = " ".join(text.split())
    warned = "<strong>3</strong> records. 1 with 1 open warning (1 high, 0 medium, 0 low). "
    calm = "1 with no open warnings from these checks. 1 on which no check could be made."
    assert warned + calm in flat
    assert flat.index("CAPA-1") < flat.index("CAPA-2")
    assert '<time datetime="2026-03-02T09:00:00Z"' in flat
    assert "compliant" not in flat.lower()


def test_the_page_of_an_erased_ticket_says_so(site: RegisterPage) -> None:
    """With its status, and without the reason."""
    answer = get(site, "record?source=paper&ticket=99")
    assert answer.status_code == 410
    assert "paper:99 (without a register number) was erased from the register at 2 Mar 2026, 09:00:00" in answer.text
    assert SECRET not in answer.text
    assert get(site, "record?source=paper&ticket=98").status_code == 404


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("form", ["", ".json", ".json?_shape=objects", ".csv", ".csv?_stream=on"])
def test_every_view_is_served_in_every_format(site: RegisterPage, view: str, form: str) -> None:
    """HTML, JSON and CSV answer with rows, and have no text of the confidential ticket."""
    answer = get(site, f"register/{view}{form}")
    assert answer.status_code == 200
    assert OF_NO_SOURCE.get(view, "paper") in answer.text
    assert SECRET not in answer.text


def test_texts_of_open_tickets_are_shown_and_those_of_confidential_ones_are_restricted(site: RegisterPage) -> None:
    """The open ticket is shown completely, the confidential one with its key and a word instead of each text."""
    rows = {row["ticket_key"]: row for row in get(site, "register/v_register.json?_shape=array").json()}
    assert (rows["CAPA-1"]["title"], rows["CAPA-1"]["owner"]) == ("Access review missed", "A. Lee")
    assert {rows["CAPA-2"][name] for name in ("title", "owner", "root_cause", "action_text")} == {"restricted"}
    changes = get(site, "register/v_changes.json?_shape=array").json()
    shown = {(row["ticket_key"], row["to_value"]) for row in changes}
    assert ("CAPA-1", "Access review missed twice") in shown
    assert ("CAPA-2", "restricted") in shown
    assert ("CAPA-5", "restricted") in shown
    findings = {row["ticket_id"]: row["message"] for row in get(site, "register/v_findings.json?_shape=array").json()}
    assert (findings["1"], findings["2"], findings["9"]) == ("Fill the cause", "restricted", "restricted")


@pytest.mark.slow
@pytest.mark.parametrize("view", VIEWS)
def test_no_filter_facet_sort_or_search_reaches_masked_text(site: RegisterPage, view: str) -> None:
    """On every column, filters find nothing by the hidden word, and facets and orders do not have it."""
    names = columns(site, view)
    for number, column in enumerate(names):
        for trick in FILTERS if IS_FULL else (FILTERS[number % len(FILTERS)], FILTERS[(number + 3) % len(FILTERS)]):
            word = {"like": f"%{SECRET}%", "glob": f"*{SECRET}*"}.get(trick, SECRET)
            answer = get(site, f"register/{view}.json", params={f"{column}__{trick}": word, "_shape": "array"})
            assert answer.status_code == 200
            assert SECRET not in answer.text
            if trick in ("contains", "startswith", "like", "glob"):
                assert answer.json() == []
        for trick in ("_sort", "_sort_desc", "_facet_date", "_facet_array"):
            assert SECRET not in get(site, f"register/{view}.json", params={trick: column}).text
    for trick in ("_facet", "_col"):
        for form in ("", ".json"):
            answer = get(site, f"register/{view}{form}", params={trick: names})
            assert answer.status_code == 200
            assert SECRET not in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "register/ticket", "register/part.json", "register/write_out.csv", "register/sqlite_master",
        "register/v_register/1", "register/freshness", "register/V_REGISTER", "register.db", "register/-/query",
        "_internal", "_internal/tables.json", "_memory", "-/metadata.json", "-/plugins", "-/databases.json",
        "-/settings.json", "-/threads.json", "-/permissions", "-/allow-debug", "-/actor.json", "-/static/../app.py",
        "-/static/%2e%2e/app.py", "register%2Fv_register", "register/v_register~2Ejson", "//register/part",
        "register/v_register.blob?_blob_column=title", "register/main~2Ev_register", "register/temp.v_register",
    ],
)  # fmt: skip
def test_every_other_path_is_not_found(site: RegisterPage, path: str) -> None:
    """Tables, other databases, Datasette's own pages, rows, blobs and odd spellings: 404 in one plain line."""
    answer = get(site, path)
    assert (answer.status_code, answer.text) == (404, "there is no such page\n")


@pytest.mark.parametrize(
    "query",
    [
        "sql=select+*+from+ticket", "sql=", "_where=1=1", "_where=title+in+(select+body+from+part)",
        '_through={"table":"ticket","column":"nr","value":"1"}', "_trace=1", "_extra=count", "_sort_by=title",
        "_searchmode=raw", "_search_title=x", "_timelimit=1", "_ttl=9", "_mask=0", "%5fwhere=1",
    ],
)  # fmt: skip
def test_no_sql_and_no_other_table_by_any_parameter(site: RegisterPage, query: str) -> None:
    """Whatever could carry SQL or name a table is refused before Datasette sees it."""
    for path in ("register", "register/v_register", "register/v_register.json", "register/v_register.csv", ""):
        answer = get(site, f"{path}?{query}")
        assert (answer.status_code, answer.text) == (400, "this parameter is not allowed here\n")


def test_error_messages_show_nothing_internal(site: RegisterPage, capfd: pytest.CaptureFixture[str]) -> None:
    """A wrong column, an odd page token, an unclosed glob: the error has no texts or tables, nor does the log."""
    for query in (
        "_sort=nothing",
        "_col=nothing",
        "_next=x,y,z",
        "_size=-1",
        "title__glob=[",
        "_facet=nothing",
        "_shape=x",
    ):
        for form in ("", ".json", ".csv"):
            answer = get(site, f"register/v_register{form}?{query}")
            assert SECRET not in answer.text
            assert "register_row" not in answer.text
    logged = "".join(capfd.readouterr())
    assert SECRET not in logged
    assert "register_row" not in logged


def test_the_database_itself_refuses_what_the_request_filter_might_let_through(register_file: Path) -> None:
    """A second protection: on the page's own connection SQLite denies tables, the file's views, writes and ATTACH."""
    from capa_sync.web.site import RegisterSite

    connection = RegisterSite(register_file).page.connect()
    assert connection.execute("SELECT COUNT(title) FROM v_register").fetchone() == (3,)
    for sql in (
        "SELECT title FROM register.v_register",
        "SELECT title FROM register_row",
        "SELECT body FROM part",
        "SELECT sql FROM register.sqlite_master",
        "SELECT name FROM sqlite_temp_master",
        "ATTACH DATABASE ':memory:' AS more",
        "CREATE TEMP TABLE t (x)",
        "CREATE TEMP VIEW w AS SELECT body FROM part",
        "DROP VIEW v_register",
        "PRAGMA query_only = 0",
        "PRAGMA writable_schema = 1",
        "DELETE FROM register.ticket",
        "UPDATE register.ticket SET ticket_key = ''",
    ):
        with pytest.raises(sqlite3.DatabaseError):
            connection.execute(sql).fetchall()
    connection.close()


NAMES = ("part", "register_row", "ticket", "write_out", "sqlite_sequence", "register.part", "main.part", "temp.part")
SHAPES = (
    "SELECT * FROM {name}",
    "SELECT COUNT(*) FROM {name}",
    "SELECT 1 FROM {name}",
    "SELECT rowid FROM {name}",
    "WITH x AS (SELECT * FROM {name}) SELECT * FROM x",
    "WITH v_register AS (SELECT * FROM {name}) SELECT * FROM v_register",
    "WITH v_findings AS MATERIALIZED (SELECT * FROM {name}) SELECT COUNT(*) FROM v_findings",
    "WITH RECURSIVE v_register AS (SELECT * FROM {name} UNION SELECT * FROM v_register) SELECT * FROM v_register",
    "WITH a AS (WITH v_tickets AS (SELECT * FROM {name}) SELECT * FROM v_tickets) SELECT * FROM a",
    "SELECT * FROM (SELECT * FROM {name}) AS v_register",
    "SELECT * FROM (WITH v_register AS (SELECT * FROM {name}) SELECT * FROM v_register)",
    "SELECT (SELECT COUNT(*) FROM {name})",
    "WITH RECURSIVE m(x) AS (SELECT COUNT(*) FROM {name} UNION SELECT x FROM m) SELECT COUNT(*), SUM(x) FROM m",
    "SELECT * FROM v_register WHERE EXISTS (SELECT 1 FROM {name})",
    "SELECT title FROM v_register UNION ALL SELECT 1 FROM {name}",
    "SELECT * FROM v_register, {name}",
    "SELECT * FROM v_sources NATURAL JOIN {name}",
    "EXPLAIN SELECT * FROM {name}",
    "VALUES ((SELECT MAX(rowid) FROM {name}))",
)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_statement_that_reads_anything_but_a_public_view_is_refused(register_file: Path, shape: str) -> None:
    """This holds for every form of a statement, also for `WITH` under the name of a public view."""
    from capa_sync.web.site import RegisterSite

    connection = RegisterSite(register_file).page.connect()
    for name in NAMES:
        with pytest.raises(sqlite3.DatabaseError):
            connection.execute(shape.format(name=name)).fetchall()
    connection.close()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT name FROM pragma_database_list",
        "SELECT file FROM pragma_database_list",
        "SELECT sql FROM sqlite_temp_schema",
        "WITH v_register AS (SELECT sql FROM sqlite_temp_master) SELECT * FROM v_register",
        "WITH v_register AS (SELECT name FROM pragma_database_list) SELECT * FROM v_register",
        "WITH v_register AS (SELECT * FROM pragma_table_list) SELECT * FROM v_register",
        "SELECT * FROM dbstat",
        "SELECT COUNT(*) FROM dbstat",
        "SELECT COUNT(*) FROM sqlite_stmt",
        "SELECT COUNT(*) FROM sqlite_temp_master",
        "SELECT COUNT(*) FROM SQLITE_SEQUENCE",
        "SELECT COUNT(*) FROM pragma_table_list",
        "SELECT COUNT(*) FROM record_text_data",
        "SELECT FTS3_tokenizer('simple')",
        "SELECT fts3_tokenizer('simple', x'4141414141414141')",
    ],
)
def test_the_internal_name_of_the_file_cannot_be_queried(register_file: Path, sql: str) -> None:
    """The name keeps statements out."""
    from capa_sync.web.site import RegisterSite

    connection = RegisterSite(register_file).page.connect()
    with pytest.raises(sqlite3.DatabaseError):
        connection.execute(sql).fetchall()
    connection.close()


def test_statements_over_public_views_are_answered_in_every_form(register_file: Path) -> None:
    """Counted, joined, facetted and under `WITH`: public content is available."""
    from capa_sync.web.site import RegisterSite

    connection = RegisterSite(register_file).page.connect()
    for view in VIEWS:
        (count,) = connection.execute(f"SELECT COUNT(*) FROM {view}").fetchone()  # noqa: S608
        for sql in (
            f"SELECT COUNT(*) FROM (SELECT * FROM {view})",  # noqa: S608
            f"WITH x AS (SELECT * FROM {view}) SELECT COUNT(*) FROM x",  # noqa: S608
            f"SELECT COUNT(*) FROM (SELECT DISTINCT * FROM {view} ORDER BY 1 LIMIT 1000)",  # noqa: S608
        ):
            assert connection.execute(sql).fetchone() == (count,)
    recursive = "WITH RECURSIVE m(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM m WHERE x < 12) SELECT {} FROM m"
    assert connection.execute(recursive.format("COUNT(*)")).fetchone() == (12,)
    assert connection.execute(recursive.format("COUNT(*), SUM(x)") + " AS q").fetchone() == (12, 78)
    assert connection.execute("SELECT COUNT(*) FROM v_register r JOIN v_findings f USING (ticket_id)").fetchone()[0]
    connection.close()


def test_an_error_of_the_page_is_one_log_line_and_a_short_page(
    register_file: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """A register that loses a table while it is served: no traceback in the log, no table name on the page."""
    live = tmp_path / "live.db"
    live.write_bytes(register_file.read_bytes())
    running = serve_register(live, "127.0.0.1:0")
    try:
        assert get(running, "").status_code == 200
        with sqlite3.connect(live) as other:
            other.execute("DROP TABLE register_row")
        other.close()
        for path in ("", "register/v_register", "register/v_register.json", "register/v_register.csv"):
            caplog.clear()
            answer = get(running, path)
            assert (answer.status_code, len(answer.text.splitlines())) == (500, 1)
            assert "Traceback" not in answer.text
            assert str(tmp_path) not in answer.text
            assert len(caplog.records) == 1
            assert caplog.records[0].getMessage().startswith(f"action=page_error path=/{path} error=")
            assert caplog.records[0].exc_info is None
    finally:
        running.stop()
    logged = "".join(capfd.readouterr())
    assert "Traceback" not in logged


@pytest.mark.parametrize(
    "query",
    [
        "_facet=nope", "_facet_array=title", "_facet_date=nope", "_facet_size=x", "_sort=nope", "_sort_desc=nope",
        "_sort=title&_sort_desc=title", "_size=99999999", "_size=-1", "_size=abc", "_next='", "_col=event",
        "_nocol=title", "title__arraycontains=a", "title__in=[1", "title__notin=[{}]", "title__nope=1", "nope=1",
        "_filter_column=nope&_filter_op=exact&_filter_value=1", "_filter_column=title&_filter_op=nope", "_shape=nope",
    ],
)  # fmt: skip
@pytest.mark.parametrize("form", ["", ".json", ".csv"])
def test_a_parameter_that_cannot_be_used_is_the_visitors_mistake(
    site: RegisterPage, query: str, form: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """It is answered as such or ignored, and never as a failure of the register; nothing of it is printed."""
    answer = get(site, f"register/v_register{form}?{query}")
    assert answer.status_code in (200, 302, 400), answer.text[:300]
    assert get(site, "register/v_register").status_code == 200
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
    assert "".join(capfd.readouterr()) == ""


@pytest.mark.parametrize("form", ["", ".json", ".csv"])
def test_a_filter_compares_no_long_pattern(site: RegisterPage, form: str) -> None:
    """SQLite would compare it at each place of a text, without an end that could be set; a search is linear."""
    for kind in ("contains", "startswith", "endswith", "like", "notlike", "glob"):
        assert get(site, f"register/v_register{form}?title__{kind}={'a' * 190}").status_code == 200, kind
        assert get(site, f"register/v_register{form}?title__{kind}={'a' * 201}").status_code == 400, kind
    assert "at most 500 characters are searched for" in get(site, f"records?q={'a' * 501}").text
    assert "at most 500" not in get(site, f"records?q={'a' * 500}").text


def test_the_page_shows_no_control_or_invisible_character(register_file: Path, tmp_path: Path) -> None:
    """Turned directions, escapes and invisible characters of a title are absent in HTML and CSV, escaped in JSON."""
    odd = "a\x1b[31m\u202eb\u2066c\u200bd\x9be\ufefff"
    live = tmp_path / "live.db"
    live.write_bytes(register_file.read_bytes())
    with sqlite3.connect(live) as new:
        new.execute("UPDATE register_row SET title = ? WHERE ticket_id = '1'", (odd,))
    new.close()
    running = serve_register(live, "127.0.0.1:0")
    try:
        for path in ("records", "register/v_register", "register/v_register.csv", "register/v_register.json"):
            answer = get(running, path).content.decode()
            assert set(answer) & set("\x1b\u202e\u2066\u200b\x9b\ufeff") == set(), path
            assert "a[31mbcdef" in answer or "a [31mbcd ef" in answer or path.endswith("json")
        rows = get(running, "register/v_register.json?_shape=array").json()
        assert odd in {row["title"] for row in rows}
    finally:
        running.stop()


@pytest.mark.parametrize(
    "heads", ["", "Host: {host}\r\nHost: evil.example\r\n", "Host: evil.example\r\nHost: {host}\r\n"]
)
def test_no_host_and_two_hosts_are_refused(site: RegisterPage, heads: str) -> None:
    """A proxy before the page and the page itself could use different ones."""
    host, _, port = site.url.removeprefix("http://").rstrip("/").rpartition(":")
    head = f"GET /register.json HTTP/1.0\r\n{heads.format(host=f'{host}:{port}')}\r\n"
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as line:
        line.sendall(head.encode())
        assert line.recv(64).split()[1] in (b"400", b"421")


def test_an_unknown_column_of_a_later_version_is_masked(register_file: Path, tmp_path: Path) -> None:
    """An unknown column is hidden for confidential tickets, without a change in this program."""
    later = tmp_path / "later.db"
    with sqlite3.connect(register_file) as old, sqlite3.connect(later) as new:
        old.backup(new)
        sql = new.execute("SELECT sql FROM sqlite_master WHERE name = 'v_actions'").fetchone()[0]
        new.execute("DROP VIEW v_actions")
        new.execute(sql.replace("a.ticket_id,", "a.ticket_id, a.text AS novelty,", 1))
    new.close()
    old.close()
    running = serve_register(later, "127.0.0.1:0")
    try:
        rows = get(running, "register/v_actions.json?_shape=array").json()
    finally:
        running.stop()
    assert {row["novelty"] for row in rows if row["ticket_key"] == "CAPA-2"} == {"restricted"}


def test_csv_cells_run_no_formula_and_rows_stay_complete(site: RegisterPage) -> None:
    """A formula gets an apostrophe in CSV, and stays the same in JSON; quotes and line ends are kept."""
    for form in ("v_register.csv", "v_register.csv?_stream=on"):
        rows = list(csv.DictReader(io.StringIO(get(site, f"register/{form}").text)))
        owners = {row["ticket_key"]: row["owner"] for row in rows}
        assert owners == {"CAPA-1": "A. Lee", "CAPA-2": "restricted", "CAPA-3": "'" + FORMULA}
        assert next(row["title"] for row in rows if row["ticket_key"] == "CAPA-3") == HOSTILE
    answer = get(site, "register/v_register.json?_shape=array").json()
    assert FORMULA in {row["owner"] for row in answer}


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("=1+1", "'=1+1"), ("+SUM(A1)", "'+SUM(A1)"), ("-2+3", "'-2+3"), ("@x", "'@x"), ("\tx", "'\tx"),
        ("  =1", "'  =1"), ("\r=1", "'\n=1"), ("＝1", "'＝1"), ("-12", "-12"), ("+3.5", "+3.5"),
        ("plain", "plain"), ("", ""), ("2026-03-02", "2026-03-02"), ("-", "'-"),
    ],
)  # fmt: skip
def test_only_what_a_spreadsheet_would_run_is_quoted(cell: str, expected: str) -> None:
    """The cases are formulas in every disguise; numbers, dates and words stay."""
    assert inert(cell) == expected


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_a_csv_stream_cut_anywhere_gives_the_same_rows(size: int) -> None:
    """Rows that arrive in pieces, with quotes, commas and line ends in them, are never cut or doubled."""
    rows = [["a", 'say "hi"', "two\r\nlines"], ["=x", "ü,", "-1"], ["", '"', "=\n"]]
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    data, pending, done = out.getvalue().encode(), b"", b""
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    for piece in [*pieces, b""]:
        text, pending = inert_csv(pending + piece, is_end=not piece)
        done += text
    expected = [["a", 'say "hi"', "two\nlines"], ["'=x", "ü,", "-1"], ["", '"', "'=\n"]]
    assert list(csv.reader(io.StringIO(done.decode(), newline=""))) == expected


def test_answers_carry_the_headers_that_keep_a_browser_safe(site: RegisterPage) -> None:
    """No script, no framing, no sniffing, no cache, no referrer; this holds for a refusal too."""
    for path in ("", "register/v_register.csv", "no-such-page"):
        headers = get(site, path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")
        assert (headers["cache-control"], "access-control-allow-origin" in headers) == ("no-store", False)


def test_hostile_addresses_become_no_links(site: RegisterPage) -> None:
    """A javascript: address is shown as text, and so is markup in a title."""
    for path in ("records", "record?source=paper&ticket=3", "register/v_register"):
        text = get(site, path).text
        assert 'href="javascript:' not in text
        assert "<script>document.title" not in text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_only_reading_is_possible(site: RegisterPage, method: str) -> None:
    """Any method but GET and HEAD is refused."""
    assert requests.request(method, site.url + "register/v_register", timeout=PATIENCE).status_code == 405


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", ""])
def test_a_rebound_name_is_refused(site: RegisterPage, host: str) -> None:
    """A web page that makes its own name point at loopback gets nothing."""
    assert get(site, "register/v_register.json", headers={"Host": host}).status_code in (400, 421)


@pytest.mark.parametrize(
    "listen", ["0.0.0.0:0", "192.0.2.1:80", "example.org:80", "[::]:0", "127.0.0.1", "127.0.0.1:x", ":80"]
)
def test_no_other_address_than_loopback(register_file: Path, listen: str) -> None:
    """The refusal is one line that says what to do."""
    with pytest.raises(SettingsError, match="is not an address and port on loopback"):
        serve_register(register_file, listen)


def test_a_busy_port_and_a_missing_or_foreign_file_are_reported_in_words(site: RegisterPage, tmp_path: Path) -> None:
    """Each is a clear error, and no thread or port is left."""
    port = site.url.rstrip("/").rpartition(":")[2]
    with pytest.raises(SettingsError, match=f"cannot listen on 127.0.0.1:{port}: Address already in use"):
        serve_register(tmp_path.parent / next(tmp_path.parent.glob("web*/register.db")), f"127.0.0.1:{port}")
    with pytest.raises(RegisterUnavailable, match="there is no register yet"):
        serve_register(tmp_path / "none.db", "127.0.0.1:0")
    foreign = tmp_path / "foreign.db"
    foreign.write_text("not a database " * 100)
    with pytest.raises(RegisterUnavailable, match="cannot be served"):
        serve_register(foreign, "127.0.0.1:0")


def test_a_register_of_an_older_version_is_refused_with_the_way_to_mend_it(
    register_file: Path, tmp_path: Path
) -> None:
    """It lacks a view that this version shows; the page changes no file, so the daemon has to do it."""
    older = tmp_path / "older.db"
    older.write_bytes(register_file.read_bytes())
    with sqlite3.connect(older) as old:
        old.execute("DROP VIEW v_today")
    old.close()
    with pytest.raises(RegisterUnavailable, match="of another version of capa-sync; `capa-sync sync` or `run`"):
        serve_register(older, "127.0.0.1:0")


def test_the_page_follows_the_register_while_it_is_written(register_file: Path, tmp_path: Path) -> None:
    """The next request shows a daemon's commit; stopping frees the port and takes no second."""
    live = tmp_path / "live.db"
    with sqlite3.connect(register_file) as old, sqlite3.connect(live) as new:
        old.backup(new)
        new.execute("PRAGMA journal_mode = WAL")
        running = serve_register(live, "127.0.0.1:0")
        try:
            new.execute("UPDATE register_row SET title = 'A new title' WHERE ticket_id = '1'")
            new.commit()
            assert "A new title" in get(running, "records").text
        finally:
            running.stop()
    new.close()
    old.close()
    with pytest.raises(requests.ConnectionError):
        get(running, "")
    running.stop()


def test_json_of_the_first_page_names_the_one_database(site: RegisterPage) -> None:
    """The database page lists the public views and no table."""
    answer = json.loads(get(site, "register.json").text)
    assert ([view["name"] for view in answer["views"]], answer["tables"]) == (list(VIEWS), [])
    assert answer["allow_execute_sql"] is False


@pytest.mark.parametrize("view", PUBLIC_VIEWS, ids=lambda view: view.name)
def test_a_views_page_says_what_every_column_means(site: RegisterPage, view: PublicView) -> None:
    """The sentences of the documentation stand above the rows, in the columns' order."""
    text = html.unescape(get(site, f"register/{view.name}").text)
    described = re.findall(r"<dt>(\w+)</dt><dd>(.*?)</dd>", text, re.DOTALL)
    assert described == [(column.name, column.sentence) for column in view.columns]
    assert view.row in text
