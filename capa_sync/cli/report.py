"""`register report`: the management review of a period, as a page or as PDF."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from capa_sync import __version__
from capa_sync.cli.context import (
    clock_from,
    config_option,
    json_option,
    open_for_reading,
    print_json,
    read_setup,
    say,
)
from capa_sync.cli.days import day_of
from capa_sync.cli.export import ROLES
from capa_sync.cli.past import last_read
from capa_sync.cli.progress import progress_listener
from capa_sync.cli.taken import note_taken
from capa_sync.cli.targets import refuse_own_files
from capa_sync.cli.verbs import VerbCommand
from capa_sync.daemon.explaining_past import bind_as_known_at
from capa_sync.daemon.kept_reviews import basis_of
from capa_sync.daemon.reviewing import collect_review
from capa_sync.errors import Problem, UserError
from capa_sync.exports.report import report_format, write_report
from capa_sync.live.past import PastSet, set_at
from capa_sync.model.amounts import count_of
from capa_sync.model.days import utc_minute_words
from capa_sync.model.review import ReviewPeriod
from capa_sync.register.review import review_of
from capa_sync.store import Register
from capa_sync.wiring import Setup, build_runtime_for_reading

_DAY = timedelta(days=1)


@click.command(
    cls=VerbCommand,
    examples=(
        ("capa-sync register report --from 2026-01-01 --to 2026-03-31", "a page for the first quarter"),
        ("capa-sync register report q1.pdf --from 2026-01-01 --to 2026-03-31", "the same as PDF"),
    ),
)
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--from", "first", metavar="DAY", required=True, help="The first day of the period.")
@click.option("--to", "last", metavar="DAY", required=True, help="The last day of the period.")
@click.option(
    "--as-role",
    type=click.Choice(ROLES),
    default=ROLES[0],
    show_default=True,
    help="A reader's report hides titles and owners of confidential tickets.",
)
@config_option
@json_option
def report(
    file: Path | None, first: str, last: str, as_role: str, config: Path, test_clock: str | None, as_json: bool
) -> None:
    """Write the management review of a period in two pages.

    By the inputs of ISO/IEC 27001 9.3.2, each figure with its formula, everything as of the end of the last day, by
    the set that was live then. FILE ends with .html or .pdf; management-review-FROM-TO.html by default. PDF needs the
    extra `capa-sync[report]`. The same register, and any later one of which no earlier day changed, gives the same
    bytes. It asks no tracker and needs no secret.
    """
    setup, clock = read_setup(config, with_secrets=False), clock_from(test_clock)
    begins, ends = day_of("--from", first), day_of("--to", last)
    file = file or Path(f"management-review-{begins}-{ends}.html")
    report_format(file)
    refuse_own_files(config, setup.settings, file)
    with open_for_reading(setup.register_path, clock) as register, progress_listener() as listener:
        period = _period(setup, register, begins, ends)
        judged_by = set_at(setup, register, period.at)
        runtime = build_runtime_for_reading(judged_by.configuration, register, clock)
        bind_as_known_at(runtime, period.at)
        about = _about(register, period, judged_by)
        given = collect_review(
            runtime,
            period,
            about,
            lambda source, done, most: listener(source, "records", done, most),
            basis=basis_of(register, judged_by.verdict_set.hash, period.zone, period.at),
            is_masked=as_role == "reader",
        )
    if not given.records:
        what = f"no record was there by the end of {ends}, as far as the register knows"
        raise UserError([Problem("", 0, what, "nothing was written; `capa-sync status` says what was read")])
    write_report(file, review_of(given, period))
    note_taken(setup.register_path, clock, "report", file, first=f"{begins}", last=f"{ends}", role=as_role)
    result = {"file": str(file), "records": len(given.records), "as_of": period.at, "gaps": list(given.gaps)}
    if as_json:
        print_json(result)
        return
    records = count_of(len(given.records), "record")
    say(f"{file}: the management review over {records}, as of {utc_minute_words(period.at)}")
    for gap in given.gaps:
        say(f"  {gap}")


def _period(setup: Setup, register: Register, first: date, last: date) -> ReviewPeriod:
    """Return the period; where the sources are not read up to its end, as of when all were. Raises UserError."""
    if last < first:
        raise UserError([Problem("", 0, f"the period ends on {last}, before it begins on {first}", "swap the days")])
    zone = ZoneInfo(setup.settings.timezone)
    start = datetime.combine(first, time.min, tzinfo=zone).astimezone(UTC)
    known = last_read(register, setup.settings.sources)
    if known < start:
        what = f"the register knows nothing of the period from {first}: its sources are read until "
        hint = "choose an earlier period, or run `capa-sync sync`"
        raise UserError([Problem("", 0, f"{what}{utc_minute_words(known)}", hint)])
    return ReviewPeriod(first, last, setup.settings.timezone, start, min(_last_moment(last, zone), known))


def _last_moment(day: date, zone: ZoneInfo) -> datetime:
    """Return the last instant of a day in a zone; in UTC, as all instants are."""
    return datetime.combine(day + _DAY, time.min, tzinfo=zone).astimezone(UTC) - timedelta(microseconds=1)


def _about(register: Register, period: ReviewPeriod, judged_by: PastSet) -> list[str]:
    """Return what the report rests on; nothing of it changes when the same period is reported again."""
    head = register.chain.head_at(period.at)
    shown = f"{period.at.astimezone(ZoneInfo(period.zone)):%Y-%m-%d %H:%M %Z}"
    is_whole = period.at >= _last_moment(period.last, ZoneInfo(period.zone))
    return [
        f"As of {shown}, from register {register.id}; made by capa-sync {__version__}.",
        *(
            ()
            if is_whole
            else ("Later days of the period are not counted: not every source is read beyond that instant.",)
        ),
        f"{judged_by.note[:1].upper()}{judged_by.note[1:]}.",
        f"Head of the register's hash chain then: {head}." if head else "The hash chain begins after this period.",
        "It shows which evidence the checks found and which they did not; it does not judge conformity.",
    ]
