"""The number of chargers that should be managed and are open, which must be zero in the evening."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from access_policy.application.decision_view.view import DecisionView
from access_policy.application.event_loop import cooperatively
from access_policy.application.ports.capability_profiles import CapabilityProfiles
from access_policy.application.ports.clock import Clock
from access_policy.application.queries.charger_sync import Sync, sync_of
from access_policy.domain.access_mode import AccessMode
from access_policy.domain.ids import ChargerKey

# chargers in one iteration of the event loop; a charger whose timeline must be compiled takes longest
COUNTED_AT_A_TIME: Final = 50


@dataclass(frozen=True, slots=True)
class OpenWhileManaged:
    """`connected` returns whether this process has a connection to the charger; connections to other processes are on
    record in the view."""

    view: DecisionView
    profiles: CapabilityProfiles
    connected: Callable[[ChargerKey], bool]
    clock: Clock

    async def __call__(self) -> Mapping[Sync, int]:
        """Return the number of chargers of all tenants whose expected mode is managed and not verified, by the reason
        (api.md, `sync`). Retired chargers do not count."""
        now = self.clock.now()
        counts: dict[Sync, int] = {sync: 0 for sync in Sync if sync is not Sync.IN_SYNC}
        async for charger in cooperatively(list(self.view.chargers()), at_a_time=COUNTED_AT_A_TIME):
            policy = charger.policy
            if policy.retired_at is not None or charger.timeline_now(now).at(now).mode is not AccessMode.MANAGED:
                continue
            key = (charger.tenant_id, policy.charger_id)
            profile = self.profiles.get(charger.tenant_id, policy.settings.profile)
            connected = self.connected(key) or self.view.condition(key).is_connected
            sync = sync_of(policy, profile, AccessMode.MANAGED, connected=connected)
            if sync is not Sync.IN_SYNC:
                counts[sync] += 1
        return counts
