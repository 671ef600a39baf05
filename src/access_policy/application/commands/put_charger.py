"""Register a charger or replace its settings; its charge point id is claimed in the same transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from access_policy.application.commands import Done
from access_policy.application.context import Context
from access_policy.application.errors import check_version
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.directories import ProfileNames
from access_policy.application.ports.event_store import Append
from access_policy.application.ports.secrets import ChargerCredentials, Holder
from access_policy.application.repositories.charge_point_claims import ChargePointClaims
from access_policy.application.repositories.charger_access_policies import ChargerAccessPolicies
from access_policy.application.repositories.depots import Depots
from access_policy.domain.access_mode import AccessMode, Enforcement, OfflineStarts, OnStoreOutage, OnWindowStart
from access_policy.domain.charger_access_policy import policy as policies
from access_policy.domain.charger_access_policy.errors import ProfileNotThere, SettingsInvalid
from access_policy.domain.charger_access_policy.events import ChargerSettings, PolicyEvent
from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy
from access_policy.domain.depots.depot import Depot
from access_policy.domain.ids import ChargePointId, ChargerId, DepotId, checked_id


@dataclass(frozen=True, slots=True, kw_only=True)
class PutCharger:
    """A None field keeps its value; for a new charger, it takes the default."""

    charger_id: ChargerId
    charge_point_id: ChargePointId
    depot_id: DepotId
    profile: str
    baseline_mode: AccessMode
    enforcement: Enforcement | None = None
    connectors: int | None = None
    on_window_start: OnWindowStart | None = None
    on_store_outage: OnStoreOutage | None = None
    offline_starts: OfflineStarts | None = None
    reservation_only: bool | None = None
    password: str | None = None
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class PutChargerHandler:
    policies: ChargerAccessPolicies
    depots: Depots
    claims: ChargePointClaims
    profiles: ProfileNames
    credentials: ChargerCredentials
    clock: Clock

    async def __call__(self, context: Context, command: PutCharger) -> Done:
        checked_id(command.charger_id, "charger_id")
        policy = await self.policies.find(context.tenant_id, command.charger_id)
        check_version(command.expected_version, 0 if policy is None else policy.changed_at)
        events = await self.decided(context, command, policy)
        now = self.clock.now()
        version = 0 if policy is None else policy.version
        claims = await self._claims(context, command, policy, now=now)
        holder = (context.tenant_id, command.charger_id)
        if claims:  # before the charger holds the id: an earlier holder's password must not open it
            await self.credentials.clear(command.charge_point_id, holder)
        done = await self.policies.record(
            context, command.charger_id, events, expected_version=version, now=now, also=claims
        )
        await self._passwords(holder, command, policy)
        changed_at = done.version if events or policy is None else policy.changed_at
        return Done(version=changed_at, position=done.position, created=policy is None)

    async def decided(
        self, context: Context, command: PutCharger, policy: ChargerAccessPolicy | None
    ) -> tuple[PolicyEvent, ...]:
        """Return the events that the command would record for the charger, whose current state is `policy`. Records
        nothing and does not check the claim on the charge point id. Raises the command's refusals."""
        depot = await self._depot(context, command)
        settings = self._settings(context, command, depot, policy)
        if policy is not None:
            return policy.put(settings, command.enforcement or policy.enforcement, depot.calendars)
        enforcement = command.enforcement or Enforcement.ENFORCE
        return policies.register(command.charger_id, settings, enforcement, depot.calendars)

    async def _depot(self, context: Context, command: PutCharger) -> Depot:
        depot = await self.depots.find(context.tenant_id, command.depot_id)
        if depot is None:
            raise SettingsInvalid(f"There is no depot {command.depot_id}; register it first.", pointer="/depot_id")
        return depot

    def _settings(
        self, context: Context, command: PutCharger, depot: Depot, policy: ChargerAccessPolicy | None
    ) -> ChargerSettings:
        if not self.profiles.knows(context.tenant_id, command.profile):
            raise ProfileNotThere(
                f"There is no capability profile {command.profile[:64]!r}; choose one from the list of profiles.",
                pointer="/profile",
            )
        current = ChargerSettings(
            charge_point_id=command.charge_point_id,
            depot_id=command.depot_id,
            time_zone=depot.settings.time_zone,
            profile=command.profile,
            baseline_mode=command.baseline_mode,
        )
        kept = policy.settings if policy is not None else current
        return ChargerSettings(
            charge_point_id=command.charge_point_id,
            depot_id=command.depot_id,
            time_zone=depot.settings.time_zone,
            profile=command.profile,
            baseline_mode=command.baseline_mode,
            connectors=kept.connectors if command.connectors is None else command.connectors,
            on_window_start=command.on_window_start or kept.on_window_start,
            on_store_outage=command.on_store_outage or kept.on_store_outage,
            offline_starts=command.offline_starts or kept.offline_starts,
            reservation_only=kept.reservation_only if command.reservation_only is None else command.reservation_only,
        )

    async def _passwords(self, holder: Holder, command: PutCharger, policy: ChargerAccessPolicy | None) -> None:
        """Set or clear the passwords. A new holder must not inherit the previous holder's password: each holder has its
        own. If setting the password fails, sending the same command again sets it."""
        if command.password is not None:
            await self.credentials.set_password(command.charge_point_id, holder, command.password)
        if policy is not None and policy.settings.charge_point_id != command.charge_point_id:
            await self.credentials.clear(policy.settings.charge_point_id, holder)

    async def _claims(
        self, context: Context, command: PutCharger, policy: ChargerAccessPolicy | None, *, now: datetime
    ) -> list[Append]:
        claim = await self.claims.get(command.charge_point_id)
        claimed = claim.claim(context.tenant_id, command.charger_id)
        appends = self.claims.append(context, claim, claimed, now=now)
        if policy is not None and policy.settings.charge_point_id != command.charge_point_id:
            former = await self.claims.get(policy.settings.charge_point_id)
            appends += self.claims.append(context, former, former.release(), now=now)
        return appends
