"""Mistakes in rule files: each is reported with its line and a hint, all of them at once."""

# ruff: noqa: E501 - a row of the table is a mistake and its report
from __future__ import annotations

import os
from datetime import date, timedelta
from pathlib import Path

import pytest

from capa_sync.errors import RuleFileError
from capa_sync.model.settings import Days, JudgeOptions
from capa_sync.rules import check_rules, load_rules
from capa_sync.rules.loader import LANGUAGE
from capa_sync.starter import starter_path

GOOD = """\
rule: probe
title: The cause is written down
clause: {iso27001-2022: 10.2 b}
severity: low
mode: warn
require:
  - root_cause: filled
message: The cause is missing.
fix: Write it into "{label root_cause}".
tests:
  - case: written
    timeline:
      - {day: 2026-03-02, by: ana, root_cause: No deputy}
    expect:
      - {day: 2026-03-02, result: ok}
  - case: not written
    timeline:
      - {day: 2026-03-02, by: ana}
    expect:
      - {day: 2026-03-02, result: breach}
"""


def problems_of(tmp_path: Path, text: str, name: str = "probe.yaml") -> list[str]:
    """Return the problems of a file with this text, without its folder."""
    (tmp_path / name).write_text(text, encoding="utf-8")
    return [str(problem).replace(f"{tmp_path}/", "") for problem in check_rules([tmp_path])]


