"""Every question of the read side, whichever there are: answered for its own tenant only, or not at all."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from access_policy.adapters.read_models.runner import ReadModels
from access_policy.adapters.read_models.tables import METADATA
from access_policy.adapters.read_models.views import SqlViews
from access_policy.application.ports.event_store import Recorded, StoreUnavailable
from access_policy.application.ports.views import (
    AttemptFilter,
    AuditFilter,
    Page,
    RecentPast,
    ReportFilter,
    ReservationFilter,
    Views,
)
from access_policy.domain.enrolment.session import EnrolmentArmed
from access_policy.domain.identifiers import IdentifierKind, IdentifierRef
from access_policy.domain.ids import ActorId, EnergyNodeId, EnrolmentSessionId, TenantId
from access_policy.domain.site_energy import events as energy
from access_policy.domain.site_energy.gate import GateLevel, LimitSource
from access_policy.domain.site_energy.nodes import NodeKind
from tests.support.attempts import TRY, denied, faulted, locked_out, started
from tests.support.builders import (
    BAY,
    DAY,
    NOON,
    NORTH,
    PARTNER,
    VAN,
    agreement_recorded,
    depot_registered,
    identifier_added,
    own,
    registered,
    vehicle_registered,
)
from tests.support.energy import GATE
from tests.support.places import Place
from tests.support.reservations import R1, made, reservation
from tests.support.rows import log_of
from tests.support.site_energy import E1, GRID, demand, envelope, measured, node, node_put, received
from tests.support.switching import requested

ACME, RIVAL, NOWHERE = TenantId("acme"), TenantId("rival"), TenantId("nowhere")
ARGUMENTS: dict[str, Any] = {
    "depot_id": NORTH,
    "charger_id": BAY,
    "attempt_id": TRY,
    "attempt_ids": (TRY,),
    "charger_ids": (BAY,),
    "requests": frozenset({(BAY, 1)}),
    "vehicle_id": VAN,
    "agreement_id": PARTNER,
    "wanted": AttemptFilter(),
    "after": None,
    "reservation_id": R1,
    "reservation_ids": (R1,),
    "kind": "made",
    "at": NOON,
    "envelope_id": E1,
    "node_id": GRID,
    "since": None,
    "until": None,
    "cursor": None,
    "limit": 100,
    "columns": ("tenant_id", "transaction_id"),
    "by_quarter": False,
    "pseudonym": "denied at acme",
    "pseudonyms": ("pseudonym of acme", "pseudonym of rival"),
    "within": ReportFilter(since=NOON - DAY, until=NOON + DAY),
}
CURSORS = {"cursor_after_charger"}  # made without a look at any row
YES_OR_NO = {"was_denied"}
NARROWING = {"within"}  # answers with views, not with rows
OF_MANY_ROWS = {"audit"}
WITHOUT_TEXTS = {"energy_demand", "energy_demand_at", "first_feed"}  # rows of numbers
OF_MANY_CHANGES = {"energy_changes"}
OF_THE_INSTALLATION = {"tenant", "tenants"}  # about tenants, for the role that keeps them
QUESTIONS = [name for name in vars(Views) if not name.startswith("_") and name not in CURSORS | NARROWING]
SPAN = {"since": NOON - DAY, "until": NOON + DAY}
OF_SPANS = (
    "reservation_steps",
    "energy_changes",
    "energy_demand",
    "energy_silences",
    "gate_changes",
    "energy_starts",
)
SPANS = {
    **dict.fromkeys(OF_SPANS, SPAN),
    "energy_changes": {**SPAN, "after": 0},
    "energy_demand_at": {"since": NOON},
}  # needed
OF_ALL_TENANTS: dict[str, dict[str, Any]] = {
    "open_sessions": {},
    "attempts_since": {"since": NOON},
    "connected_chargers": {},
}


@pytest.fixture
def place(kept_place: Place) -> Place:
    return kept_place


def everything_of(tenant: TenantId) -> list[object]:
    """The same ids at every tenant; a text in each row says whose it is."""
    return [
        depot_registered(name=f"depot of {tenant}"),
        registered(profile=f"profile of {tenant}"),
        requested(trigger=f"trigger of {tenant}"),
        started(transaction_id=f"transaction of {tenant}"),
        faulted(info=f"fault of {tenant}"),
        locked_out(source=f"keypad of {tenant}"),
        EnrolmentArmed(
            charger_id=BAY,
            session_id=EnrolmentSessionId(f"session of {tenant}"),
            armed_at=NOON,
            expires_at=NOON,
        ),
        denied(
            attempt_id=TRY,
            identifier=IdentifierRef(IdentifierKind.RFID, f"denied at {tenant}", f"mask of {tenant}"),
            gate=replace(GATE, binding_node_id=EnergyNodeId(f"node of {tenant}")),
        ),
        *energy_of(tenant),
        agreement_recorded(name=f"agreement of {tenant}"),
        vehicle_registered(description=own(name=f"van of {tenant}")),
        identifier_added(f"pseudonym of {tenant}"),
        replace(made(reservation(note=f"reservation of {tenant}")), made_by=ActorId(f"operator of {tenant}")),
    ]


def energy_of(tenant: TenantId) -> list[object]:
    node_id, source = EnergyNodeId(f"node of {tenant}"), f"dso of {tenant}"
    sent = envelope(source=source)
    return [
        node_put(node(node_id, None, kind=NodeKind.SITE)),
        received(sent),
        energy.OperatingEnvelopeIgnored(
            depot_id=NORTH, envelope=sent, reason=energy.IgnoredReason.SEQUENCE_OLD, ignored_at=NOON
        ),
        measured(demand(len(tenant))),
        energy.EnergyControlDegraded(
            depot_id=NORTH, reason=energy.DegradedReason.SOURCE_OFFLINE, source=source, node_id=None, since=NOON
        ),
        energy.AccessNarrowed(
            depot_id=NORTH,
            node_id=node_id,
            level=GateLevel.OWN_ONLY,
            envelope=None,
            limit_source=LimitSource.STATIC_NODE,
            charger_ids=(BAY,),
            effective_w=0,
            committed_w=0,
            threshold_w=1,
            is_advisory=False,
            narrowed_at=NOON,
        ),
    ]


def asked(question: str) -> dict[str, Any]:
    """The question's widest arguments; what has a default is left out."""
    parameters = inspect.signature(getattr(Views, question)).parameters.values()
    required = [each.name for each in parameters if each.default is inspect.Parameter.empty]
    filters = {"audit": AuditFilter(), "reservations": ReservationFilter()}
    arguments = ARGUMENTS | ({"wanted": filters[question]} if question in filters else {}) | SPANS.get(question, {})
    return {name: arguments[name] for name in required if name not in ("self", "tenant_id")}


