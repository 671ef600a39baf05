"""The command side, the imports and the intake over ports of which one call fails."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from access_policy.application.audit.record_changes import RecordChanges
from access_policy.application.commands import create_api_key, revoke_api_key
from access_policy.application.context import Context
from access_policy.application.intake.energy import EnergyMessages
from access_policy.application.intake.receiving import Intake
from access_policy.application.ports.api_keys import ApiKey
from access_policy.application.ports.charger_gateway import ChargerDidNotAnswer
from access_policy.application.ports.event_intake import IntakeResult, Standing
from access_policy.application.ports.event_store import StreamId
from access_policy.application.ports.incoming_events import IncomingEvent
from access_policy.application.ports.pending_events import PendingEvent
from access_policy.application.ports.secrets import Holder
from access_policy.application.registry_import.applying import PlanApplier
from access_policy.application.registry_import.imports import RegistryImports
from access_policy.application.repositories.charge_point_claims import ChargePointClaims
from access_policy.application.retrying import retrying
from access_policy.domain.identifiers import Identifier
from access_policy.domain.ids import (
    ActorId,
    ChargePointId,
    ChargerKey,
    DepotId,
    EnvelopeId,
    ReservationId,
    TenantId,
    VehicleId,
)
from access_policy.domain.reservations.reservation import PartnerRequest
from access_policy.domain.vehicle_registry.import_plan import ImportPlan, PlanRecord, PlanState
from tests.support.builders import ANNA, NORTH
from tests.support.nth_call import Faults, recorded_in
from tests.support.office import ACME, Office, Passwords, Vault
from tests.support.stores import inline_memory_store, pseudonyms


def context(seed: str = "the step") -> Context:
    """Of a request with an Idempotency-Key, under which it may run again."""
    return Context(tenant_id=ACME, actor=ANNA, correlation_id="a-request", command_seed=seed)


@dataclass
class KeyedVault(Vault):
    """A value is sealed as itself under its vehicle's key; what is sealed twice reads the same."""

    held: dict[str, int] = field(default_factory=dict)

    async def seal(self, tenant_id: TenantId, vehicle_id: VehicleId, value: str) -> str:
        number = self.held.setdefault(vehicle_id, self.keys[tenant_id, vehicle_id])
        return f"{number}:0:{value[::-1]}"

    async def forget(self, tenant_id: TenantId, vehicle_id: VehicleId) -> None:
        if self.held.pop(vehicle_id, None) is not None:
            self.keys[tenant_id, vehicle_id] += 1


@dataclass
class TwoPasswords(Passwords):
    proposed: dict[tuple[ChargePointId, Holder], str] = field(default_factory=dict)

    async def propose(self, charge_point_id: ChargePointId, holder: Holder, password: str) -> None:
        self.proposed[charge_point_id, holder] = password

    async def withdraw(self, charge_point_id: ChargePointId, holder: Holder) -> None:
        self.proposed.pop((charge_point_id, holder), None)

    async def clear(self, charge_point_id: ChargePointId, holder: Holder) -> None:
        self.known.pop((charge_point_id, holder), None)
        self.proposed.pop((charge_point_id, holder), None)


@dataclass
class PasswordOnCharger:
    written: str | None = None

    def commands(self, key: ChargerKey) -> Any:
        return self

    def serving_epoch(self, key: ChargerKey) -> int | None:
        return 1

    async def set_password(self, password: str) -> None:
        self.written = password


@dataclass
class KeptIdentifiers:
    kept: dict[str, Identifier] = field(default_factory=dict)

    def remember(self, tenant_id: TenantId, ref: Any, value: Identifier, *, at: datetime) -> None:
        self.kept[ref.pseudonym] = value

    async def values(self, tenant_id: TenantId, wanted: Collection[str], *, now: datetime) -> Mapping[str, Identifier]:
        return {each: self.kept[each] for each in wanted if each in self.kept}

    async def forget(self, tenant_id: TenantId, pseudonym: str) -> None:
        self.kept.pop(pseudonym, None)

    async def forget_old(self, *, now: datetime) -> int:
        return 0


