"""Denied identifiers of no vehicle, grouped and without their values, and the identifiers presented at armed chargers.

A group disappears once a vehicle has the identifier. PINs are left out, because a wrong PIN cannot be enrolled. Digits
that may be a PIN are listed fully masked and are not offered for enrolment.
"""

from __future__ import annotations

from typing import Any

from access_policy.application.ports.event_store import Recorded
from access_policy.application.projections.changes import Change, Counted, Projection, Put, Remove, RowChange, types_of
from access_policy.domain.access.events import (
    AccessAllowed,
    AccessDenied,
    DecisionLineage,
    EntranceAllowed,
    EntranceDenied,
    Stage,
)
from access_policy.domain.access.refusals import is_unknown
from access_policy.domain.enrolment.session import EnrolmentArmed, EnrolmentCancelled
from access_policy.domain.identifiers import IdentifierRef
from access_policy.domain.ids import EntranceId
from access_policy.domain.vehicle_registry.events import VehicleIdentifierAdded

DENIED = "denied_identifiers"
PLACES = "denied_identifier_chargers"
ENTRANCES = "denied_identifier_entrances"
SESSIONS = "enrolment_sessions"


def fold(recorded: Recorded) -> list[RowChange]:
    event = recorded.event
    tenant_id = recorded.envelope.tenant_id
    match event:
        case AccessAllowed(lineage=lineage) | AccessDenied(lineage=lineage):
            ref = lineage.identifier
            return [] if ref is None or not is_unknown(event) else _denied(recorded, lineage, ref)
        case EntranceAllowed(lineage=lineage) | EntranceDenied(lineage=lineage):
            ref = lineage.identifier
            return (
                [] if ref is None or not is_unknown(event) else _denied_entry(recorded, event.entrance_id, lineage, ref)
            )
        case VehicleIdentifierAdded():
            ref = event.identifier.ref
            key = {"tenant_id": tenant_id, "kind": ref.kind.value, "pseudonym": ref.pseudonym}
            offered = {
                "tenant_id": tenant_id,
                "offered_kind": ref.kind.value,
                "offered_pseudonym": ref.pseudonym,
                "enrolled_vehicle_id": None,
            }
            return [
                Remove(DENIED, key),
                Remove(PLACES, key),
                Remove(ENTRANCES, key),
                Change(SESSIONS, offered, {"enrolled_vehicle_id": event.vehicle_id}),
            ]
        case EnrolmentArmed():
            return [
                Put(
                    SESSIONS,
                    {"tenant_id": tenant_id, "charger_id": event.charger_id},
                    {
                        "session_id": event.session_id,
                        "armed_at": event.armed_at,
                        "armed_by": recorded.envelope.actor,
                        "expires_at": event.expires_at,
                        **dict.fromkeys(("cancelled_at", "enrolled_vehicle_id", *_OFFERED)),
                    },
                )
            ]
        case EnrolmentCancelled():
            key = {"tenant_id": tenant_id, "charger_id": event.charger_id, "session_id": event.session_id}
            return [Change(SESSIONS, key, {"cancelled_at": event.cancelled_at})]
        case _:
            raise TypeError(f"the denied identifiers do not fold {type(event).__name__}")


def _denied_entry(
    recorded: Recorded, entrance_id: EntranceId, lineage: DecisionLineage, ref: IdentifierRef
) -> list[RowChange]:
    """Return the changes for an entrance, at which enrolment cannot be armed."""
    key = _key(recorded, ref)
    return [
        _group(recorded, lineage, ref),
        Put(
            ENTRANCES,
            {**key, "entrance_id": entrance_id},
            {"depot_id": lineage.depot_id, "last_seen_at": lineage.decided_for},
        ),
    ]


def _key(recorded: Recorded, ref: IdentifierRef) -> dict[str, Any]:
    return {"tenant_id": recorded.envelope.tenant_id, "kind": ref.kind.value, "pseudonym": ref.pseudonym}


def _group(recorded: Recorded, lineage: DecisionLineage, ref: IdentifierRef) -> Put:
    return Put(
        DENIED,
        _key(recorded, ref),
        {"masked": ref.masked, "last_seen_at": lineage.decided_for, "last_attempt_id": lineage.attempt_id},
        at_first={"first_seen_at": lineage.decided_for, "position": recorded.position},
        counted=Counted("attempts", "counted_position", recorded.position),
    )


def _denied(recorded: Recorded, lineage: DecisionLineage, ref: IdentifierRef) -> list[RowChange]:
    key = _key(recorded, ref)
    group = _group(recorded, lineage, ref)
    place = Put(PLACES, {**key, "charger_id": lineage.charger_id}, {"last_seen_at": lineage.decided_for})
    if lineage.stage is Stage.OFFLINE_START or ref.is_hidden:
        return [group, place]  # no driver is at the charger now, or the digits may be a PIN
    open_session = {
        "tenant_id": recorded.envelope.tenant_id,
        "charger_id": lineage.charger_id,
        "offered_pseudonym": None,
        "cancelled_at": None,
    }
    return [group, place, Change(SESSIONS, open_session, _offer(lineage, ref))]


def _offer(lineage: DecisionLineage, ref: IdentifierRef) -> dict[str, Any]:
    offered = (ref.kind.value, ref.pseudonym, ref.masked, lineage.decided_for, lineage.attempt_id)
    return dict(zip(_OFFERED, offered, strict=True))


_OFFERED = ("offered_kind", "offered_pseudonym", "offered_masked", "offered_at", "offered_attempt_id")

DENIED_IDENTIFIERS = Projection(
    "denied_identifiers",
    (DENIED, PLACES, ENTRANCES, SESSIONS),
    types_of(
        AccessAllowed,
        AccessDenied,
        EntranceAllowed,
        EntranceDenied,
        VehicleIdentifierAdded,
        EnrolmentArmed,
        EnrolmentCancelled,
    ),
    fold,
)
