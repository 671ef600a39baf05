"""Chargers' reports of a charge: its start, its energy, its end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from access_policy.application.deciding.attempts import RecordedDecision
from access_policy.application.ports.denial_signals import DenialSignals
from access_policy.domain.identifiers import Identifier
from access_policy.domain.ids import AttemptId, ChargerId, TenantId


@dataclass(frozen=True, slots=True, kw_only=True)
class StartReport:
    """A charge began. `anonymous`: the report contains no identifier of a vehicle (but `NoAuthorization` or the
    freevend tag).

    `transaction_ids` are the ids to try in order: one if the charger assigns it, several if the service does (OCPP
    1.6). `offline`: it began while the charger was offline; it is decided by the policy in force at `started_at`.
    `reports_begin`: the message states when the transaction began by the charger's clock (2.x `Started`).
    """

    tenant_id: TenantId
    charger_id: ChargerId
    connector_id: int | None
    identifier: Identifier | None
    anonymous: bool
    transaction_ids: tuple[str, ...]
    started_at: datetime
    meter_start_wh: int | None
    offline: bool
    protocol: str
    message_id: str
    signals: DenialSignals | None
    reports_begin: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EndReport:
    """A charge ended. `id_is_ours`: the service assigns the transaction ids (OCPP 1.6), so that an unknown one is a
    mistake of the charger, and `identifier` may identify the session. `meter_start_wh` is the reading at the start
    according to the report of the end; it is used if the start had none."""

    tenant_id: TenantId
    charger_id: ChargerId
    transaction_id: str
    ended_at: datetime
    meter_stop_wh: int | None
    reason: str
    identifier: Identifier | None = None
    id_is_ours: bool = False
    meter_start_wh: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyReport:
    """A charge draws energy, or may. `energy_wh` is the meter's reading, `power_w` the power that the charger imports,
    `charging` the state that the charger reports.

    `transaction_id` None means the latest transaction on the connector. `at` is when the report arrived. `read_at` is
    when the charger read its meter, by its own clock (None: not known): a charger that was offline sends hours of
    readings within seconds.
    """

    tenant_id: TenantId
    charger_id: ChargerId
    connector_id: int | None
    transaction_id: str | None
    energy_wh: int | None
    charging: bool
    at: datetime
    power_w: int | None = None
    read_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedStart:
    """`decision` is None for an anonymous start, which needs no authorisation."""

    attempt_id: AttemptId
    transaction_id: str
    decision: RecordedDecision | None
    redelivered: bool = False
