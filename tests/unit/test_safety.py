"""Settings with which the API does not begin to serve."""

from __future__ import annotations

import pytest

from access_policy.entrypoints.processes.safety import NotAllowed, refuse_plain_in_public
from access_policy.settings import Settings


@pytest.mark.parametrize("address", ["0.0.0.0:8000", "[::]:8000", "10.1.2.3:8000", "depot.example:8000"])
def test_plain_api_in_public_is_refused_with_what_to_set(address: str) -> None:
    with pytest.raises(NotAllowed, match=r"HTTP_TLS_CERTIFICATE .*HTTP_TRUSTED_PROXIES.*HTTP_ALLOW_PLAIN=true"):
        refuse_plain_in_public(Settings(http=address))


@pytest.mark.parametrize(
    "settings",
    [
        {"http": "127.0.0.1:8000"},
        {"http_tls_certificate": "server.pem", "http_tls_key": "server.key"},
        {"http_trusted_proxies": "10.0.0.0/8"},
        {"http_allow_plain": "true"},
    ],
)
def test_api_on_loopback_or_protected_or_allowed_may_serve(settings: dict[str, str]) -> None:
    refuse_plain_in_public(Settings(**{"http": "0.0.0.0:8000", **settings}))
