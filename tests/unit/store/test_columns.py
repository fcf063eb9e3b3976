"""The form of instants in columns."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from capa_sync.store.columns import instant, instant_text

_ZONES = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45))])
_ANY = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=_ZONES)  # noqa: DTZ001 - zones are drawn


@given(at=st.one_of(_ANY, _ANY.map(lambda at: at.replace(microsecond=0))))
def test_an_instant_has_one_form_that_reads_back(at: datetime) -> None:
    """The form is ISO 8601 UTC with six digits and Z, whole seconds or not."""
    assert instant_text(at) == at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")
    assert instant(instant_text(at)) == at
