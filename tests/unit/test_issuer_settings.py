"""The settings of an OIDC issuer, and addresses on which the API does not begin to serve without one."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from access_policy.application.ports.identity import Role
from access_policy.entrypoints.processes.safety import NotAllowed, refuse_unsafe
from access_policy.settings import Settings

COGNITO = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Example"


def test_issuer_settings_from_texts_are_typed_values() -> None:
    settings = Settings(
        oidc_issuer=COGNITO, oidc_clients="one, two", oidc_role_map="depot-operators=operator, a=b=admin"
    )

    assert settings.oidc_issuer == COGNITO
    assert settings.oidc_clients == {"one", "two"}
    assert settings.oidc_role_map == {"depot-operators": Role.OPERATOR, "a=b": Role.ADMIN}


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"oidc_issuer": "login.example"}, "https://HOST/PATH"),
        ({"oidc_issuer": "https://login.example/?a=b"}, "without a query"),
        ({"oidc_issuer": "https://[::1"}, "cannot be read"),
        ({"oidc_issuer": "http://login.example"}, "needs https://"),
        ({"oidc_issuer": COGNITO}, "oidc_audience, or oidc_clients"),
        ({"oidc_role_map": "operators"}, "NAME=ROLE"),
        ({"oidc_role_map": "operators=king"}, "roles: viewer"),
        ({"oidc_role_map": "a=viewer,a=admin"}, "two roles"),
        ({"oidc_clock_skew_s": "3600"}, "less than or equal to 300"),
    ],
)
def test_wrong_issuer_setting_says_what_to_write(values: dict[str, str], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Settings(**values)


def test_embedded_key_beyond_loopback_is_refused_with_how_to_set_an_issuer() -> None:
    with pytest.raises(NotAllowed, match="set ACCESS_POLICY_OIDC_ISSUER to the URL of your identity provider"):
        refuse_unsafe(Settings(http="0.0.0.0:8000", http_allow_plain="true"))


def test_issuer_beyond_loopback_may_serve() -> None:
    refuse_unsafe(Settings(http="0.0.0.0:8000", http_allow_plain="true", oidc_issuer=COGNITO, oidc_clients="one"))
