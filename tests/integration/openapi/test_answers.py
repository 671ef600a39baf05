"""The OpenAPI document is true: schemathesis sends requests that fit it and others, and checks each response by it.

Each operation is requested from a service of its own that holds a depot, a charger, an agreement and vehicles, so that a run is
the same whatever ran before. Generated ids and texts are often exchanged for those that are there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.support.http_api import HttpApi, http_api
from tests.support.lengths import Length
from tests.support.memory_files import memory_directory
from tests.support.operations import ROUTES
from tests.support.threadless_loop import ThreadlessLoop
from tests.unit.http.conftest import GIVEN, NIGHTS, RFID

CASES = Length(ci=2, soak=100, of="cases of each operation and mode")
CHAIN_LENGTH = 10
CHAINS = Length(ci=4, soak=100, of=f"chains of {CHAIN_LENGTH} requests")
THERE = {
    "depot_id": "north",
    "charger_id": "bay-1",
    "agreement_id": "couriers",
    "vehicle_id": "bus-7",
    "profile": "ocpp16-central",
    "time_zone": "Europe/Berlin",
    "language": "de",
    "recurrence": "FREQ=WEEKLY;BYDAY=MO",
    "identifier": RFID,
    "identifiers": [],
    "charger_ids": ["bay-1"],
    "depot_ids": ["north"],
    "for": "PT2H",
    "end_day_offset": None,
    "applies_from": None,
    "applies_until": None,
    "except_dates": [],
    "extra_dates": [],
    "except_calendars": [],
    "extra_calendars": ["bavaria"],
    "years": "2026-2028",
    "valid_from": "2026-01-01T00:00:00Z",
    "valid_until": None,
    "hours": [],
    "plate": None,
    "charge_point_id": "CP-1",
    "connectors": None,
    "connector_id": 1,
    "longest_override_days": 7,
    "date": "2026-12-25",
    "until_date": None,
    "at": None,
    "rule": NIGHTS,
    "reason": "a good one",
    "name": "a name",
    "fleet": "a fleet",
}
MADE_FIRST = (
    (
        "PUT",
        "/v1/depots/north/calendars/bavaria",
        {"name": "Bavaria", "days": [{"date": "2026-12-25", "reason": "Christmas"}]},
        "calendar_id",
    ),
    ("POST", "/v1/chargers/bay-1/mode-rules", NIGHTS, "rule_id"),
    ("POST", "/v1/chargers/bay-1/overrides", {"mode": "freevend", "for": "PT2H", "reason": "visit"}, "override_id"),
    (
        "POST",
        "/v1/chargers/bay-1/exceptions",
        {"date": "2026-12-24", "mode": "freevend", "reason": "holiday"},
        "exception_id",
    ),
    ("POST", "/v1/access-decisions", {"charger_id": "bay-1", "identifier": RFID}, "attempt_id"),
)


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    from tests.integration.openapi.documented_answers import asked_on

    loop = ThreadlessLoop()
    with asked_on(loop):
        yield loop
    loop.close()


@pytest.fixture
def directory() -> Iterator[Path]:
    with TemporaryDirectory(dir=memory_directory()) as directory:
        yield Path(directory)


@pytest.fixture
def api(loop: asyncio.AbstractEventLoop, directory: Path) -> Iterator[HttpApi]:
    opening = http_api(directory, given=(*GIVEN, *((method, path, body) for method, path, body, _ in MADE_FIRST)))
    yield loop.run_until_complete(opening.__aenter__())
    loop.run_until_complete(opening.__aexit__(None, None, None))


@pytest.fixture
def there(api: HttpApi) -> dict[str, Any]:
    """Return the ids and values of existing things, by the parameters and fields that may name them."""
    made = zip(MADE_FIRST, api.given[len(GIVEN) :], strict=True)
    return THERE | {name: answer[name] for (*_, name), answer in made}


@pytest.mark.soak(CASES)
@pytest.mark.parametrize("operation_id", ROUTES)
def test_every_answer_is_as_documented(
    operation_id: str, api: HttpApi, there: dict[str, Any], record_property: Callable[[str, object], None]
) -> None:
    from tests.integration.openapi.documented_answers import answers_to_cases

    answered = answers_to_cases(operation_id, api, there, CASES.count)

    record_property("answers to schemathesis", dict(answered))


@pytest.mark.soak(CHAINS)
def test_what_one_answer_names_can_be_asked_about_by_the_next_request(
    api: HttpApi, there: dict[str, Any], record_property: Callable[[str, object], None]
) -> None:
    """Chains of operations by the ids they give: made, read, changed, taken back, and asked about once more."""
    from tests.integration.openapi.documented_answers import answers_to_chains

    answered = answers_to_chains(api, there, CHAINS.count, CHAIN_LENGTH)

    record_property("answers to schemathesis", dict(answered))
