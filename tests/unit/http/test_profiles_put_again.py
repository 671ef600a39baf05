"""A profile that was read can be put again, whatever it says; a field that could have no effect is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from access_policy.adapters.ocpp.profiles.catalogue import ProfileCatalogue
from access_policy.adapters.ocpp.profiles.schema import ProfileBody, ProfileDocument, body_of, without_effect
from access_policy.domain.capability_profiles.capabilities import Evidence
from access_policy.entrypoints.http.v1.profiles import Profile
from tests.support.http_api import HttpApi
from tests.support.rows import ACME

PACKAGED = [each.name for each in ProfileCatalogue.packaged().all(ACME)]
KEY = {"kind": "configuration_key", "key": "OurFree", "managed_value": "off", "freevend_value": "on"}
VARIABLE = {
    "kind": "device_variable", "component": "C", "variable": "V", "managed_value": "true", "freevend_value": "false"
}  # fmt: skip
ASSIGNED = ("name", "evidence", "source", "version")


async def test_every_profile_that_was_read_can_be_put_under_another_name_and_again_under_its_own(api: HttpApi) -> None:
    for name in PACKAGED:
        read = (await api.send("GET", f"/v1/profiles/{name}")).json()
        created = await api.send("PUT", f"/v1/profiles/copy-of-{name}", read)
        assert created.status_code == 201, f"{name}: {created.text}"

        copied = (await api.send("GET", f"/v1/profiles/copy-of-{name}")).json()
        before = await api.position()
        again = await api.send("PUT", f"/v1/profiles/copy-of-{name}", copied)
        answered = await api.send("PUT", f"/v1/profiles/copy-of-{name}", again.json())

        assert without_assigned(copied) == without_assigned(read)
        assert (again.status_code, answered.status_code) == (200, 200), f"{name}: {again.text} {answered.text}"
        assert await api.position() == before, "putting it again changed something"


names = st.text(st.characters(categories=("L", "N"), exclude_characters="\0"), min_size=1, max_size=10)
switch_values = st.tuples(st.just("managed"), st.just("freevend") | st.just(""))
keys = st.builds(
    lambda key, also, values, tag, reboot: {
        "kind": "configuration_key", "key": key, "also_called": also, "needs_reboot": reboot,
        "managed_value": values[0], "freevend_value": values[1], **tag,
    },
    names, st.lists(names, max_size=3), switch_values,
    st.sampled_from([{}, {"tag": "T"}, {"tag": "T", "tag_key": "K"}, {"tag": "T", "tag_key": "K", "tag_also_called": ["L"]}]),
    st.booleans(),
)  # fmt: skip
variables = st.builds(
    lambda component, variable, values, reboot: {
        "kind": "device_variable", "component": component, "variable": variable, "needs_reboot": reboot,
        "managed_value": values[0], "freevend_value": values[1],
    },
    names, names, switch_values, st.booleans(),
)  # fmt: skip
without_switch = st.sampled_from(["central", "remote_start", "unsupported"]).map(lambda kind: {"kind": kind})


@given(
    control=keys | variables | without_switch,
    protocols=st.permutations(["ocpp1.6", "ocpp2.0.1", "ocpp2.1"]),
    rest=st.fixed_dictionaries(
        {"title": names},
        optional={
            "vendors": st.lists(names, max_size=3),
            "tags_are": st.sampled_from(["rfid", "pin", "emaid", "other"]),
            "base32_macs": st.booleans(),
            "personal_message": st.booleans(),
            "display_message": st.booleans(),
            "denial_error_codes": st.lists(names, max_size=3),
            "denial_window_s": st.floats(0, 600),
            "settle_s": st.floats(0, 600),
            "list_entries_max": st.none() | st.integers(0, 100_000),
            "reserves": st.sampled_from(["reported", "connectors", "charger", "none"]),
            "quirks": st.lists(names, max_size=3),
        },
    ),
)
def test_any_profile_is_the_same_after_it_was_shown_and_put_again(
    control: dict[str, Any], protocols: list[str], rest: dict[str, Any]
) -> None:
    document = ProfileDocument.model_validate({"mode_control": control, "protocols": protocols, **rest})
    assert without_effect(document) == {}

    profile = document.build("ours", evidence=Evidence.OPERATOR, source="put by an operator")
    shown = Profile.of(profile).model_dump(mode="json", exclude_unset=True)
    again = ProfileDocument.model_validate(shown)

    assert again.build("ours", evidence=Evidence.OPERATOR, source="put by an operator") == profile
    assert without_effect(again) == {}
    assert all(shown["control"][name] == value for name, value in control.items())


def test_every_field_of_a_profile_is_shown() -> None:
    for profile in ProfileCatalogue.packaged().all(ACME):
        assert body_of(profile).keys() == ProfileBody.model_fields.keys()


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"mode_control": {**VARIABLE, "tag": "T"}}, "/mode_control/tag"),
        ({"mode_control": {**VARIABLE, "also_called": ["W"]}}, "/mode_control/also_called"),
        ({"mode_control": {**VARIABLE, "key": "K"}}, "/mode_control/key"),
        ({"mode_control": {**VARIABLE, "freevend_value": "1"}}, "/mode_control/freevend_value"),
        ({"mode_control": {**KEY, "component": "C"}}, "/mode_control/component"),
        ({"mode_control": {**KEY, "tag_key": "K"}}, "/mode_control/tag_key"),
        ({"mode_control": {**KEY, "tag": "T", "tag_also_called": ["L"]}}, "/mode_control/tag_also_called"),
        ({"mode_control": {"kind": "central", "needs_reboot": True}}, "/mode_control/needs_reboot"),
        ({"mode_control": {"kind": "remote_start", "tag": "T"}}, "/mode_control/tag"),
        ({"mode_control": {"kind": "unsupported", "managed_value": "x"}}, "/mode_control/managed_value"),
        ({"mode_control": KEY, "protocols": ["ocpp2.0.1", "ocpp2.1"]}, "/mode_control/kind"),
        ({"mode_control": VARIABLE, "protocols": ["ocpp1.6"]}, "/mode_control/kind"),
        ({"mode_control": {"kind": "central"}, "pending_at_boot": True}, "/pending_at_boot"),
        ({"mode_control": KEY, "protocols": ["ocpp1.6"], "personal_message": True}, "/personal_message"),
        ({"mode_control": KEY, "protocols": ["ocpp1.6"], "display_message": True}, "/display_message"),
        ({"mode_control": VARIABLE, "protocols": ["ocpp2.1"], "base32_macs": True}, "/base32_macs"),
        ({"mode_control": VARIABLE, "protocols": ["ocpp2.1"], "tags_are": "pin"}, "/tags_are"),
    ],
)
async def test_a_field_that_could_have_no_effect_is_refused_and_pointed_at(
    api: HttpApi, changes: dict[str, Any], pointer: str
) -> None:
    before = await api.position()
    body = {"title": "Ours", "protocols": ["ocpp1.6", "ocpp2.0.1"], **changes}
    refused = await api.send("PUT", "/v1/profiles/ours", body)

    assert refused.status_code == 422, refused.text
    assert refused.json()["errors"][0]["pointer"] == pointer
    assert await api.position() == before


async def test_a_control_that_contradicts_its_kind_is_refused(api: HttpApi) -> None:
    body = {"title": "Ours", "protocols": ["ocpp1.6"], "mode_control": "central", "control": KEY}
    refused = await api.send("PUT", "/v1/profiles/ours", body)

    assert refused.status_code == 422
    assert "mode_control and control" in refused.text


def without_assigned(shown: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in shown.items() if name not in ASSIGNED}
