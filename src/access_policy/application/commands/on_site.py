"""Shared by the commands on the energy of a depot's site: the depot, its site, and recording the site's events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from access_policy.application.commands import Done
from access_policy.application.context import Context
from access_policy.application.errors import check_version
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.directories import DepotsOfEnvelopes
from access_policy.application.repositories.depots import Depots
from access_policy.application.repositories.site_energies import SiteEnergies
from access_policy.domain.ids import DepotId
from access_policy.domain.site_energy.events import SiteEnergyEvent
from access_policy.domain.site_energy.site import SiteEnergy

Decide = Callable[[SiteEnergy], tuple[SiteEnergyEvent, ...]]
CurrentVersion = Callable[[SiteEnergy], int]


@dataclass(frozen=True, slots=True)
class ChangeSite:
    sites: SiteEnergies
    depots: Depots
    of_envelopes: DepotsOfEnvelopes
    clock: Clock

    async def __call__(
        self,
        context: Context,
        depot_id: DepotId,
        decide: Decide,
        *,
        expected_version: int | None = None,
        current_version: CurrentVersion | None = None,
    ) -> Done:
        """Record the decision of the depot's site. `current_version` returns the version of the part that changes, 0
        before it exists; None: the version of the whole stream.

        Raises `DepotUnknown`, `VersionMismatch`, `VersionConflict`, `StoreUnavailable`, or a refusal of `decide`.
        """
        await self.depots.get(context.tenant_id, depot_id)
        async with self.sites.locked(context.tenant_id, depot_id) as site:
            current = site.version if current_version is None else current_version(site)
            check_version(expected_version, current)
            events = decide(site)
            done = await self.sites.record(context, site, events, now=self.clock.now())
            return Done(
                version=done.version if events else current,
                position=done.position,
                created=current_version is not None and current == 0,
            )