def test_a_good_file_has_no_problem(tmp_path: Path) -> None:
    """The file that the other tests change is correct."""
    assert problems_of(tmp_path, GOOD) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("title: The", "titel: The", "probe.yaml:2: a rule has no key 'titel'; did you mean 'title'?"),
        ("title: The cause is written down\n", "", "probe.yaml:1: the key 'title' is missing; write `title: …`, a sentence that is true when all is well"),
        ("root_cause: filled", "rootcause: filled", "probe.yaml:7: there is no field 'rootcause'; did you mean 'root_cause'?"),
        ("root_cause: filled", "root_cause: fild", "probe.yaml:7: cannot read 'root_cause: fild'; did you mean 'filled'?"),
        ("root_cause: filled", "due_at: at least 20 characters", "probe.yaml:7: 'at least N characters' cannot be said of due_at, which is a date; of a date you can say:"),
        ("severity: low", "severity: lowest", "probe.yaml:4: 'lowest' is no severity; did you mean 'low'?"),
        ("severity: low", "severity: [low, high]", "probe.yaml:4: a further step of a ladder needs `when`; write `high when due_at more than 7 days ago`"),
        ("severity: low", "severity: [low, high when due_at mor than 7 days ago]", "probe.yaml:4: cannot read 'due_at: mor than 7 days ago'; did you mean 'more than 7 days ago'?"),
        ("severity: low", "severity: [high when due_at not in the past]", "probe.yaml:4: the first step of a ladder must be a word alone; write `[low, high when due_at more than 7 days ago]`, the lowest first and alone"),
        ("mode: warn", "mode: loud", "probe.yaml:5: 'loud' is no mode; write one of draft, quiet, warn"),
        ("clause: {iso27001-2022: 10.2 b}", "clause: 10.2 b", "probe.yaml:3: 'clause' must name the standard; write the standard before it"),
        ("iso27001-2022", "iso27001-2020", "probe.yaml:3: there is no standard 'iso27001-2020'; did you mean 'iso27001-2022'?"),
        ("rule: probe", "rule: prob", "probe.yaml:1: the rule 'prob' does not bear the name of its file; call the file prob.yaml or the rule probe"),
        ("rule: probe", "rule: Probe It", "probe.yaml:1: 'Probe It' is no id; write `rule: probe-it`"),
        ("mode: warn", "mode: warn\nmode: quiet", "probe.yaml:6: 'mode' stands here twice, first on line 5"),
        ("mode: warn", "since: soon", "probe.yaml:5: 'soon' is no day; write a day such as 2026-01-01"),
        ("mode: warn", "if_repaired: maybe", "probe.yaml:5: 'maybe' is no word for 'if_repaired'; write one of ok, historical"),
        ("mode: warn", "if_repaired: historical when cause filled", "probe.yaml:5: there is no field 'cause'"),
        ("mode: warn", "hides: [root-cause-befor-action]", "probe.yaml:5: there is no rule 'root-cause-befor-action' to hide; did you mean 'root-cause-before-action'?"),
        ("mode: warn", "hides: root-cause-before-action", "probe.yaml:5: 'hides' must be a list; start each line with a dash"),
        ("  - root_cause: filled", "  root_cause: filled", "probe.yaml:7: 'require' must be a list; start each line with a dash"),
        ("  - root_cause: filled", "  - root_cause: filled\n    title: filled", "probe.yaml:7: one condition holds several lines; start each condition with a dash of its own"),
        ("  - root_cause: filled", "  - {grade: is one of major, minor}", "probe.yaml:7: one condition holds several lines; text with a comma needs quotes"),
        ("  - root_cause: filled", "  - any: [{any: [{any: [{any: [{title: filled}]}]}]}]", "probe.yaml:7: 'any' nests deeper than 3 levels"),
        ("  - root_cause: filled", "  - any: []", "probe.yaml:7: 'any' holds no condition"),
        ("  - root_cause: filled", "  - filled", "probe.yaml:7: a condition must be `field: phrase`; such as `root_cause: filled`, or a block any, all or none"),
        ("  - root_cause: filled", "  - root_cause:", "probe.yaml:7: 'root_cause' needs a phrase; `capa-sync rules phrases` lists what can be said of a text"),
        ("cause is missing.", "{cuase} is missing.", "probe.yaml:8: message: there is no placeholder '{cuase}'"),
        ("cause is missing.", "{root_cause is missing.", "probe.yaml:8: message: a placeholder is not closed; write {field} with one brace on each side"),
        ("{label root_cause}", "{label rootcause}", "probe.yaml:9: fix: there is no field 'rootcause'; did you mean 'root_cause'?"),
        ("cause is missing.", "{stage first became plannd}", "probe.yaml:8: message: 'plannd' is not a stage; did you mean 'planned'?"),
        ("cause is missing.", "{days since due_at} late", "probe.yaml:8: message: a text on a ticket counts no days: the count is wrong the day after; write {due_at}"),
        ("cause is missing.", "{days since actions} late", "probe.yaml:8: message: a text on a ticket counts no days: the count is wrong the day after; write {missing}"),
        ("message: The cause is missing.", "message: []", "probe.yaml:8: 'message' holds no text"),
        ("message: The cause is missing.", "message: [plain]", "probe.yaml:8: a text of 'message' is `say: …`, all but the last with `when: …`"),
        ("message: The cause is missing.", "message: [{say: a}, {say: b}]", "probe.yaml:8: message: the texts after this one are never said; give this text a `when`, or move it to the end"),
        ("message: The cause is missing.", "message: [{when: root_cause filled, say: a}]", "probe.yaml:8: message: the last text has a `when`, so nothing may be said; leave its `when` out"),
        ("message: The cause is missing.", "message: [{when: root_cause filed, say: a}, {say: b}]", "probe.yaml:8: cannot read 'root_cause: filed'; did you mean 'filled'?"),
        ("message: The cause is missing.", "message: [{if: root_cause filled, say: a}, {say: b}]", "probe.yaml:8: a text of 'message' has no key 'if'; did you mean 'when'?"),
        ("message: The cause is missing.", "message: [{when: root_cause filled}, {say: b}]", "probe.yaml:8: 'say' is missing; write `say: …`"),
        ("root_cause: No deputy}", "root_cause: No deputy, no list}", "probe.yaml:13: there is no field 'no list'; text with a comma needs quotes"),
        ("root_cause: No deputy}", "rootcause: No deputy}", "probe.yaml:13: there is no field 'rootcause'; did you mean 'root_cause'?"),
        ("by: ana, root_cause: No deputy", "by: ana, grade: grave", "probe.yaml:13: 'grave' is not a grade"),
        ("by: ana, root_cause: No deputy", "by: ana, due_at: tomorrow", "probe.yaml:13: 'tomorrow' is no day; write a day of the calendar, such as 2026-03-01 or 2026-03-01 15:00"),
        ("day: 2026-03-02, by: ana, root_cause", "day: 1900-03-02, by: ana, root_cause", "probe.yaml:13: '1900-03-02' is outside the years 1970 to 2200; write a day of the calendar, such as 2026-03-01 or 2026-03-01 15:00"),
        ("by: ana, root_cause: No deputy", "by: ana, action_needed: perhaps", "probe.yaml:13: 'action_needed' is yes or no, not 'perhaps'"),
        ("by: ana, root_cause: No deputy", "by: ana, action: {id: A1, ownr: bo}", "probe.yaml:13: an action has no key 'ownr'; did you mean 'owner'?"),
        ("result: ok", "result: fine", "probe.yaml:15: 'fine' is no result; write one of ok, breach, historical, not applicable, cannot tell"),
        ("result: breach", "result: ok", "probe.yaml:10: no test expects 'breach'; add a test of a ticket that is so"),
        ("  - case: written", "  - case: written\n    settings: {timezone: Mars/Olympus}", "probe.yaml:12: 'Mars/Olympus' is no time zone; such as Europe/London"),
        ("  - case: written", "  - case: written\n    accounts: {bot: idle}", "probe.yaml:12: 'idle' is no state of an account; write one of ignored, inactive, unknown"),
        ("severity: low", "severity: low: high", "probe.yaml:4: a colon stands inside a text; put the whole text in quotes"),
    ],
)  # fmt: skip
def test_a_mistake_is_reported_with_its_line_and_a_hint(tmp_path: Path, old: str, new: str, expected: str) -> None:
    """One wrong word in a good file gives the one line that a person needs to correct it."""
    assert old in GOOD
    found = problems_of(tmp_path, GOOD.replace(old, new, 1))
    assert any(line.startswith(expected) for line in found), found


