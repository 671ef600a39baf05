"""The running and future overrides, each with its chargers and what lifting it now would change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from access_policy.application.commands.override_previews import mode_once_lifted
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.event_loop import cooperatively
from access_policy.application.ports.views import Views
from access_policy.domain.access_mode import AccessMode
from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy
from access_policy.domain.ids import OverrideId
from access_policy.domain.mode_schedule.timeline import Override, expected_at
from access_policy.entrypoints.http.console.here import Visit


@dataclass(frozen=True, slots=True)
class Running:
    """One override with the chargers that have it. `changing` groups the chargers whose mode would change if the override
    were lifted now by their new mode. `charges` is the number of charges under way at these chargers.
    """

    override: Override
    depot_id: str
    zone: str
    charger_ids: list[str] = field(default_factory=list)
    changing: dict[AccessMode, list[str]] = field(default_factory=dict)
    charges: int = 0

    def add(self, policy: ChargerAccessPolicy, now: datetime) -> None:
        self.charger_ids.append(policy.charger_id)
        mode = mode_once_lifted(policy, self.override.override_id, now=now)
        if mode is not expected_at(policy.plan, now).mode:
            self.changing.setdefault(mode, []).append(policy.charger_id)

    def all_changing(self) -> Iterator[str]:
        for charger_ids in self.changing.values():
            yield from charger_ids


async def running_overrides(here: Visit, view: DecisionView, views: Views) -> list[Running]:
    """Return the overrides, ordered by their end."""
    groups: dict[OverrideId, Running] = {}
    for depot in here.depots if here.depot is None else (here.depot,):
        ids = await view.charger_ids(here.caller.tenant_id, depot.depot_id)
        async for charger_id in cooperatively(sorted(ids)):
            policy = view.charger(here.caller.tenant_id, charger_id).policy
            for each in policy.overrides.values():
                if each.ends_at > here.now:
                    found = Running(each, depot.depot_id, depot.settings.time_zone)
                    groups.setdefault(each.override_id, found).add(policy, here.now)
    by_end = sorted(groups.values(), key=lambda each: (each.override.ends_at, each.override.override_id))
    return await _with_charges(here, views, by_end)


async def _with_charges(here: Visit, views: Views, running: list[Running]) -> list[Running]:
    changing = {charger_id for each in running for charger_id in each.all_changing()}
    rows = await views.sessions_under_way(here.caller.tenant_id, sorted(changing)) if changing else []
    at = Counter(row["charger_id"] for row in rows)
    return [replace(each, charges=sum(at[charger_id] for charger_id in each.all_changing())) for each in running]