class DeniedOnce:
    async def was_denied(self, tenant_id: TenantId, pseudonym: str) -> bool:
        return True


@dataclass
class KeptPlans:
    kept: dict[str, tuple[PlanRecord, ImportPlan | None]] = field(default_factory=dict)

    def fingerprint_of(self, tenant_id: TenantId, file: bytes) -> str:
        return f"{len(file):064}"

    async def keep(self, record: PlanRecord, plan: ImportPlan) -> None:
        self.kept[record.plan_id] = (record, plan)

    async def find(self, tenant_id: TenantId, plan_id: str, *, now: datetime) -> PlanRecord | None:
        return self.kept[plan_id][0] if plan_id in self.kept else None

    async def rows(self, record: PlanRecord) -> ImportPlan | None:
        return self.kept[record.plan_id][1]

    async def update(self, record: PlanRecord) -> None:
        self.kept[record.plan_id] = (record, self.kept[record.plan_id][1])

    async def end(self, record: PlanRecord) -> None:
        self.kept[record.plan_id] = (record, None)

    async def unfinished(self) -> Sequence[PlanRecord]:
        return [record for record, _ in self.kept.values() if record.state is PlanState.APPLYING]

    async def forget_old(self, *, now: datetime) -> int:
        return 0


@dataclass
class KeptIntake:
    """Events begun and ended, by source and id; the newest version begun of each subject."""

    fates: dict[str, str] = field(default_factory=dict)
    newest: dict[str, int] = field(default_factory=dict)

    async def begin(self, event: IncomingEvent, *, now: datetime) -> Standing:
        if self.fates.get(event.event_id, "begun") not in ("begun", "refused"):
            return Standing.DUPLICATE
        subject = f"{event.subject.kind} {event.subject.id}"
        if self.newest.get(subject, 0) > event.version:
            self.fates[event.event_id] = "outdated"
            return Standing.OUTDATED
        self.newest[subject] = event.version
        self.fates[event.event_id] = "begun"
        return Standing.NEW

    async def end(self, event: IncomingEvent, result: IntakeResult) -> None:
        self.fates[event.event_id] = str(result.status)

    async def unseen_cancellation(self, event: IncomingEvent) -> int | None:
        return None


@dataclass
class KeptEvents:
    """Pending events of changed records."""

    kept: list[PendingEvent] = field(default_factory=list)
    added: int = 0

    def add(self, event: PendingEvent | None) -> None:
        if event is not None:
            self.added += 1
            self.kept.append(dataclasses.replace(event, number=self.added))

    async def oldest(self, limit: int, stream: StreamId | None = None) -> list[PendingEvent]:
        return [each for each in self.kept if stream in (None, each.stream)][:limit]

    async def forget(self, number: int) -> None:
        self.kept = [each for each in self.kept if each.number != number]


@dataclass
class KeptApiKeys:
    kept: dict[str, ApiKey] = field(default_factory=dict)
    pending: KeptEvents = field(default_factory=KeptEvents)

    async def put(self, key: ApiKey, digest: str, *, event: PendingEvent | None) -> None:
        self.kept[key.key_id] = key
        self.pending.add(event)

    async def find(self, key_id: str) -> tuple[ApiKey, str] | None:
        return (self.kept[key_id], "") if key_id in self.kept else None

    async def revoke(self, key_id: str, *, by: ActorId, at: datetime, event: PendingEvent) -> None:
        if self.kept[key_id].revoked_at is None:
            self.pending.add(event)
            self.kept[key_id] = dataclasses.replace(self.kept[key_id], revoked_by=by, revoked_at=at)


class OfTheNorth:
    def depot_of_booking(self, tenant_id: TenantId, request: PartnerRequest) -> DepotId:
        return NORTH

    """All reservations are of the depot in the north."""

    def depot_of_reservation(self, tenant_id: TenantId, reservation_id: ReservationId) -> DepotId:
        return NORTH

    def depot_of_envelope(self, tenant_id: TenantId, envelope_id: EnvelopeId) -> DepotId:
        return NORTH