def test_all_mistakes_of_all_files_are_reported_at_once(tmp_path: Path) -> None:
    """Loading raises one error that holds every problem of every file, in the order of lines."""
    (tmp_path / "one.yaml").write_text(GOOD.replace("severity: low", "severity: lowest"), encoding="utf-8")
    (tmp_path / "two.yaml").write_text(
        GOOD.replace("rule: probe", "rule: two").replace("filled", "fild").replace("result: ok", "result: k"), "utf-8"
    )
    with pytest.raises(RuleFileError) as caught:
        load_rules([tmp_path])
    places = [(Path(problem.file).name, problem.line) for problem in caught.value.problems]
    assert places == [("one.yaml", 1), ("one.yaml", 4), ("two.yaml", 7), ("two.yaml", 15)]


def test_an_id_that_occurs_twice_is_reported(tmp_path: Path) -> None:
    """Two files of one name in two folders would be one rule twice."""
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "probe.yaml").write_text(GOOD, encoding="utf-8")
    (problem,) = check_rules([tmp_path])
    assert problem.what == f"the rule 'probe' is already in {tmp_path}/a/probe.yaml"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "probe.yaml:1: the file is empty"),
        (
            b"- rule: probe\n",
            "probe.yaml:1: a rule file holds `key: value` lines; begin with `rule:` and the id of the rule",
        ),
        (b"rule: probe\ntitle: caf\xe9\n", "probe.yaml:2: this is not UTF-8 text"),
        (b"rule: probe\n\tmode: warn\n", "probe.yaml:2: a tab stands here; indent with spaces, not with tabs"),
        (b"rule: [probe\n", "probe.yaml:"),
        (
            b"rule: \x00\n",
            "probe.yaml:1: a character stands here that no text file should hold; delete it, or write the line anew",
        ),
    ],
)
def test_a_file_that_is_no_rule_file_is_one_line(tmp_path: Path, content: bytes, expected: str) -> None:
    """Empty, binary and broken files give one line, never a traceback."""
    (tmp_path / "probe.yaml").write_bytes(content)
    (first, *_) = [str(problem).replace(f"{tmp_path}/", "") for problem in check_rules([tmp_path])]
    assert first.startswith(expected)


def test_missing_paths_and_empty_folders_are_reported(tmp_path: Path) -> None:
    """A file that is not there, and a folder without rule files, are mistakes of the settings."""
    (missing,) = check_rules([tmp_path / "none.yaml"])
    assert missing.what == "there is no such file"
    (empty,) = check_rules([tmp_path])
    assert empty.what == f"there is no rule file in {tmp_path}"


