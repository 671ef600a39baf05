"""Values as chargers write them when they are read back: one reading for the switch, the offline settings and the probe."""

from __future__ import annotations

from typing import Any

import pytest

from access_policy.adapters.ocpp.errors import OcppVersion
from access_policy.adapters.ocpp.profiles.catalogue import ProfileCatalogue
from access_policy.application.ports.charger_gateway import Switch
from access_policy.application.ports.charger_inspection import ChargerSettingsSeen, SettingSeen
from access_policy.application.queries.probe import ProfileMatch, candidates_of
from access_policy.domain.access_mode import AccessMode, OfflineStarts
from access_policy.domain.capability_profiles.capabilities import ConfigurationKey, DeviceVariable, mode_of
from access_policy.domain.capability_profiles.charger_values import spellings, truth
from tests.support.reading_back import WANTED, KeepsSettings, connected_to
from tests.support.rows import ACME

KEY = ConfigurationKey(key="FreeCharging", managed_value="false", freevend_value="true")
TAG_KEY = ConfigurationKey(key="PlugAndChargeId", managed_value="", freevend_value="FREEVEND", tag="FREEVEND")
VARIABLE = DeviceVariable(component="AuthCtrlr", variable="Enabled", managed_value="true", freevend_value="false")
V16, V201 = OcppVersion.V16, OcppVersion.V201

FALSE: list[Any] = [False, 0, 0.0, "0", "false", "False ", "FALSE", "false\0", "off", "no"]
TRUE: list[Any] = [True, 1, 1.0, "1", "true", "True ", "TRUE", "true\0", "on", "yes"]
NOTHING: list[Any] = [None, "", " ", "\0", [], {}]

AS_JSON = {"false": False, "true": True}
AS_NUMBERS = {"false": 0, "true": 1}
AS_DIGITS = {"false": "0", "true": "1"}
SPACED = {"false": "False ", "true": "True "}
PADDED = {"false": "false\0", "true": "true\0"}
STYLES = pytest.mark.parametrize("style", [AS_JSON, AS_NUMBERS, AS_DIGITS, SPACED, PADDED], ids=repr)


@pytest.mark.parametrize("value", FALSE)
def test_truth_of_every_spelling_of_false_is_false(value: Any) -> None:
    assert truth(value) is False
    assert mode_of(value, KEY) is AccessMode.MANAGED


@pytest.mark.parametrize("value", TRUE)
def test_truth_of_every_spelling_of_true_is_true(value: Any) -> None:
    assert truth(value) is True
    assert mode_of(value, KEY) is AccessMode.FREEVEND


@pytest.mark.parametrize("value", [*NOTHING, "maybe", "2", 2, -1, 0.5])
def test_mode_of_a_value_that_says_nothing_is_unknown(value: Any) -> None:
    assert truth(value) is None
    assert mode_of(value, KEY) is None


def test_mode_of_numbers_that_a_profile_names_is_read_as_numbers() -> None:
    growatt = ConfigurationKey(key="G_ChargerMode", managed_value="2", freevend_value="1")

    assert [mode_of(value, growatt) for value in (2, "1", "3", "true")] == [
        AccessMode.MANAGED, AccessMode.FREEVEND, None, AccessMode.FREEVEND
    ]  # fmt: skip


@pytest.mark.parametrize("value", NOTHING)
def test_mode_of_no_value_where_the_empty_value_is_the_switch_is_its_mode(value: Any) -> None:
    assert mode_of(value, TAG_KEY) is AccessMode.MANAGED
    assert mode_of("some other tag", TAG_KEY) is AccessMode.FREEVEND


