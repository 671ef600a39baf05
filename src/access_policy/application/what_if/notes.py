"""Limits of a replay: proposed identifiers that no charger would ever present."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from access_policy.application.ports.capability_profiles import CapabilityProfiles
from access_policy.application.what_if.proposal import Proposal
from access_policy.domain.capability_profiles.capabilities import Autocharge
from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy
from access_policy.domain.identifiers import IdentifierKind
from access_policy.domain.ids import ChargerId, TenantId


@dataclass(frozen=True, slots=True)
class Note:
    """`pointer` is a JSON Pointer (RFC 6901) into the proposal."""

    code: str
    pointer: str
    charger_ids: tuple[ChargerId, ...]
    message: str


def notes_on(
    proposal: Proposal,
    policies: Iterable[ChargerAccessPolicy],
    profiles: CapabilityProfiles | None,
    tenant_id: TenantId,
) -> tuple[Note, ...]:
    """Return one note for each proposed vehicle with a MAC, if some of the chargers do not support Autocharge."""
    without = tuple(_without_autocharge(policies, profiles, tenant_id))
    if not without:
        return ()
    return tuple(
        Note(
            code="autocharge-not-supported",
            pointer=f"/changes/vehicles/{index}/vehicle/identifiers",
            charger_ids=without,
            message=f"Vehicle {vehicle.vehicle_id} has a MAC, and these chargers do not support Autocharge: they never present "
            "it. Give the vehicle a card as well if it charges there.",
        )
        for index, vehicle in enumerate(proposal.vehicles)
        if any(each.kind is IdentifierKind.MAC for each in vehicle.identifiers)
    )


def _without_autocharge(
    policies: Iterable[ChargerAccessPolicy], profiles: CapabilityProfiles | None, tenant_id: TenantId
) -> Iterator[ChargerId]:
    for policy in policies:
        profile = None if profiles is None else profiles.get(tenant_id, policy.settings.profile)
        if profile is not None and profile.autocharge is Autocharge.NO:
            yield policy.charger_id
