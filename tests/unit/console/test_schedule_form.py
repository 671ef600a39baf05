"""The form of a rule: what is stored, as fields."""

from __future__ import annotations

import pytest

from access_policy.entrypoints.http.console import schedule_form
from access_policy.entrypoints.http.console.forms import Form
from access_policy.entrypoints.http.v1.plan_models import RuleSettings
from tests.support.builders import rule


@pytest.mark.parametrize(
    ("end", "offset", "shown"), [("06:00", 1, ""), ("23:00", 0, ""), ("06:00", 3, "3"), ("23:00", 1, "1")]
)
def test_rule_values_leave_out_the_day_of_the_end_that_follows_from_the_times(
    end: str, offset: int, shown: str
) -> None:
    stored = rule(start="22:00", end=end, end_day_offset=offset)

    assert schedule_form.rule_values(RuleSettings.of(stored))["end_day_offset"] == shown


def test_night_window_given_times_of_one_day_ends_on_that_day() -> None:
    night = RuleSettings.of(rule())
    values = {**schedule_form.rule_values(night), "start": "08:00", "end": "18:00"}

    assert "end_day_offset" not in schedule_form.rule_body(Form.of(values), "")