@pytest.mark.parametrize(
    ("reported", "wanted", "written"),
    [
        ("FALSE", "true", ("TRUE",)),
        ("False", "true", ("True",)),
        ("false", "True", ("true",)),
        ("0", "true", ("true", "1")),
        (1, "False", ("False", "0")),
        ("off", "true", ("true", "on")),
        ("", "true", ("true",)),
        (None, "FALSE", ("FALSE",)),
        ("abc", "FREEVEND", ("FREEVEND",)),
        ("false", "VestelFreeMode", ("VestelFreeMode",)),
    ],
)
def test_a_value_is_written_in_the_profiles_word_first_and_then_in_the_chargers(
    reported: Any, wanted: str, written: tuple[str, ...]
) -> None:
    assert spellings(reported, wanted) == written


@STYLES
@pytest.mark.parametrize(("version", "switch"), [(V16, KEY), (V201, VARIABLE)])
async def test_a_switch_is_read_back_and_written_once_in_whatever_way_the_charger_shows_it(
    style: dict[str, Any], version: OcppVersion, switch: Switch
) -> None:
    name = "FreeCharging" if version is V16 else "AuthCtrlr.Enabled"
    charger = KeepsSettings({name: "false"}, shown=style.__getitem__, taken=str.lower)
    before, after = [AccessMode.MANAGED, AccessMode.FREEVEND][:: 1 if version is V16 else -1]

    async with connected_to(charger, version) as commands:
        assert (await commands.read_switch(switch))[0] is before
        await commands.write_switch(switch, after, lambda: True)
        assert (await commands.read_switch(switch))[0] is after

    assert len(charger.writes) == 1


@pytest.mark.parametrize(
    "taken",
    [
        pytest.param({"0": "false", "1": "true"}.get, id="refuses words"),
        pytest.param(lambda value: "true" if value == "1" else "false", id="takes every word for 0"),
    ],
)
async def test_a_charger_that_takes_digits_only_gets_digits_after_the_word(taken: Any) -> None:
    charger = KeepsSettings({"FreeCharging": "false"}, shown=AS_DIGITS.__getitem__, taken=taken)

    async with connected_to(charger, V16) as commands:
        await commands.write_switch(KEY, AccessMode.FREEVEND, lambda: True)
        assert (await commands.read_switch(KEY))[0] is AccessMode.FREEVEND

    assert charger.writes == ["true", "1"]


@pytest.mark.parametrize("shown", [None, ""])
@pytest.mark.parametrize(("version", "switch"), [(V16, KEY), (V201, VARIABLE)])
async def test_a_switch_without_a_value_is_unknown(shown: Any, version: OcppVersion, switch: Switch) -> None:
    charger = KeepsSettings({"FreeCharging": "x", "AuthCtrlr.Enabled": "x"}, shown=lambda _: shown)

    async with connected_to(charger, version) as commands:
        mode, evidence = await commands.read_switch(switch)

    assert mode is None
    assert "without a value" in evidence


async def test_a_key_whose_emptiness_is_the_switch_is_emptied_and_filled() -> None:
    charger = KeepsSettings({"PlugAndChargeId": "abc"}, shown=lambda value: value or None)

    async with connected_to(charger, V16) as commands:
        assert (await commands.read_switch(TAG_KEY))[0] is AccessMode.FREEVEND
        await commands.write_switch(TAG_KEY, AccessMode.MANAGED, lambda: True)
        assert (await commands.read_switch(TAG_KEY))[0] is AccessMode.MANAGED
        await commands.write_switch(TAG_KEY, AccessMode.FREEVEND, lambda: True)

    assert charger.writes == ["", "FREEVEND"]


@STYLES
@pytest.mark.parametrize("version", [V16, V201])
async def test_offline_settings_that_are_right_in_another_spelling_are_not_written(
    style: dict[str, Any], version: OcppVersion
) -> None:
    wanted = WANTED[version](OfflineStarts.LIST)
    charger = KeepsSettings(dict(wanted), shown=style.__getitem__)

    async with connected_to(charger, version) as commands:
        seen = await commands.make_safe(OfflineStarts.LIST)

    assert charger.writes == []
    assert seen.in_force.keys() == wanted.keys()


