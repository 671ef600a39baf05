"""The chargers in service as a CSV file, one page at a time. Importing the file changes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass

from access_policy.application.charger_import.cells import CHARGERS, PASSWORD
from access_policy.application.charger_import.planning import set_values
from access_policy.application.event_loop import cooperatively
from access_policy.application.ports.event_store import EventStore
from access_policy.application.ports.views import PAGE_MAX, Views
from access_policy.application.queries.registry_export import csv_lines, followed
from access_policy.application.repositories.charger_access_policies import ChargerAccessPolicies
from access_policy.application.spreadsheets import guarded
from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy
from access_policy.domain.ids import ChargerId, TenantId


@dataclass(frozen=True, slots=True)
class ChargerExport:
    """`followed_to` returns the log position that the views have reached."""

    policies: ChargerAccessPolicies
    store: EventStore
    followed_to: Callable[[], Awaitable[int]]

    async def ready(self, settled: Callable[[int], Awaitable[bool]]) -> None:
        """Wait until the views contain everything stored now: importing a stale export with `replace` would retire the
        missing chargers. Raises `StoreUnavailable` if that takes too long.
        """
        await followed(self.store, self.followed_to, settled)

    async def __call__(self, tenant_id: TenantId, views: Views) -> AsyncIterator[str]:
        """Yield the chargers within `views` by id. The column `password` is empty: passwords are stored as hashes."""
        yield csv_lines([CHARGERS.columns])
        cursor: str | None = None
        while True:
            page = await views.chargers(tenant_id, depot_id=None, cursor=cursor, limit=PAGE_MAX)
            found = []
            async for row in cooperatively(page.items):
                policy = await self.policies.find(tenant_id, ChargerId(row["charger_id"]))
                if policy is not None and policy.retired_at is None:
                    found.append(policy)
            yield csv_lines(_cells(found))
            cursor = page.next_cursor
            if cursor is None:
                return


def _cells(policies: Iterable[ChargerAccessPolicy]) -> list[list[str]]:
    rows = []
    for policy in policies:
        cells = {CHARGERS.key: policy.charger_id, **set_values(policy), PASSWORD: ""}
        rows.append([guarded(cells[column]) for column in CHARGERS.columns])
    return rows
