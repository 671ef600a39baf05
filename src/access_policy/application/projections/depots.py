"""The current settings of each depot."""

from __future__ import annotations

from access_policy.application.ports.event_store import Recorded
from access_policy.application.projections.changes import Projection, Put, RowChange, types_of
from access_policy.domain.depots.depot import DepotAmended, DepotRegistered

TABLE = "depots"


def fold(recorded: Recorded) -> list[RowChange]:
    event = recorded.event
    settings = event.settings
    return [
        Put(
            TABLE,
            {"tenant_id": recorded.envelope.tenant_id, "depot_id": event.depot_id},
            {
                "name": settings.name,
                "time_zone": settings.time_zone,
                "language": settings.language,
                "longest_override_days": settings.longest_override_days,
                "session_max_age_hours": settings.session_max_age_hours,
                "identifier_kinds": sorted(settings.identifier_kinds),
                "exclusive_kinds": sorted(settings.exclusive_kinds),
                "partner_reports_include_denials": settings.partner_reports_include_denials,
                "digest_at": None if settings.digest_at is None else f"{settings.digest_at:%H:%M}",
                "version": recorded.version,
            },
        )
    ]


DEPOTS = Projection("depots", (TABLE,), types_of(DepotRegistered, DepotAmended), fold)
