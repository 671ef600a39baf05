"""Pseudonyms: equal identifiers of a tenant meet, everything else does not."""

from __future__ import annotations

import hashlib
import hmac

from access_policy.adapters.secrets.pseudonyms import HmacPseudonyms
from access_policy.domain.identifiers import Identifier, IdentifierKind, identifier
from access_policy.domain.ids import TenantId

KEY, OTHER_KEY = bytes(32), bytes(range(32))
ACME, OTHER = TenantId("acme"), TenantId("other")
TAG = identifier(IdentifierKind.RFID, "04:a1:b2:c3:d4:e5:f6")


def test_equal_identifiers_of_a_tenant_have_equal_pseudonyms() -> None:
    spelled_otherwise = identifier(IdentifierKind.RFID, "04A1B2C3D4E5F6")

    assert HmacPseudonyms(KEY).ref(ACME, TAG) == HmacPseudonyms(KEY).ref(ACME, spelled_otherwise)


def test_a_pseudonym_is_128_bits_of_a_keyed_hash_that_does_not_change() -> None:
    ref = HmacPseudonyms(KEY).ref(ACME, TAG)

    expected = hmac.new(KEY, b"acme\x00rfid\x0004A1B2C3D4E5F6", hashlib.sha256)
    assert ref.pseudonym == expected.hexdigest()[:32]
    assert (ref.kind, ref.masked) == (IdentifierKind.RFID, "…E5F6")


def test_another_tenant_key_kind_or_value_has_another_pseudonym() -> None:
    refs = [
        HmacPseudonyms(KEY).ref(ACME, TAG),
        HmacPseudonyms(KEY).ref(OTHER, TAG),
        HmacPseudonyms(OTHER_KEY).ref(ACME, TAG),
        HmacPseudonyms(KEY).ref(ACME, Identifier(IdentifierKind.OTHER, TAG.value)),
        HmacPseudonyms(KEY).ref(ACME, Identifier(IdentifierKind.RFID, "04A1B2C3D4E5F7")),
    ]

    assert len({ref.pseudonym for ref in refs}) == len(refs)


def test_nothing_of_a_pin_is_in_its_ref() -> None:
    ref = HmacPseudonyms(KEY).ref(ACME, identifier(IdentifierKind.PIN, "4711"))

    assert "4711" not in str(ref)
    assert ref.masked == "****"


def test_few_refs_kept_are_the_same_refs() -> None:
    few, many = HmacPseudonyms(KEY, refs_kept=1), HmacPseudonyms(KEY)
    tags = [Identifier(IdentifierKind.PIN, f"{n:04}") for n in range(50)] * 2

    assert [few.ref(ACME, tag) for tag in tags] == [many.ref(ACME, tag) for tag in tags]