@STYLES
@pytest.mark.parametrize("version", [V16, V201])
async def test_offline_settings_that_are_wrong_are_written_once_and_believed(
    style: dict[str, Any], version: OcppVersion
) -> None:
    wanted = WANTED[version](OfflineStarts.LIST)
    opposite = {name: "true" if value == "false" else "false" for name, value in wanted.items()}
    charger = KeepsSettings(opposite, shown=style.__getitem__, taken=str.lower)

    async with connected_to(charger, version) as commands:
        seen = await commands.make_safe(OfflineStarts.LIST)

    assert len(charger.writes) == len(wanted)
    assert seen.in_force.keys() == wanted.keys()


@pytest.mark.parametrize("version", [V16, V201])
async def test_an_offline_setting_without_a_value_is_not_believed(version: OcppVersion) -> None:
    wanted = WANTED[version](OfflineStarts.LIST)
    charger = KeepsSettings(dict(wanted), shown=lambda _: None)

    async with connected_to(charger, version) as commands:
        seen = await commands.make_safe(OfflineStarts.LIST)

    assert not seen.in_force
    assert set(seen.refused.values()) == {"accepted, but reads no value"}


@pytest.mark.parametrize("readonly", [True, "true", 1, "True "])
async def test_a_read_only_key_is_known_as_one_in_every_spelling(readonly: Any) -> None:
    charger = KeepsSettings({"FreeCharging": "false", "LocalPreAuthorize": "true"}, readonly=readonly)

    async with connected_to(charger, V16) as commands:
        seen = await commands.inspect(["FreeCharging"], [])
        safe = await commands.make_safe(OfflineStarts.CLOSED)

    assert seen.settings["freecharging"].writable is False
    assert safe.refused["LocalPreAuthorize"] == "read-only"
    assert charger.writes == []


@pytest.mark.parametrize(("shown", "has"), [(True, True), ("1", True), ("True ", True), ("0", False), (None, False)])
async def test_a_display_is_believed_in_every_spelling_and_not_without_a_value(shown: Any, has: bool) -> None:
    charger = KeepsSettings({"DisplayMessageCtrlr.Available": "x"}, shown=lambda _: shown)

    async with connected_to(charger, V201) as commands:
        assert await commands.has_display() is has


@pytest.mark.parametrize("shown", [None, "", " ", "\0"])
@pytest.mark.parametrize(
    ("version", "switch", "central"),
    [(V16, "freecharging", "ocpp16-central"), (V201, "authctrlr.enabled", "ocpp201-central")],
)
async def test_a_probe_proposes_no_switch_that_tells_no_value(
    shown: Any, version: OcppVersion, switch: str, central: str
) -> None:
    profiles = ProfileCatalogue.packaged().all(ACME)
    charger = KeepsSettings({"FreeCharging": "x", "AuthCtrlr.Enabled": "x"}, shown=lambda _: shown)

    async with connected_to(charger, version) as commands:
        seen = await commands.inspect(["FreeCharging"], [VARIABLE])
    candidates = candidates_of(profiles, seen, "Zaptec")

    assert seen.settings[switch].value is None
    assert candidates[0].profile.name == central
    assert {each.fit for each in candidates} == {ProfileMatch.ALWAYS, ProfileMatch.UNREADABLE}


@pytest.mark.parametrize("value", [None, "FREEVEND", "somebody's tag"])
def test_a_probe_proposes_a_switch_whose_empty_value_is_one_of_its_two(value: str | None) -> None:
    profiles = ProfileCatalogue.packaged().all(ACME)
    seen = ChargerSettingsSeen("ocpp1.6", {"plugandchargeid": SettingSeen("PlugAndChargeId", value, True)}, True)
    best = candidates_of(profiles, seen, "LOOP EX-1762")[0]

    assert (best.profile.name, best.fit) == ("loop-1.6", ProfileMatch.FITS)
    assert not [reason for reason in best.because if "neither" in reason]
