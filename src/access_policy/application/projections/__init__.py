"""Projections: pure folds from a recorded event to changes of rows. Adapters store the rows."""

from __future__ import annotations

from access_policy.application.projections.access_log import ACCESS_LOG
from access_policy.application.projections.audit import AUDIT
from access_policy.application.projections.changes import Projection
from access_policy.application.projections.charger_status import CHARGER_STATUS
from access_policy.application.projections.denied_identifiers import DENIED_IDENTIFIERS
from access_policy.application.projections.depots import DEPOTS
from access_policy.application.projections.energy import ENERGY
from access_policy.application.projections.energy_changes import ENERGY_CHANGES
from access_policy.application.projections.energy_starts import ENERGY_STARTS
from access_policy.application.projections.faults import FAULTS
from access_policy.application.projections.mode_changes import MODE_CHANGES
from access_policy.application.projections.pin_lockouts import PIN_LOCKOUTS
from access_policy.application.projections.reservations import RESERVATIONS
from access_policy.application.projections.tenants import TENANTS
from access_policy.application.projections.vehicle_directory import VEHICLE_DIRECTORY

PROJECTIONS: tuple[Projection, ...] = (
    DEPOTS,
    CHARGER_STATUS,
    MODE_CHANGES,
    ACCESS_LOG,
    FAULTS,
    VEHICLE_DIRECTORY,
    PIN_LOCKOUTS,
    DENIED_IDENTIFIERS,
    TENANTS,
    AUDIT,
    RESERVATIONS,
    ENERGY,
    ENERGY_CHANGES,
    ENERGY_STARTS,
)
