"""Credentials in a handshake: the identity in its path and the password in its header."""

from __future__ import annotations

import base64

import pytest

from access_policy.adapters.ocpp.transport.admission import CredentialsUnusable, charge_point_id_in, password_in


def basic(credentials: bytes, scheme: str = "Basic") -> list[str]:
    return [f"{scheme} {base64.b64encode(credentials).decode()}"]


@pytest.mark.parametrize(
    ("path", "identity"),
    [
        ("/ocpp/CP1", "CP1"),
        ("/ocpp/cp1", "cp1"),
        ("/ocpp/RDAM%20%2F%20123", "RDAM / 123"),
        ("/ocpp/L%C3%A4de:1", "Läde:1"),
        ("/ocpp/CP1?token=x", "CP1"),
        ("/ocpp/" + "x" * 64, "x" * 64),
        ("/ocpp//CP1", "CP1"),
        ("/ocpp/CP1/", "CP1"),
        ("//ocpp///CP1//?token=x", "CP1"),
        ("/ocpp/CP1%2F/", "CP1/"),
    ],
)
def test_the_identity_is_the_decoded_segment(path: str, identity: str) -> None:
    assert charge_point_id_in(path) == identity


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/ocpp",
        "/ocpp/",
        "/ocpp//",
        "/ocpp/a/b",
        "/ocpp///",
        "/ocpp/CP1%2F/a",
        "/OCPP/CP1",
        "/other/CP1",
        "/ocpp/%",
        "/ocpp/%zz",
        "/ocpp/%ff",
        "/ocpp/%00",
        "/ocpp/a%0Ab",
        "/ocpp/%C2%85",
        "/ocpp/CP1#part",
        "/ocpp/" + "x" * 65,
        "/ocpp/?CP1",
    ],
)
def test_a_path_without_a_valid_identity_has_none(path: str) -> None:
    assert charge_point_id_in(path) is None


def test_the_password_is_bytes_of_any_kind() -> None:
    assert password_in(basic(b"CP1:\x00\xff:\xfe"), "CP1") == b"\x00\xff:\xfe"
    assert password_in(basic(b"CP1:", scheme="bAsIc"), "CP1") == b""


def test_an_identity_with_a_colon_is_not_cut() -> None:
    assert password_in(basic(b"A:1:secret"), "A:1") == b"secret"


def test_no_header_is_no_password() -> None:
    assert password_in([], "CP1") is None


@pytest.mark.parametrize(
    "headers",
    [
        basic(b"CP2:secret"),
        basic(b"cp1:secret"),
        basic(b"CP1"),
        basic(b"CP1:secret", scheme="Bearer"),
        ["Basic"],
        ["Basic ???"],
        [""],
        basic(b"CP1:a") + basic(b"CP1:b"),
    ],
)
def test_credentials_of_another_kind_or_user_are_unusable(headers: list[str]) -> None:
    with pytest.raises(CredentialsUnusable):
        password_in(headers, "CP1")
