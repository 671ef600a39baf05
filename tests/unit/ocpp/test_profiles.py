"""The profile files, their schema, and the document made from them."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path

import pytest

from access_policy.adapters.ocpp.incoming.tags import read_tag
from access_policy.adapters.ocpp.profiles.catalogue import ProfileCatalogue, ProfileFileInvalid, parse_profiles
from access_policy.adapters.ocpp.profiles.schema import ProfileBody, body_of
from access_policy.domain.capability_profiles.capabilities import (
    Autocharge,
    CapabilityProfile,
    ConfigurationKey,
    Evidence,
)
from access_policy.domain.identifiers import IdentifierKind
from tests.support.rows import ACME
from tools.documents.chargers import document

CATALOGUE = ProfileCatalogue.packaged()
CHARGERS_MD = Path(__file__).parents[3] / "docs" / "chargers.md"

# Copied by hand from the fact sheet (ocpp-access-control A1.2): family, key, managed, freevend, the tag's key, and whether the
# vendor's own text was read.
SHEET = [
    ("microocpp-1.6", "Cst_FreeVendActive", "false", "true", "Cst_FreeVendIdTag", True),
    ("easee-1.6", "freecharging", "False", "True", "rfidtagfreecharging", True),
    ("zaptec-go-1.6", "FreeCharging", "false", "true", "FreeChargingIdTag", True),
    ("monta-emulator-1.6", "FreeCharging", "false", "true", "FreeChargingIdTag", True),
    ("vestel-evc04-1.6", "FreeModeActive", "FALSE", "TRUE", "FreeModeRFID", False),
    ("phoenix-charx-1.6", "FreeMode", "false", "true", None, False),
    ("wallbox-1.6", "AuthEnabled", "true", "false", "AuthDisabledIdTag", False),
    ("wallbox-inverted-1.6", "AuthEnabled", "false", "true", "AuthDisabledIdTag", False),
    ("autel-1.6", "FreeVendIdTag", "", "FREEVEND", None, False),
    ("i-charging-1.6", "FreeCharging", "false", "true", "FreeChargingToken", False),
    ("loop-1.6", "PlugAndChargeId", "", "FREEVEND", None, False),
    ("freevendenabled-1.6", "FreevendEnabled", "false", "true", "FreevendIdTag", False),
]


@pytest.mark.parametrize(("name", "key", "managed", "freevend", "tag_key", "verified"), SHEET)
def test_a_family_is_switched_as_the_fact_sheet_says(
    name: str, key: str, managed: str, freevend: str, tag_key: str | None, verified: bool
) -> None:
    profile = known(name)
    control = profile.mode_control

    assert isinstance(control, ConfigurationKey)
    assert (control.key, control.managed_value, control.freevend_value, control.tag_key) == (
        key, managed, freevend, tag_key
    )  # fmt: skip
    assert profile.evidence is (Evidence.VERIFIED if verified else Evidence.SECOND_HAND)


def test_the_profile_of_microocpp_says_that_version_1_2_accepts_clear_cache() -> None:
    (said,) = [quirk for quirk in known("microocpp-1.6").quirks if "ClearCache" in quirk]

    assert "1.2 accepts ClearCache" in said


def test_every_key_of_a_packaged_profile_is_on_the_sheet() -> None:
    with_key = {each.name for each in CATALOGUE.all(ACME) if isinstance(each.mode_control, ConfigurationKey)}

    assert with_key == {name for name, *_ in SHEET}


@pytest.mark.parametrize("profile", CATALOGUE.all(ACME), ids=lambda profile: profile.name)
def test_what_is_shown_of_a_profile_can_be_put_again(profile: CapabilityProfile) -> None:
    again = ProfileBody.model_validate(body_of(profile))

    assert again.build(profile.name, evidence=profile.evidence, source=profile.source) == profile


def test_every_packaged_profile_states_whether_the_family_supports_autocharge() -> None:
    folder = resources.files("access_policy.adapters.ocpp.profiles")
    tables = [
        table
        for file in folder.iterdir()
        if file.name.endswith(".toml")
        for table in tomllib.loads(file.read_text("utf-8"))["profile"]
    ]

    assert [table["name"] for table in tables if "autocharge" not in table] == []
    assert {known(table["name"]).autocharge for table in tables} == set(Autocharge)


def test_the_document_is_made_from_the_profiles() -> None:
    assert CHARGERS_MD.read_text("utf-8") == document(), "run `make docs`"


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ('kind = "configuration_key", managed_value = "a", freevend_value = "b"', "needs key"),
        ('kind = "device_variable", component = "A", managed_value = "a", freevend_value = "b"', "needs variable"),
        (
            'kind = "configuration_key", key = "K", managed_value = "true", freevend_value = "TRUE"',
            "differ only in case",
        ),
        ('kind = "wishing"', "kind"),
        ('kind = "central", keys = ["K"]', "keys"),
    ],
)
def test_a_file_that_says_too_little_or_too_much_is_refused_by_name(table: str, complaint: str) -> None:
    text = f"""
        [[profile]]
        name = "ours"
        title = "Ours"
        protocols = ["ocpp1.6"]
        mode_control = {{ {table} }}
        evidence = "verified"
        source = "a test"
    """

    with pytest.raises(ProfileFileInvalid, match=f"ours.toml.*{complaint}"):
        parse_profiles(text, "ours.toml")


@pytest.mark.parametrize(
    ("tag", "kind", "value"),
    [
        ("DINFK4ODZA", IdentifierKind.MAC, "1A1A5571C3C8"),
        ("dinfk4odza", IdentifierKind.MAC, "1A1A5571C3C8"),
        ("04A1B2C3D4E5F6", IdentifierKind.RFID, "04A1B2C3D4E5F6"),
        ("DINFK4OD1A", IdentifierKind.OTHER, "DINFK4OD1A"),
    ],
)
def test_vehicles_own_ids_in_base32_are_read_as_such_where_the_profile_says_so(
    tag: str, kind: IdentifierKind, value: str
) -> None:
    read = read_tag(tag, known("alfen-1.6"))

    assert read is not None
    assert (read.kind, read.value) == (kind, value)
    elsewhere = read_tag(tag, known("ocpp16-central"))
    assert elsewhere is not None
    assert elsewhere.kind is not IdentifierKind.MAC


def known(name: str) -> CapabilityProfile:
    profile = CATALOGUE.get(ACME, name)
    assert profile is not None
    return profile