def rows_in(answer: Any) -> list[Any]:
    if isinstance(answer, Page):
        return answer.items
    if isinstance(answer, list):
        return answer
    return [] if answer is None else [answer]


@pytest.mark.parametrize(
    "question", [name for name in QUESTIONS if name not in YES_OR_NO | OF_MANY_ROWS | OF_MANY_CHANGES | WITHOUT_TEXTS]
)
async def test_a_question_is_answered_with_rows_of_its_own_tenant_only(
    models: ReadModels, views: SqlViews, question: str
):
    log: list[Recorded] = []
    for tenant in (ACME, RIVAL):
        log += log_of(*everything_of(tenant), tenant=tenant, after=log)
    await models.follow(log, log[-1].position)
    ask = getattr(views, question)

    for tenant, other in ((ACME, RIVAL), (RIVAL, ACME)):
        (row,) = rows_in(await ask(tenant, **asked(question)))
        assert row["tenant_id"] == tenant
        assert f"of {tenant}" in repr(row)
        assert other not in repr(row)
    assert rows_in(await ask(NOWHERE, **asked(question))) == []


async def test_changes_of_a_site_are_answered_for_their_own_tenant_only(models: ReadModels, views: SqlViews) -> None:
    log: list[Recorded] = []
    for tenant in (ACME, RIVAL):
        log += log_of(*everything_of(tenant), tenant=tenant, after=log)
    await models.follow(log, log[-1].position)

    for tenant, other in ((ACME, RIVAL), (RIVAL, ACME)):
        rows = [*await views.energy_changes(tenant, **asked("energy_changes")), await views.first_feed(tenant, NORTH)]
        assert [row["kind"] for row in rows if row is not None] == ["node", "envelope", "feed"]
        assert f"of {tenant}" in repr(rows)
        assert other not in repr(rows)
    assert await views.energy_changes(NOWHERE, **asked("energy_changes")) == []
    assert await views.first_feed(NOWHERE, NORTH) is None


