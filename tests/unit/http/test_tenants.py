"""The tenants' records: made by the installation, and derived for tenants that began without one."""

from __future__ import annotations

from access_policy.application.context import Context, enveloped
from access_policy.application.ports.event_store import Append
from access_policy.application.ports.identity import Role
from access_policy.application.streams import erasure_stream
from access_policy.domain.ids import ActorId, TenantId
from access_policy.domain.tenants.erasure import TenantErasureBegun
from access_policy.domain.tenants.tenant import TenantAmended, TenantDescription, TenantRegistered
from tests.support.builders import NOON
from tests.support.http_api import HttpApi

INSTALLATION = Role.INSTALLATION
ACME = {"name": "Acme Depots", "data_region": "eu-central-1"}
DEPOT = {"name": "North", "time_zone": "Europe/Berlin"}


async def begin_erasure(api: HttpApi, tenant: str) -> None:
    begun = TenantErasureBegun(tenant_id=TenantId(tenant), erasure_id="one")
    context = Context(tenant_id=TenantId("-"), actor=ActorId("operator"), correlation_id="one")
    append = Append(erasure_stream(TenantId(tenant)), 0, enveloped(context, (begun,), now=NOON))
    await api.container.stores.store().append([append])
    await api.settled()


async def test_tenant_put_by_the_installation_is_recorded_and_shown(empty_api: HttpApi) -> None:
    made = await empty_api.send("PUT", "/v1/tenants/acme", ACME, role=INSTALLATION)
    shown = await empty_api.get("/v1/tenants/acme", role=INSTALLATION)

    record = {"tenant_id": "acme", **ACME, "created_at": "2026-11-18T12:00:00Z", "erased_at": None, "version": 1}
    assert (made.status_code, made.json()) == (201, record)
    assert shown.json() == record
    assert shown.headers["ETag"] == '"1"'
    assert await empty_api.events_after(0) == [
        TenantRegistered(tenant_id=TenantId("acme"), description=TenantDescription(**ACME))
    ]


async def test_tenant_put_again_with_another_name_is_amended_and_alike_changes_nothing(empty_api: HttpApi) -> None:
    renamed = {**ACME, "name": "Acme"}
    for body in (ACME, ACME, renamed):
        answer = await empty_api.send("PUT", "/v1/tenants/acme", body, role=INSTALLATION)

    assert (answer.status_code, answer.json()["version"]) == (200, 2)
    assert (await empty_api.events_after(0))[1:] == [
        TenantAmended(tenant_id=TenantId("acme"), description=TenantDescription(**renamed))
    ]


async def test_tenant_without_a_record_is_listed_from_its_first_use_and_can_be_given_one(empty_api: HttpApi) -> None:
    await empty_api.send("PUT", "/v1/depots/north", DEPOT, tenant="first")
    await empty_api.send("PUT", "/v1/vehicles/van", {"name": "Van", "access_class": "own"}, tenant="second")

    listed = (await empty_api.get("/v1/tenants", role=INSTALLATION)).json()["items"]
    given = await empty_api.send("PUT", "/v1/tenants/first", ACME, role=INSTALLATION, headers={"If-Match": '"0"'})

    assert [(each["tenant_id"], each["name"], each["version"]) for each in listed] == [
        ("first", "first", 0),
        ("second", "second", 0),
    ]
    assert given.json()["name"] == "Acme Depots"
    assert given.json()["created_at"] == listed[0]["created_at"]


async def test_tenant_of_an_id_that_nobody_uses_is_not_found(empty_api: HttpApi) -> None:
    answer = await empty_api.get("/v1/tenants/acmee", role=INSTALLATION)

    assert (answer.status_code, answer.json()["type"]) == (404, "urn:access-policy:problem:tenant-not-found")


async def test_tenant_put_under_the_installations_own_sign_is_refused(empty_api: HttpApi) -> None:
    answer = await empty_api.send("PUT", "/v1/tenants/-", ACME, role=INSTALLATION)

    assert (answer.status_code, answer.json()["type"]) == (422, "urn:access-policy:problem:tenant-invalid")


async def test_erased_tenant_keeps_its_id_and_nothing_else_and_its_tokens_are_refused(empty_api: HttpApi) -> None:
    await empty_api.send("PUT", "/v1/tenants/acme", ACME, role=INSTALLATION)
    await begin_erasure(empty_api, "acme")

    shown = (await empty_api.get("/v1/tenants/acme", role=INSTALLATION)).json()
    again = await empty_api.send("PUT", "/v1/tenants/acme", ACME, role=INSTALLATION)
    used = await empty_api.send("PUT", "/v1/depots/north", DEPOT)

    assert (shown["name"], shown["data_region"], shown["created_at"], shown["version"]) == ("", "", None, 0)
    assert shown["erased_at"] is not None
    assert (again.status_code, again.json()["type"]) == (409, "urn:access-policy:problem:tenant-erased")
    assert (used.status_code, used.json()["type"]) == (403, "urn:access-policy:problem:tenant-erased")
