"""`/v1/profiles`: those that always exist, and the tenant's own."""

from __future__ import annotations

from typing import Any

import pytest

from access_policy.application.ports.identity import Role
from access_policy.domain.ids import ChargerId, TenantId
from tests.support.http_api import HttpApi

KEY = {"kind": "configuration_key", "key": "OurFree", "managed_value": "off", "freevend_value": "on"}
OURS = {"title": "Our own chargers", "protocols": ["ocpp1.6"], "mode_control": KEY, "quirks": ["It hums."]}


async def test_a_profile_of_ones_own_is_put_shown_given_to_a_charger_and_followed_when_it_changes(api: HttpApi) -> None:
    created = await api.send("PUT", "/v1/profiles/ours-1.6", OURS)
    shown = (await api.send("GET", "/v1/profiles/ours-1.6")).json()
    assert (created.status_code, created.json()["version"]) == (201, 1)
    assert (shown["mode_control"], shown["control"]["key"], shown["evidence"]) == (
        "configuration_key", "OurFree", "operator"
    )  # fmt: skip
    assert "ours-1.6" in [each["name"] for each in (await api.send("GET", "/v1/profiles")).json()["items"]]

    told: list[Any] = []
    await charger_with(api, "ours-1.6")
    api.container.deciding.view().on_policy_change(told.append)
    changed = await api.send("PUT", "/v1/profiles/ours-1.6", {**OURS, "mode_control": {**KEY, "key": "OurFreedom"}})

    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    assert told == [(TenantId("acme"), ChargerId("ours"))]
    profile = api.container.deciding.profiles().get(TenantId("acme"), "ours-1.6")
    assert profile is not None
    assert profile.mode_control.key == "OurFreedom"


async def test_a_profile_that_a_charger_has_is_not_removed(api: HttpApi) -> None:
    await api.send("PUT", "/v1/profiles/ours-1.6", OURS)
    await charger_with(api, "ours-1.6")
    refused = await api.send("DELETE", "/v1/profiles/ours-1.6")
    await charger_with(api, "ocpp16-central")
    removed = await api.send("DELETE", "/v1/profiles/ours-1.6")

    assert (refused.status_code, code_of(refused)) == (409, "profile-in-use")
    assert removed.status_code == 204
    assert (await api.send("GET", "/v1/profiles/ours-1.6")).status_code == 404
    assert (await api.send("DELETE", "/v1/profiles/ours-1.6")).status_code == 404


async def test_another_tenant_neither_sees_nor_uses_it(api: HttpApi) -> None:
    await api.send("PUT", "/v1/profiles/ours-1.6", OURS)

    assert (await api.send("GET", "/v1/profiles/ours-1.6", tenant="other")).status_code == 404
    assert (await api.send("PUT", "/v1/profiles/ours-1.6", OURS, tenant="other")).status_code == 201


@pytest.mark.parametrize(
    ("name", "changes", "status", "told"),
    [
        ("ocpp16-central", {}, 409, "profile-name-taken"),
        ("Ours!", {}, 422, "profile-name-invalid"),
        ("ours-1.6", {"protocols": []}, 422, "/protocols"),
        ("ours-1.6", {"mode_control": {"kind": "configuration_key"}}, 422, "/mode_control"),
        ("ours-1.6", {"mode_control": {**KEY, "freevend_value": "OFF"}}, 422, "/mode_control"),
        ("ours-1.6", {"colour": "red"}, 422, "/colour"),
    ],
)
async def test_what_makes_no_sense_is_refused_and_pointed_at(
    api: HttpApi, name: str, changes: dict[str, Any], status: int, told: str
) -> None:
    before = await api.position()
    refused = await api.send("PUT", f"/v1/profiles/{name}", {**OURS, **changes})

    assert refused.status_code == status, refused.text
    assert told in refused.text
    assert await api.position() == before


async def test_only_admins_put_profiles(api: HttpApi) -> None:
    refused = await api.send("PUT", "/v1/profiles/ours-1.6", OURS, role=Role.OPERATOR)

    assert refused.status_code == 403


async def test_a_charger_that_is_away_cannot_be_probed(api: HttpApi) -> None:
    await charger_with(api, "ocpp16-central")
    refused = await api.send("POST", "/v1/chargers/ours/probe")
    unknown = await api.send("POST", "/v1/chargers/nobody/probe")

    assert (refused.status_code, code_of(refused)) == (409, "charger-not-probed")
    assert unknown.status_code == 404


async def charger_with(api: HttpApi, profile: str) -> None:
    await api.send("PUT", "/v1/depots/south", {"name": "South", "time_zone": "Europe/Berlin"})
    body = {"charge_point_id": "CP-OURS", "depot_id": "south", "profile": profile, "baseline_mode": "managed"}
    put = await api.send("PUT", "/v1/chargers/ours", body)
    assert put.is_success, put.text


def code_of(answer: Any) -> str:
    return str(answer.json()["type"].rpartition(":")[2])
