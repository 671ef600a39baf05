"""A cell of identifiers: its values by their refs, and the masks by which a vehicle keeps its own."""

from __future__ import annotations

import pytest

from access_policy.application.registry_import.identifier_cells import IdentifierCell, IdentifierRules, read_identifiers
from access_policy.domain.errors import Refused
from access_policy.domain.identifiers import Identifier, IdentifierKind, IdentifierRef
from access_policy.domain.ids import TenantId
from tests.support.depot_in_memory import rfid
from tests.support.stores import pseudonyms

REFS = pseudonyms()


def ref_of(found: Identifier) -> IdentifierRef:
    return REFS.ref(TenantId("acme"), found)


def refuse(found: Identifier) -> None:
    raise ValueError("told to fail")


RULES = IdentifierRules(ref_of, lambda found: (ref_of(found),), lambda found: None)


def test_read_identifiers_of_a_dash_keeps_none() -> None:
    cell = read_identifiers(IdentifierKind.RFID, "-", RULES)

    assert cell == IdentifierCell()
    assert not cell.keeps(ref_of(rfid("04A1B2C3")))


def test_read_identifiers_with_a_mask_and_a_value_keep_the_masked_one() -> None:
    kept, other = ref_of(rfid("04A1B2C3")), ref_of(rfid("04112233445566"))

    cell = read_identifiers(IdentifierKind.RFID, f"{kept.masked}; 04:99:88:77", RULES)

    assert [spelled.value for spelled in cell.spelled] == ["04998877"]
    assert (cell.keeps(kept), cell.keeps(other)) == (True, False)


def test_read_identifiers_that_the_check_refuses_raise_its_error() -> None:
    rules = IdentifierRules(ref_of, lambda found: (ref_of(found),), refuse)

    with pytest.raises(ValueError, match="told to fail"):
        read_identifiers(IdentifierKind.PLATE, "B-AB 1234", rules)


def test_read_identifiers_of_an_invalid_value_are_refused() -> None:
    with pytest.raises(Refused):
        read_identifiers(IdentifierKind.MAC, "VID:123", RULES)
