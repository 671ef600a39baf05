"""The service beside the reference model over many thousand steps, in pairs of zones with different clock changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from access_policy.domain.access.reasons import Reason
from access_policy.domain.access_mode import Enforcement
from tests.support.lengths import Length
from tests.unit.who_may_charge.machine import WhoMayCharge

PLACES = {
    "one night, one hour": [
        ("Europe/Berlin", "Europe/London", "2026-10-23T12"),
        ("UTC", "Africa/Casablanca", "2027-02-05T12"),
    ],
    "half an hour, midnight": [
        ("Australia/Lord_Howe", "America/New_York", "2026-10-02T12"),
        ("America/Santiago", "Asia/Kathmandu", "2026-09-04T12"),
    ],
    "spring here and there": [
        ("Europe/Berlin", "America/Los_Angeles", "2027-03-12T12"),
        ("Pacific/Chatham", "Pacific/Honolulu", "2027-04-02T12"),
    ],
    "leap year, year's end": [
        ("Europe/Lisbon", "Pacific/Auckland", "2028-02-27T12"),
        ("Asia/Tehran", "America/Sao_Paulo", "2026-12-28T12"),
    ],
}
# After ten machines hypothesis varies earlier draws instead of drawing anew, so many short runs reach more states than one
# long run.
MACHINES, RULES = 10, 50
RUNS = Length(ci=1, soak=60, of=f"runs of {MACHINES} machines with {RULES} steps, for each pair of zones")
STEPS_MIN = 800 * RUNS.count
NEVER_MAX = 4 if RUNS.count == RUNS.ci else 0  # rows of the decision table that a short run may miss
ROWS = set(Reason) - {Reason.OBSERVED}
TABLE = {(reason.value, each.value) for reason in ROWS for each in Enforcement}
QUICK = settings(
    max_examples=MACHINES,
    stateful_step_count=RULES,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)


@pytest.mark.soak(RUNS)
@pytest.mark.parametrize("places", PLACES)
def test_service_and_reference_model_decide_the_same(
    places: str, record_property: Callable[[str, object], None]
) -> None:
    hits_in_all: Counter[tuple[str, str]] = Counter()
    steps_in_all: Counter[str] = Counter()

    for number, (north, south, begins_at) in enumerate(PLACES[places]):

        class InThesePlaces(WhoMayCharge):
            zones = {"north": north, "south": south}  # noqa: RUF012
            begins = datetime.fromisoformat(begins_at).replace(tzinfo=UTC)
            hits = hits_in_all
            steps = steps_in_all

        for run in range(RUNS.count):
            run_state_machine_as_test(seed(100 * number + run)(InThesePlaces), settings=QUICK)

    record_property("steps", dict(steps_in_all))
    record_property("decision table", {" ".join(row): times for row, times in hits_in_all.items()})
    assert steps_in_all.total() >= STEPS_MIN
    never = TABLE - hits_in_all.keys()
    assert len(never) <= NEVER_MAX, f"no attempt came to these rows of the table: {sorted(never)}"
