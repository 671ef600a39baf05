"""What leaves: every stored event is published or said to be internal, and what is published says enough and not too much."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from access_policy.adapters.event_stores.event_types import EVENT_TYPES
from access_policy.application.ports.event_bus import BYTES_MAX, Entry
from access_policy.application.published_events.detail import entry_of
from access_policy.application.published_events.mapping import INTERNAL, PUBLISHED, TYPES
from access_policy.domain.ids import ChargerId
from access_policy.domain.vehicle_registry.events import AgreementRecorded
from tests.support.rows import log_of
from tests.unit.event_stores.samples import AGREEMENT_TERMS, SAMPLES

PUBLIC_SAMPLES = [sample for sample in SAMPLES if sample.TYPE in TYPES]  # type: ignore[attr-defined]
# Where the names differ: two ways to except days are one public event.
RENAMED = {"ModeCalendarExceptionAdded": "ModeExceptionAdded"}


def published(event: Any) -> Entry:
    (recorded,) = log_of(event)
    return entry_of(recorded)


def detail_of(event: Any) -> dict[str, Any]:
    return dict(json.loads(published(event).detail))


def test_every_stored_event_is_published_or_internal_with_a_reason() -> None:
    assert set(PUBLISHED) | set(INTERNAL) == set(EVENT_TYPES)
    assert set(PUBLISHED) & set(INTERNAL) == set()
    assert all(INTERNAL.values())


@pytest.mark.parametrize("sample", PUBLIC_SAMPLES, ids=lambda sample: type(sample).__name__)
def test_a_published_event_has_the_envelope_of_the_contract(sample: Any) -> None:
    entry, detail = published(sample), detail_of(sample)

    assert entry.source == "betterfleet.access-policy"
    assert entry.detail_type == RENAMED.get(type(sample).__name__, type(sample).__name__)
    assert list(detail) == [
        *("event_id", "event_version", "tenant_id", "occurred_at", "recorded_at", "aggregate", "correlation_id"),
        *("causation_id", "href", "data"),
    ]
    assert (detail["event_id"], detail["event_version"], detail["tenant_id"]) == (entry.event_id, 1, "acme")
    assert set(detail["aggregate"]) == {"type", "id", "version"}
    assert detail["href"].startswith("/v1/")
    assert detail["data"]


@pytest.mark.parametrize("sample", PUBLIC_SAMPLES, ids=lambda sample: type(sample).__name__)
def test_no_published_event_tells_an_identifier_a_person_or_free_text_about_a_vehicle(sample: Any) -> None:
    entry = published(sample)

    for secret in ("E5F6", "v1.0011223344556677", "operator@acme", "Van 7", "unpaid", "authorisation refused", "abab"):
        assert secret not in entry.detail


def test_a_denial_reads_as_the_api_shows_it() -> None:
    denied = next(sample for sample in SAMPLES if type(sample).__name__ == "AccessDenied")

    detail = detail_of(denied)

    assert detail["aggregate"] == {"type": "access_attempt", "id": "att-1", "version": 1}
    assert detail["href"] == "/v1/access-events/att-1"
    assert detail["data"] == {
        "attempt_id": "att-1",
        "charger_id": "bay-1",
        "depot_id": "north",
        "connector_id": 2,
        "identifier": {"kind": "rfid", "pseudonym": "0123456789abcdef0123456789abcdef"},
        "access_class": "agreement",
        "vehicle_id": "van-7",
        "agreement_id": "agr-1",
        "expected_mode": "managed",
        "cause": {"kind": "rule", "id": "rule-1", "name": "Nächte"},
        "reason": "unknown_identifier",
        "denial_signal": {"status": "Unknown", "message": "Bitte anmelden.", "language": "de"},
        "lineage": {
            "decided_for": "2026-07-01T16:00:00.123456Z",
            "stage": "authorize",
            "protocol": "ocpp2.0.1",
            "message_id": "msg-1",
            "enforcement": "enforce",
            "policy_version": 4,
            "registry_version": 1024,
            "gate": None,
        },
    }


def test_days_times_and_edges_are_written_as_the_api_writes_them() -> None:
    rule = detail_of(next(sample for sample in SAMPLES if type(sample).__name__ == "ModeScheduled"))["data"]["rule"]

    assert (rule["start"], rule["end"]) == ("18:00:00", "06:30:00")
    assert (rule["applies_from"], rule["applies_until"]) == ("2026-01-05", "2026-07-02T04:00:00Z")
    assert rule["except_dates"] == ["2026-12-24", "2026-12-31"]


def test_an_event_that_is_too_large_says_where_it_can_be_read() -> None:
    many = frozenset(ChargerId(f"charger-{number:06}-{'x' * 40}") for number in range(6_000))
    event = AgreementRecorded(agreement=replace(AGREEMENT_TERMS, charger_ids=many))

    entry, detail = published(event), detail_of(event)

    assert entry.size < BYTES_MAX
    assert detail["data"] is None
    assert detail["href"] == "/v1/agreements/agr-1"


def test_the_size_of_an_entry_is_counted_as_eventbridge_does() -> None:
    at = datetime(2026, 7, 1, tzinfo=UTC)
    entry = Entry("id", source="abc", detail_type="Täter", time=at, detail='{"a":"€"}', resources=("r1", "r23"))

    assert entry.size == 14 + 3 + 6 + 11 + 5