class OfficeWorld:
    def __init__(self, faults: Faults) -> None:
        self.commands = 0
        self.made: Any = None
        self.inner = inline_memory_store()
        store = faults.around("store", self.inner)
        self.vault, self.passwords, self.charger = KeyedVault(), TwoPasswords(), PasswordOnCharger()
        self.unknown, self.plans, self.intake_records = KeptIdentifiers(), KeptPlans(), KeptIntake()
        self.api_keys = KeptApiKeys()
        api_keys = faults.around("api keys", self.api_keys)
        changes = RecordChanges(faults.around("events of api keys", self.api_keys.pending), store)
        vault, passwords = faults.around("vault", self.vault), faults.around("credentials", self.passwords)
        unknown, plans = faults.around("unknown", self.unknown), faults.around("plans", self.plans)
        self.office = office = Office(
            store,
            vault=vault,
            passwords=passwords,
            unknown=unknown,
            views=faults.around("views", DeniedOnce()),
            connections=faults.around("charger", self.charger, ChargerDidNotAnswer),
            of_reservations=OfTheNorth(),
            of_envelopes=OfTheNorth(),
        )
        clock, registries = office.clock, office.registries
        office.handlers |= {
            create_api_key.CreateApiKey: create_api_key.CreateApiKeyHandler(api_keys, changes, office.depots, clock),
            revoke_api_key.RevokeApiKey: revoke_api_key.RevokeApiKeyHandler(api_keys, changes, clock),
        }
        applier = PlanApplier(registries, store, plans, vault, clock, batch_events=2)
        self.imports = RegistryImports(registries, plans, pseudonyms(), applier, clock)
        handler = {str(type_.__name__): retrying(handler) for type_, handler in office.handlers.items()}
        self.intake = Intake(
            faults.around("intake", self.intake_records),
            registries,
            clock,
            handler["PutVehicle"],
            handler["RemoveVehicle"],
            handler["PutAgreement"],
            handler["ReceiveBooking"],
            handler["CancelBooking"],
            EnergyMessages(
                handler["ReceiveEnvelope"],
                handler["WithdrawEnvelope"],
                handler["RecordMeasurements"],
                handler["ReportEnergySource"],
            ),
        )

    async def lived(self, *commands: object) -> Any:
        """The past. The answer to its last command."""
        done = None
        for command in commands:
            self.commands += 1
            done = await self.run(command, seed=f"past {self.commands}")
        return done

    async def run(self, command: object, *, seed: str = "the step") -> Any:
        return await retrying(self.office.handlers[type(command)])(context(seed), command)

    async def facts(self) -> Any:
        written = self.charger.written
        in_use = {*self.passwords.known.values(), *self.passwords.proposed.values()}
        return {
            "streams": await recorded_in(self.inner),
            "keys": self.vault.held,
            "passwords": await self._of_holders(self.passwords.known),
            "proposed": sorted(await self._of_holders(self.passwords.proposed)),
            "the charger's password is valid": written is None or written in in_use,
            "unknown": sorted(self.unknown.kept),
            "plans": {each: dataclasses.asdict(record) for each, (record, _) in self.plans.kept.items()},
            "rows kept": sorted(each for each, (_, plan) in self.plans.kept.items() if plan is not None),
            "API keys": {each: dataclasses.asdict(key) for each, key in self.api_keys.kept.items()},
            "events of API keys that are not in the log": len(self.api_keys.pending.kept),
            "intake": self.intake_records.fates,
        }

    async def _of_holders(self, passwords: Mapping[tuple[ChargePointId, Holder], str]) -> dict[str, str]:
        """Those that let somebody in: of the holder on record. Others are worth nothing."""
        claims = ChargePointClaims(self.inner)
        return {
            charge_point_id: password
            for (charge_point_id, holder), password in passwords.items()
            if (await claims.get(charge_point_id)).holder == holder
        }

    async def close(self) -> None:
        await self.imports.close()
        await self.inner.close()
