"""The figures of a month: how many records were opened, ended and open, and how long the steps took."""

from __future__ import annotations

from typing import NamedTuple

from capa_sync.model.light import light


class RecordDays(NamedTuple):
    """The days of a record's life in the zone of the organisation, as numbers of `date.toordinal`; None for not yet.

    Attributes:
        begun: found, else created. ended: closed, rejected, cancelled or a duplicate. caused: the root cause was
            first filled. is_on_time: all actions were done by the due date; None without a due date, and while they
            are not done.
    """

    begun: int
    ended: int | None
    corrected: int | None
    caused: int | None
    implemented: int | None
    is_on_time: bool | None


@light
class StepDays:
    """How long the records that reached a step in a month took from their beginning, in days.

    Attributes:
        records: how many reached it. median: half of them took no longer. p90: nine of ten took no longer; both are
            nearest-rank, None without a record.
    """

    records: int = 0
    median: int | None = None
    p90: int | None = None


@light
class MonthFigures:
    """One month, `YYYY-MM`.

    Attributes:
        opened: records that began in it. open_end: records open at its end. corrected, caused, implemented, ended:
            the steps that records reached in it. due: of the implemented ones, those with a due date; on_time: by it.
    """

    month: str
    opened: int
    open_end: int
    corrected: StepDays
    caused: StepDays
    implemented: StepDays
    ended: StepDays
    due: int
    on_time: int
