"""Build the response models of a charger from its policy and its row in the read model."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Request

from access_policy.application.decision_view.view import DecisionView
from access_policy.application.ports.capability_profiles import CapabilityProfiles
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.views import Row, Views
from access_policy.application.queries.charger_conditions import ConnectionSeen, conditions_of
from access_policy.application.queries.charger_sync import sync_of
from access_policy.application.repositories.charger_access_policies import ChargerAccessPolicies
from access_policy.domain.charger_access_policy.errors import ChargerUnknown
from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy
from access_policy.domain.charger_condition.condition import ChargerCondition
from access_policy.domain.ids import ChargerId, ChargerKey, TenantId
from access_policy.domain.mode_schedule.timeline import expected_at, next_transition
from access_policy.entrypoints.http.dependencies import container_of, process_of, within_depots
from access_policy.entrypoints.http.fields import utc_text
from access_policy.entrypoints.http.v1.charger_models import (
    Charger,
    ChargerAsOf,
    ChargerStatus,
    ConditionShown,
    Failure,
    KeptPermissions,
    ReservationOnChargerShown,
    SessionUnderWay,
    Transition,
)
from access_policy.entrypoints.http.v1.plan_models import (
    CauseShown,
    exceptions_of,
    overrides_of,
    rules_of,
    schedules_of,
)

Charging = Mapping[str, Sequence[Row]]
"""The rows of sessions under way, by charger."""


@dataclass(frozen=True, slots=True)
class ChargerReader:
    """Reads chargers as responses show them."""

    views: Views
    policies: ChargerAccessPolicies
    view: DecisionView
    profiles: CapabilityProfiles
    clock: Clock
    connected: Callable[[ChargerKey, Row], bool]

    async def charger(self, tenant_id: TenantId, charger_id: ChargerId) -> Charger:
        """Return the charger. Raises `ChargerUnknown`."""
        row = await self.views.charger(tenant_id, charger_id)
        policy = None if row is None else await self.policies.find(tenant_id, charger_id)
        charging = {} if row is None else await self.charging(tenant_id, [row])
        status = None if row is None else await self._status(tenant_id, row, charging)
        if policy is None or status is None:
            raise ChargerUnknown.named(charger_id)
        return Charger(**status, **_plan(policy))

    async def charger_as_of(self, tenant_id: TenantId, charger_id: ChargerId, at: datetime) -> ChargerAsOf:
        """Return the charger as recorded at that instant. Raises `ChargerUnknown`."""
        policy = await self.policies.as_of(tenant_id, charger_id, at)
        if policy is None:
            raise ChargerUnknown(f"There was no charger {charger_id[:64]} at {utc_text(at)}.")
        expected = expected_at(policy.plan, at)
        return ChargerAsOf(
            as_of=at,
            **_settings(policy),
            expected_mode=expected.mode,
            expected_cause=CauseShown.of(expected.cause),
            applied_mode=policy.application.applied_mode,
            applied_at=policy.application.applied_at,
            next_transition=Transition.of(next_transition(policy.plan, at)),
            **_plan(policy),
        )

    async def charging(self, tenant_id: TenantId, rows: Collection[Row]) -> Charging:
        """Return the sessions under way at these chargers."""
        found: defaultdict[str, list[Row]] = defaultdict(list)
        for session in await self.views.sessions_under_way(tenant_id, [row["charger_id"] for row in rows]):
            found[session["charger_id"]].append(session)
        return found

    async def status(self, tenant_id: TenantId, row: Row, charging: Charging) -> ChargerStatus | None:
        """Return the status of one charger. `charging` was read once for all rows of a list."""
        fields = await self._status(tenant_id, row, charging)
        return None if fields is None else ChargerStatus(**fields)

    async def _status(self, tenant_id: TenantId, row: Row, charging: Charging) -> dict[str, Any] | None:
        """Return the fields of `ChargerStatus`. If the decision view does not have the charger yet, it is read from the
        store; None if the store does not have it either."""
        now = self.clock.now()
        charger_id = ChargerId(row["charger_id"])
        if self.view.known_policy(tenant_id, charger_id) is None:
            policy = await self.policies.find(tenant_id, charger_id)
            if policy is None:
                return None
            expected, upcoming = expected_at(policy.plan, now), next_transition(policy.plan, now)
        else:
            charger = self.view.charger(tenant_id, charger_id)
            policy, expected = charger.policy, charger.expected(now)
            upcoming = next(charger.timeline_now(now).transitions(now), None) or next_transition(policy.plan, now)
        connected = self.connected((tenant_id, charger_id), row)
        profile = self.profiles.get(tenant_id, policy.settings.profile)
        conditions = conditions_of(
            policy,
            profile,
            expected.mode,
            _connection_seen(row, connected),
            failure_detail=row["failure_detail"],
            now=now,
        )
        return {
            **_settings(policy),
            **{name: row[name] for name in _OF_THE_ROW},
            "connected": connected,
            "expected_mode": expected.mode,
            "expected_cause": CauseShown.of(expected.cause),
            "sync": sync_of(policy, profile, expected.mode, connected=connected),
            "sessions": [SessionUnderWay.of(each) for each in charging.get(charger_id, ())],
            "failure": None if row["failure"] is None else Failure(reason=row["failure"], detail=row["failure_detail"]),
            "conditions": [_condition(each) for each in conditions],
            "kept_permissions": _kept_permissions(row),
            "reservations_on_charger": _reservations(self.view.condition((tenant_id, charger_id)), now),
            "next_transition": Transition.of(upcoming),
        }


async def _reader(request: Request) -> ChargerReader:
    c = container_of(request)
    return ChargerReader(
        within_depots(c.read_side.views(), request.state.caller),
        c.deciding.policies(),
        c.deciding.view(),
        c.deciding.profiles(),
        c.clock(),
        process_of(request).connected,
    )


Chargers = Annotated[ChargerReader, Depends(_reader)]

_OF_THE_ROW = (
    "protocol",
    "vendor",
    "model",
    "firmware",
    "applied_mode",
    "applied_at",
    "applied_late_s",
    "evidence",
)


def _connection_seen(row: Row, connected: bool) -> ConnectionSeen:
    """Return the connection as seen; the read model may lag behind `connected`, in both directions."""
    changed_at = row["connected_at"] if connected else row["disconnected_at"]
    return ConnectionSeen(connected=connected, changed_at=changed_at, why=row["disconnected_because"])


def _condition(condition: Any) -> ConditionShown:
    return ConditionShown(
        type=condition.type,
        status=condition.status,
        reason=condition.reason,
        message=condition.message,
        since=condition.since,
        generation=condition.generation,
    )


def _kept_permissions(row: Row) -> KeptPermissions | None:
    if row["permissions_seen_at"] is None:
        return None
    return KeptPermissions(
        seen_at=row["permissions_seen_at"], in_force=row["permissions_in_force"], refused=row["permissions_refused"]
    )


def _reservations(condition: ChargerCondition, now: datetime) -> list[ReservationOnChargerShown]:
    """Return the reservations on the charger that have not ended, by connector."""
    current = (each for each in condition.reservations.values() if each.until > now)
    return [
        ReservationOnChargerShown(
            reservation_id=each.reservation_id,
            connector_id=each.connector_id,
            state=each.state,
            detail=each.detail,
            until=each.until,
            reported_at=each.reported_at,
        )
        for each in sorted(current, key=lambda each: (each.connector_id, each.until))
    ]


def _settings(policy: ChargerAccessPolicy) -> dict[str, Any]:
    settings = policy.settings
    return {
        "charger_id": policy.charger_id,
        "charge_point_id": settings.charge_point_id,
        "depot_id": settings.depot_id,
        "time_zone": settings.time_zone,
        "profile": settings.profile,
        "baseline_mode": settings.baseline_mode,
        "enforcement": policy.enforcement,
        "connectors": settings.connectors,
        "on_window_start": settings.on_window_start,
        "on_store_outage": settings.on_store_outage,
        "offline_starts": settings.offline_starts,
        "reservation_only": settings.reservation_only,
        "retired_at": policy.retired_at,
        "version": policy.changed_at,
    }


def _plan(policy: ChargerAccessPolicy) -> dict[str, Any]:
    return {
        "mode_rules": rules_of(policy),
        "schedules": schedules_of(policy),
        "exceptions": exceptions_of(policy),
        "overrides": overrides_of(policy),
    }
