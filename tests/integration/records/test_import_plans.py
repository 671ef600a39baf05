"""Kept plans: encrypted, for a time, and without their rows once they have ended."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from access_policy.adapters.records import import_plans
from access_policy.adapters.records.import_plans import SqlImportPlans
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.domain.identifiers import IdentifierKind, IdentifierRef
from access_policy.domain.ids import ActorId, AgreementId, TenantId, VehicleId
from access_policy.domain.vehicle_registry.events import AccessClass, VehicleDescription
from access_policy.domain.vehicle_registry.import_plan import (
    Action,
    Application,
    CellError,
    ImportMode,
    ImportPlan,
    ImportResult,
    PlannedIdentifier,
    PlanRecord,
    PlanRow,
    PlanState,
    RefusedRow,
)
from tests.support.places import Place
from tests.support.records import files_holding, inside, rows
from tests.support.stores import TEST_KEY

ACME = TenantId("acme")
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
WEEK = timedelta(days=7)
CARD = "04A1B2C3D4E5F6"
DESCRIPTION = VehicleDescription(
    name="Müller\u2028's van", access_class=AccessClass.AGREEMENT, agreement_id=AgreementId("c"), valid_from=NOON
)
REF = IdentifierRef(IdentifierKind.RFID, "ab" * 16, "…E5F6")
ROWS = (
    PlanRow(
        line=2,
        action=Action.CHANGE,
        vehicle_id=VehicleId("van"),
        base_version=7,
        description=DESCRIPTION,
        identifiers=(PlannedIdentifier(REF, CARD), PlannedIdentifier(REF)),
        before=DESCRIPTION,
        had=(REF,),
    ),
    PlanRow(line=4, action=Action.ERROR, vehicle_id=None, errors=(CellError(None, "cells"), CellError("pin", "short"))),
    PlanRow(line=None, action=Action.REMOVE, vehicle_id=VehicleId("bus"), base_version=3),
)
PLAN = ImportPlan(
    tenant_id=ACME,
    plan_id="p",
    mode=ImportMode.REPLACE,
    file_fingerprint="f",
    registry_version=9,
    vehicles=2,
    rows=ROWS,
)
RECORD = PlanRecord(
    tenant_id=ACME,
    plan_id="p",
    mode=ImportMode.REPLACE,
    file_fingerprint="f",
    state=PlanState.PLANNED,
    registry_version=9,
    vehicles=2,
    counts=PLAN.counts(),
    created_at=NOON,
    expires_at=NOON + WEEK,
    of=2,
)
LEFT_OUT = (RefusedRow(line=4, vehicle_id=None, message="cells"),)
APPLYING = replace(
    RECORD,
    state=PlanState.APPLYING,
    application=Application(
        actor=ActorId("anna"), correlation_id="r", after_version=9, partial=True, left_out=LEFT_OUT
    ),
)
RESULT = ImportResult(applied={"change": 1}, left_out=LEFT_OUT, registry_version=12, applied_at=NOON)
APPLIED = replace(APPLYING, state=PlanState.APPLIED, result=RESULT, expires_at=NOON + 2 * WEEK)


def opened(place: Place, key: bytes = TEST_KEY) -> SqlImportPlans:
    return SqlImportPlans(inside(place, "import_plans"), key)


@pytest.fixture
async def plans(records_location: Place) -> AsyncIterator[SqlImportPlans]:
    made = opened(records_location)
    await made.keep(RECORD, PLAN)
    yield made
    await made.close()


async def test_a_plan_is_found_whole_until_it_expires(plans: SqlImportPlans) -> None:
    assert await plans.find(ACME, "p", now=NOON + WEEK - timedelta(microseconds=1)) == RECORD
    assert await plans.find(ACME, "p", now=NOON + WEEK) is None
    assert await plans.rows(RECORD) == PLAN
    assert await plans.find(TenantId("other"), "p", now=NOON) is None
    assert await plans.rows(replace(RECORD, plan_id="q")) is None


async def test_a_plan_of_many_chunks_is_found_in_its_order(
    plans: SqlImportPlans, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_plans, "CHUNK", 2)
    long = replace(PLAN, rows=ROWS * 3)

    await plans.keep(RECORD, long)

    assert await plans.rows(RECORD) == long


async def test_no_file_shows_what_the_rows_hold(plans: SqlImportPlans, records_location: Place) -> None:
    assert files_holding(records_location, CARD.encode()) == []
    assert files_holding(records_location, "Müller".encode()) == []


async def test_a_plan_that_is_being_applied_does_not_expire(plans: SqlImportPlans) -> None:
    await plans.update(APPLYING)

    assert await plans.forget_old(now=NOON + 10 * WEEK) == 0
    assert await plans.find(ACME, "p", now=NOON + 10 * WEEK) == APPLYING
    assert list(await plans.unfinished()) == [APPLYING]
    assert await plans.rows(APPLYING) == PLAN


async def test_a_plan_that_has_ended_keeps_its_result_and_no_rows(
    plans: SqlImportPlans, records_location: Place
) -> None:
    await plans.end(APPLIED)

    assert await plans.find(ACME, "p", now=NOON + WEEK) == APPLIED
    assert await plans.rows(APPLIED) is None
    assert list(await plans.unfinished()) == []
    assert rows(records_location, "import_plans", "SELECT body FROM import_plan") == [(None,)]


async def test_what_has_expired_is_deleted(plans: SqlImportPlans) -> None:
    assert await plans.forget_old(now=NOON + WEEK - timedelta(seconds=1)) == 0
    assert await plans.forget_old(now=NOON + WEEK) == 1
    assert await plans.rows(RECORD) is None


async def test_a_fingerprint_is_of_the_file_the_tenant_and_the_installations_key(
    plans: SqlImportPlans, records_location: Place
) -> None:
    other = opened(records_location, bytes(32))
    file, tenant = b"vehicle_id\na\n", TenantId("rival")
    found = [plans.fingerprint_of(ACME, file), plans.fingerprint_of(tenant, file), other.fingerprint_of(ACME, file)]
    await other.close()

    assert len(set(found)) == 3
    assert plans.fingerprint_of(ACME, file) == found[0]


async def test_plans_are_there_after_the_file_was_opened_again(records_location: Place) -> None:
    first = opened(records_location)
    await first.keep(RECORD, PLAN)
    await first.close()

    again = opened(records_location)

    assert await again.rows(RECORD) == PLAN
    await again.close()


async def test_rows_that_were_sealed_with_another_key_have_to_be_planned_anew(records_location: Place) -> None:
    first = opened(records_location)
    await first.keep(RECORD, PLAN)
    await first.close()

    other = opened(records_location, bytes(32))

    with pytest.raises(StoreUnavailable, match="plan the file again"):
        await other.rows(RECORD)
    await other.close()
