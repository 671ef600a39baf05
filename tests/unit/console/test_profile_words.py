"""A capability profile in words, as the forms of chargers show it."""

from __future__ import annotations

import pytest

from access_policy.adapters.ocpp.profiles.catalogue import ProfileCatalogue
from access_policy.domain.ids import TenantId
from access_policy.entrypoints.http.console.profile_words import ProfileMeaning


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        ("microocpp-1.6", "does not support Autocharge"),
        ("alfen-1.6", "It supports Autocharge"),
        ("ocpp16-central", "is not known"),
    ],
)
def test_profile_says_in_words_whether_it_supports_autocharge(profile: str, said: str) -> None:
    known = ProfileCatalogue.packaged().get(TenantId("acme"), profile)
    assert known is not None

    assert said in ProfileMeaning.of(known).autocharge
