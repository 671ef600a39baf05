"""The denial that a driver at a charger may see, read from the decision view."""

from __future__ import annotations

from datetime import datetime

from access_policy.application.decision_view.charger_view import ChargerView
from access_policy.application.decision_view.view import DecisionView
from access_policy.domain.access.denial import Denial
from access_policy.domain.access.reasons import Reason
from access_policy.domain.access_mode import CauseKind
from access_policy.domain.identifiers import IdentifierRef
from access_policy.domain.ids import VehicleId
from access_policy.domain.reservations.here import earliest_start


def denial_at(
    view: DecisionView,
    charger: ChargerView,
    reason: Reason,
    at: datetime,
    *,
    ref: IdentifierRef | None,
    vehicle_id: VehicleId | None,
) -> Denial:
    """Return the denial in the language and the time zone of the charger's depot, for the driver who presented `ref`."""
    settings = charger.policy.settings
    depot = view.depot(charger.tenant_id, settings.depot_id)
    is_planned = (
        reason is not Reason.ENERGY_RESTRICTED or charger.timeline_at(at).at(at).cause.kind is CauseKind.ENVELOPE
    )
    return Denial(
        tenant_id=charger.tenant_id,
        reason=reason,
        managed_until=charger.opens_after(at) if is_planned else None,
        agreement_ended=reason is Reason.AGREEMENT_ENDED,
        language=depot.settings.language if depot is not None else "en",
        zone=charger.zone,
        profile=settings.profile,
        begins_at=_begins_at(view, charger, ref, vehicle_id, at) if reason is Reason.RESERVATION_NOT_STARTED else None,
    )


def _begins_at(
    view: DecisionView, charger: ChargerView, ref: IdentifierRef | None, vehicle_id: VehicleId | None, at: datetime
) -> datetime | None:
    book = view.book(charger.tenant_id, charger.policy.settings.depot_id)
    return earliest_start(book, charger.policy.charger_id, ref, vehicle_id, at)