@pytest.mark.parametrize("question", ["energy_demand", "energy_demand_at"])
async def test_demand_is_answered_for_its_own_tenant_only(models: ReadModels, views: SqlViews, question: str) -> None:
    log: list[Recorded] = []
    for tenant in (ACME, RIVAL):
        log += log_of(*everything_of(tenant), tenant=tenant, after=log)
    await models.follow(log, log[-1].position)

    ask = getattr(views, question)
    found = {tenant: await ask(tenant, **asked(question)) for tenant in (ACME, RIVAL, NOWHERE)}

    demands = {tenant: [row["demand_w"] for row in rows] for tenant, rows in found.items()}
    assert demands == {ACME: [len(ACME)], RIVAL: [len(RIVAL)], NOWHERE: []}


async def test_the_audit_is_answered_with_entries_of_its_own_tenant_only(models: ReadModels, views: SqlViews):
    log: list[Recorded] = []
    for tenant in (ACME, RIVAL):
        log += log_of(*everything_of(tenant), tenant=tenant, after=log)
    await models.follow(log, log[-1].position)

    for tenant, other in ((ACME, RIVAL), (RIVAL, ACME)):
        entries = rows_in(await views.audit(tenant, AuditFilter(), cursor=None, limit=100))
        assert len(entries) > 1
        assert {entry["tenant_id"] for entry in entries} == {tenant}
        assert other not in repr(entries)
    assert rows_in(await views.audit(NOWHERE, AuditFilter(), cursor=None, limit=100)) == []


async def test_whether_an_identifier_was_denied_is_answered_for_its_own_tenant_only(
    models: ReadModels, views: SqlViews
):
    log: list[Recorded] = []
    for tenant in (ACME, RIVAL):
        log += log_of(*everything_of(tenant), tenant=tenant, after=log)
    await models.follow(log, log[-1].position)

    denied_there = {tenant: await views.was_denied(tenant, "denied at acme") for tenant in (ACME, RIVAL, NOWHERE)}
    assert denied_there == {ACME: True, RIVAL: False, NOWHERE: False}


def test_every_question_names_its_tenant_first():
    for question in QUESTIONS:
        assert list(inspect.signature(getattr(Views, question)).parameters)[:2] == ["self", "tenant_id"]


def test_only_the_decision_path_is_told_of_all_tenants():
    asked_by_the_decision_path = {name for name in vars(RecentPast) if not name.startswith("_")}
    answered = {name for name in dir(SqlViews) if not name.startswith("_")}

    assert asked_by_the_decision_path == set(OF_ALL_TENANTS)
    assert answered == {*QUESTIONS, *CURSORS, *NARROWING, *OF_THE_INSTALLATION, *OF_ALL_TENANTS}


@pytest.fixture
def broken_views(models: ReadModels, views: SqlViews, place: Place) -> Iterator[SqlViews]:
    """Views of tables that are gone; the database is kept for other tests, and gets them back."""
    if isinstance(place, Path):
        METADATA.drop_all(models.engine)
        yield views
        return
    with psycopg.connect(place, autocommit=True) as connection:
        connection.execute("ALTER SCHEMA public RENAME TO elsewhere")
        yield views
        connection.execute("ALTER SCHEMA elsewhere RENAME TO public")


@pytest.mark.parametrize("question", [*QUESTIONS, *OF_ALL_TENANTS])
async def test_a_question_to_tables_that_are_broken_is_unavailable_and_not_empty(broken_views: SqlViews, question: str):
    ask = getattr(broken_views, question)

    with pytest.raises(StoreUnavailable):
        await (ask(**OF_ALL_TENANTS[question]) if question in OF_ALL_TENANTS else ask(ACME, **asked(question)))
