"""Many instants at once have the same texts as each of them alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from access_policy.adapters.read_models.columns import text_of, texts_of

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
OFFSETS = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
ZONES = st.sampled_from([UTC, ZoneInfo("UTC"), ZoneInfo("Europe/London"), ZoneInfo("Europe/Amsterdam")])
INSTANTS = st.datetimes(timezones=st.one_of(ZONES, OFFSETS)).filter(lambda instant: 1 < instant.year < 9999)


@given(st.lists(st.none() | INSTANTS, max_size=8))
@example([None, NOON, NOON.replace(microsecond=1), NOON.replace(tzinfo=ZoneInfo("Europe/Amsterdam"))])
@example([datetime(1900, 1, 1, tzinfo=ZoneInfo("Europe/Amsterdam"))])  # an offset with seconds
def test_texts_of_instants_are_those_of_each_alone(instants: list[datetime | None]):
    assert texts_of(instants) == [text_of(instant) for instant in instants]


@pytest.mark.parametrize("naive", [NOON.replace(tzinfo=None), NOON.replace(microsecond=1, tzinfo=None)])
def test_texts_of_an_instant_without_offset_are_refused(naive: datetime):
    with pytest.raises(ValueError, match="without an offset"):
        texts_of([NOON, naive])