def test_a_link_to_nothing_and_a_pipe_are_refused_and_not_left_out(tmp_path: Path) -> None:
    """Each is one line with its name; what an editor keeps beside an open file is left out."""
    (tmp_path / "action-overdue.yaml").write_text((starter_path("rules") / "action-overdue.yaml").read_text())
    (tmp_path / ".#good.yaml").symlink_to("somebody@here.4711")
    assert check_rules([tmp_path]) == []
    (tmp_path / "gone.yaml").symlink_to("/nowhere")
    (tmp_path / "itself.yaml").symlink_to("itself.yaml")
    (tmp_path / "zero.yaml").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe.yaml")
    found = sorted(Path(problem.file).name for problem in check_rules([tmp_path]))
    assert found == ["gone.yaml", "itself.yaml", "pipe.yaml", "zero.yaml"]


def test_a_name_too_long_is_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """No file can have such a name; the check whether it is a folder raises an error of its own."""
    [problem] = check_rules([tmp_path / ("x" * 300)])
    assert "File name too long" in problem.what


def test_an_alias_does_not_hang_or_grow(tmp_path: Path) -> None:
    """Nested aliases, which would grow without end, are refused with the line of each."""
    text = "rule: probe\na: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"
    assert any("anchors and aliases" in line for line in problems_of(tmp_path, text))


def test_the_hash_follows_files_and_the_options_that_matter(tmp_path: Path) -> None:
    """A changed file, zone, holiday, deadline or period is another rule set; the baseline is not."""
    (tmp_path / "probe.yaml").write_text(GOOD, encoding="utf-8")
    plain = load_rules([tmp_path]).hash
    assert load_rules([tmp_path], JudgeOptions(baseline=date(2026, 1, 1))).hash == plain
    others = {
        load_rules([tmp_path], options).hash
        for options in (
            JudgeOptions(timezone="Europe/London"),
            JudgeOptions(holidays=frozenset({date(2026, 1, 1)})),
            JudgeOptions(profile="strict"),
            JudgeOptions(recurs_within=30),
            JudgeOptions(deadlines={"contain": {"major": Days(3)}}),
        )
    }
    (tmp_path / "probe.yaml").write_text(GOOD + "# a word\n", encoding="utf-8")
    assert len({plain, *others, load_rules([tmp_path]).hash}) == 7


def test_an_unknown_profile_is_reported(tmp_path: Path) -> None:
    """An unknown profile is a mistake; the message has the nearest name."""
    (tmp_path / "probe.yaml").write_text(GOOD, encoding="utf-8")
    (problem,) = check_rules([tmp_path], JudgeOptions(profile="strikt"))
    assert str(problem).startswith("there is no profile 'strikt'; did you mean 'strict'?")


def test_a_rule_set_knows_the_hashes_that_earlier_versions_of_the_phrases_gave_it() -> None:
    """So a register that was judged by one of them is recognised; each version has a hash of its own."""
    rules = load_rules([starter_path("rules")])
    assert len(rules.former_hashes) == LANGUAGE - 1
    assert rules.hash not in rules.former_hashes


def test_the_tests_of_a_file_are_bounded_by_rows_times_expectations(tmp_path: Path) -> None:
    """A timeline is replayed for each expectation: a file of 90 kB kept every verb busy for twelve seconds."""
    days = [date(2026, 3, 2) + timedelta(days=number) for number in range(142)]
    rows = "".join(f"      - {{day: {day}, by: ana, root_cause: No deputy}}\n" for day in days)
    expects = "".join(f"      - {{day: {day}, result: ok}}\n" for day in days)
    head = GOOD.partition("  - case: written")[0]
    second = "  - case: not written" + GOOD.partition("  - case: not written")[2]
    large = f"{head}  - case: long\n    timeline:\n{rows}    expect:\n{expects}{second}"
    what = "up to this test, rows times expectations of the file's tests are more than 20,000"
    assert problems_of(tmp_path, large) == [f"probe.yaml:11: {what}; shorten its timeline, or take expectations out"]
    for day in days[-2:]:
        large = large.replace(f"      - {{day: {day}, result: ok}}\n", "")
    assert problems_of(tmp_path, large) == []
