"""A reservation as the caller states it, and its form in the book with the depot's terms and sealed identifiers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from access_policy.application.freevend_tags import OF_REMOTE_STARTS, FreevendTags
from access_policy.application.ports.capability_profiles import CapabilityProfiles
from access_policy.application.ports.directories import RegistriesInMemory
from access_policy.application.ports.secrets import Pseudonyms, VehicleVault, vault_key
from access_policy.application.repositories.charger_access_policies import ChargerAccessPolicies
from access_policy.application.typed_identifiers import normal_forms
from access_policy.domain.capability_profiles.capabilities import ControlWithoutSwitch
from access_policy.domain.charger_access_policy.errors import ChargerUnknown
from access_policy.domain.identifiers import Identifier, IdentifierKind, IdentifierRef
from access_policy.domain.ids import ChargerId, DepotId, ReservationId, TenantId, VehicleId
from access_policy.domain.reservations.errors import ReservationInvalid
from access_policy.domain.reservations.reservation import (
    Assignment,
    Holder,
    HolderIdentifier,
    PartnerRequest,
    Place,
    Reservation,
    ReservationSource,
)
from access_policy.domain.reservations.terms import ReservationTerms
from access_policy.domain.vehicle_registry.errors import VehicleUnknown


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationDraft:
    """`identifiers` are kinds and values as typed; None keeps the reservation's identifiers. `terms` are the terms that
    differ from the depot's, by name. `withheld` are those identifiers that admit no one for now."""

    place: Place
    start: datetime
    end: datetime
    source: ReservationSource
    vehicle_id: VehicleId | None = None
    identifiers: Sequence[tuple[IdentifierKind, str]] | None = None
    terms: Mapping[str, Any] = field(default_factory=dict)
    request: PartnerRequest | None = None
    assignment: Assignment | None = None
    note: str = ""
    is_ad_hoc: bool = False
    withheld: frozenset[IdentifierRef] = frozenset()

    def reservation(
        self, reservation_id: ReservationId, of_depot: ReservationTerms, identifiers: tuple[HolderIdentifier, ...]
    ) -> Reservation:
        return Reservation(
            reservation_id=reservation_id,
            holder=Holder(vehicle_id=self.vehicle_id, identifiers=identifiers).withholding(self.withheld),
            place=self.place,
            start=self.start,
            end=self.end,
            source=self.source,
            terms=replace(of_depot, **self.terms),
            request=self.request,
            assignment=self.assignment,
            note=self.note,
            is_ad_hoc=self.is_ad_hoc,
        )


@dataclass(frozen=True, slots=True)
class ReservationHolders:
    """Checks and seals the holders that callers name."""

    registries: RegistriesInMemory
    pseudonyms: Pseudonyms
    vault: VehicleVault
    freevend_tags: FreevendTags = OF_REMOTE_STARTS

    def checked(self, tenant_id: TenantId, draft: ReservationDraft) -> list[Identifier]:
        """Return the identifiers in their normal forms, without duplicates. Raises `VehicleUnknown`,
        `IdentifierInvalid` or `IdentifierIsFreevendTag`."""
        if draft.vehicle_id is not None and draft.vehicle_id not in self.registries.registry(tenant_id).vehicles:
            raise VehicleUnknown(
                f"There is no vehicle {draft.vehicle_id[:64]} in the registry; register it, or give an identifier.",
                pointer="/holder/vehicle_id",
            )
        return normal_forms(draft.identifiers or (), self.freevend_tags.check(tenant_id), pointer="/holder/identifiers")

    def unsealed(self, tenant_id: TenantId, values: Sequence[Identifier]) -> tuple[HolderIdentifier, ...]:
        """Return the identifiers without their values, which is enough to decide whether the reservation is possible."""
        return tuple(HolderIdentifier(ref=self.pseudonyms.ref(tenant_id, each), sealed="") for each in values)

    async def sealed(
        self, tenant_id: TenantId, reservation_id: ReservationId, values: Sequence[Identifier], known: Holder | None
    ) -> tuple[HolderIdentifier, ...]:
        """Return the identifiers with sealed values. A code (PIN) is never stored, not even encrypted; an identifier
        that `known` has keeps its sealed value."""
        had = {} if known is None else {each.ref: each for each in known.named}
        found = []
        for value in values:
            ref = self.pseudonyms.ref(tenant_id, value)
            if ref in had:
                found.append(had[ref])
            elif value.kind is IdentifierKind.PIN:
                found.append(HolderIdentifier(ref=ref, sealed=""))
            else:
                secret = await self.vault.seal(tenant_id, vault_key(reservation_id), value.as_spelled)
                found.append(HolderIdentifier(ref=ref, sealed=secret))
        return tuple(found)


@dataclass(frozen=True, slots=True)
class ReservablePlaces:
    """Checks which chargers of a depot can be reserved: those in service from which the service can keep others."""

    policies: ChargerAccessPolicies
    profiles: CapabilityProfiles

    async def check(self, tenant_id: TenantId, depot_id: DepotId, place: Place) -> None:
        """Check that the place can be reserved. Raises `ReservationInvalid` or `ChargerUnknown`."""
        place.check()
        if place.charger_id is not None:
            connectors = await self.check_charger(tenant_id, depot_id, place.charger_id)
            if place.connector_id is not None and place.connector_id > connectors:
                raise ReservationInvalid(
                    f"Charger {place.charger_id} has connectors 1 to {connectors}; choose one of them.",
                    pointer="/connector_id",
                )

    async def check_charger(
        self, tenant_id: TenantId, depot_id: DepotId, charger_id: ChargerId, *, pointer: str = "/charger_id"
    ) -> int:
        """Return the number of the charger's connectors. Raises `ReservationInvalid` or `ChargerUnknown`."""
        policy = await self.policies.find(tenant_id, charger_id)
        if policy is None or policy.retired_at is not None or policy.settings.depot_id != depot_id:
            raise ChargerUnknown(
                f"There is no charger {charger_id[:64]} in service at this depot; choose one of its chargers.",
                pointer=pointer,
            )
        profile = self.profiles.get(tenant_id, policy.settings.profile)
        if profile is None or profile.mode_control is ControlWithoutSwitch.UNSUPPORTED:
            raise ReservationInvalid(
                f"Charger {charger_id} cannot be managed (profile {policy.settings.profile}), so others could charge there "
                "during the reservation; choose another charger.",
                pointer=pointer,
            )
        return policy.settings.connectors
