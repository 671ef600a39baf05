"""The HTTP API over stores in memory: requests go in, answers come out, and what was recorded meanwhile is known."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import FastAPI

from access_policy.adapters.identity.embedded import EmbeddedTokens
from access_policy.adapters.ocpp.profiles.catalogue import ProfileCatalogue
from access_policy.adapters.read_models.runner import ReadModels
from access_policy.adapters.read_models.views import SqlViews
from access_policy.application.commands.add_exception import AddException
from access_policy.application.commands.amend_mode_rule import AmendModeRule
from access_policy.application.commands.end_agreement import EndAgreement
from access_policy.application.commands.lift_override import LiftOverride
from access_policy.application.commands.override_mode import OverrideMode
from access_policy.application.commands.put_agreement import PutAgreement
from access_policy.application.commands.put_charger import PutCharger
from access_policy.application.commands.put_depot import PutDepot
from access_policy.application.commands.put_vehicle import PutVehicle
from access_policy.application.commands.reinstate_vehicle import ReinstateVehicle
from access_policy.application.commands.remove_exception import RemoveException
from access_policy.application.commands.remove_vehicle import RemoveVehicle
from access_policy.application.commands.retire_charger import RetireCharger
from access_policy.application.commands.schedule_mode import ScheduleMode
from access_policy.application.commands.schedule_mode_for_many import ScheduleModeForMany
from access_policy.application.commands.suspend_vehicle import SuspendVehicle
from access_policy.application.commands.withdraw_mode_rule import WithdrawModeRule
from access_policy.application.decisions.desk import AccessDesk
from access_policy.application.decisions.group_commit import GroupCommit
from access_policy.application.decisions.live import ChargerKey, LiveAttempts
from access_policy.application.decisions.view import TYPES, DecisionView
from access_policy.application.follower import Follower
from access_policy.application.ports.idempotency import StoredAnswer
from access_policy.application.ports.identity import Role
from access_policy.application.retrying import retrying
from access_policy.entrypoints.http.app import create_app
from access_policy.entrypoints.http.services import HttpServices
from tests.support.office import Office
from tests.support.stores import pseudonyms

KEPT_FOR = timedelta(days=1)
COMMANDS = {
    "put_depot": PutDepot,
    "put_charger": PutCharger,
    "retire_charger": RetireCharger,
    "schedule_mode": ScheduleMode,
    "amend_mode_rule": AmendModeRule,
    "withdraw_mode_rule": WithdrawModeRule,
    "add_exception": AddException,
    "remove_exception": RemoveException,
    "override_mode": OverrideMode,
    "lift_override": LiftOverride,
    "put_vehicle": PutVehicle,
    "suspend_vehicle": SuspendVehicle,
    "reinstate_vehicle": ReinstateVehicle,
    "remove_vehicle": RemoveVehicle,
    "put_agreement": PutAgreement,
    "end_agreement": EndAgreement,
}


@dataclass
class Answers:
    """Idempotency records in a dictionary."""

    kept: dict[tuple[str, str], tuple[datetime, StoredAnswer]] = field(default_factory=dict)

    async def find(self, scope: str, key: str, *, now: datetime) -> StoredAnswer | None:
        kept_at, answer = self.kept.get((scope, key), (None, None))
        return answer if kept_at is not None and kept_at > now - KEPT_FOR else None

    async def keep(self, scope: str, key: str, answer: StoredAnswer, *, now: datetime) -> None:
        self.kept[scope, key] = (now, answer)


@dataclass
class HttpApi:
    """Requests are an admin's of `acme` unless told otherwise; `token=None` sends none."""

    office: Office
    tokens: EmbeddedTokens
    client: httpx.AsyncClient
    app: FastAPI
    services: HttpServices
    connected: set[ChargerKey]
    disconnected: list[ChargerKey]

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        role: Role = Role.ADMIN,
        tenant: str = "acme",
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> httpx.Response:
        all_headers = {"Authorization": f"Bearer {self.token(role, tenant)}", **(headers or {})}
        if content is not None:
            all_headers.setdefault("Content-Type", "application/json")
        return await self.client.request(method, path, json=body, headers=all_headers, content=content)

    async def get(self, path: str, **how: Any) -> httpx.Response:
        return await self.send("GET", path, **how)

    async def recorded(self, *requests: tuple[str, str, Any]) -> list[Any]:
        """Do the requests, each of which must succeed, and return the events recorded meanwhile."""
        before = await self.position()
        for method, path, body in requests:
            answer = await self.send(method, path, body)
            assert answer.is_success, answer.text
        return await self.events_after(before)

    async def position(self) -> int:
        return await self.office.store.last_position()

    async def events_after(self, position: int) -> list[Any]:
        return [each.event for each in await self.office.store.read_log(after=position, limit=10_000)]

    def token(self, role: Role = Role.ADMIN, tenant: str = "acme") -> str:
        return self.tokens.issue(tenant, role, subject="tester", ttl=timedelta(hours=1))


@asynccontextmanager
async def http_api(directory: Path, **replaced: Any) -> AsyncIterator[HttpApi]:
    """`replaced`: other services than these, by the names of `HttpServices`."""
    office = Office()
    view, models = DecisionView(), ReadModels(directory / "views.sqlite")
    followers = (
        Follower("decision view", office.store, view.follow, view.followed_to, types=TYPES),
        Follower("read models", office.store, models.follow, models.followed_to, types=models.types),
    )
    connected: set[ChargerKey] = set()
    disconnected: list[ChargerKey] = []

    async def settled(_: int) -> None:
        for follower in followers:
            await follower.catch_up()

    async def readiness() -> dict[str, bool]:
        return {"store": True, "projections": True, "serving": True}

    tokens = EmbeddedTokens(ec.generate_private_key(ec.SECP256R1()), office.clock)
    parts: dict[str, Any] = {
        "clock": office.clock,
        "tokens": tokens,
        "idempotency": Answers(),
        "settled": settled,
        "readiness": readiness,
        "connected": connected.__contains__,
        "disconnect": disconnected.append,
        "views": SqlViews(models.engine),
        "decision_view": view,
        "desk": AccessDesk(view, LiveAttempts(), office.store, GroupCommit(office.store), pseudonyms(), office.clock),
        "policies": office.policies,
        "profiles": ProfileCatalogue.packaged(),
        "pseudonyms": pseudonyms(),
        "vault": office.vault,
        "schedule_mode_for_many": office.handlers[ScheduleModeForMany],
        **{name: retrying(office.handlers[command]) for name, command in COMMANDS.items()},
    }
    services = HttpServices(**(parts | replaced))
    app = create_app(services)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
        yield HttpApi(office, tokens, client, app, services, connected, disconnected)
    await models.close()
    await office.store.close()  # type: ignore[attr-defined]
