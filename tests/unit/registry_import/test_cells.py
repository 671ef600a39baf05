"""What a cell means by itself."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from access_policy.application.registry_import.cells import ReadRow, read_rows
from access_policy.application.registry_import.csv_file import Row
from access_policy.application.registry_import.identifier_cells import IdentifierCell
from access_policy.application.registry_import.other_values import other_spelled
from access_policy.application.spreadsheets import guarded, unguarded
from access_policy.domain.identifiers import Identifier, IdentifierKind
from access_policy.domain.ids import TenantId
from access_policy.domain.vehicle_registry.events import AccessClass
from tests.support.stores import pseudonyms

REFS = pseudonyms()


def read(**cells: str) -> ReadRow:
    row = Row(2, {"vehicle_id": "a", **cells})
    return read_rows([row], lambda found: REFS.ref(TenantId("acme"), found))[0]


def wrong(**cells: str) -> str:
    (error,) = read(**cells).errors
    assert error.column in cells
    return error.message


def values(cell: IdentifierCell) -> list[str | None]:
    return [spelled.value for spelled in cell.spelled]


def test_an_empty_cell_says_nothing_and_a_dash_empties() -> None:
    row = read(name="", agreement_id="-", valid_from=" ", valid_until=" - ", rfid="", mac="-")

    assert row.values == {"agreement_id": None, "valid_until": None}
    assert row.identifiers == {IdentifierKind.MAC: IdentifierCell()}
    assert row.errors == ()


def test_values_are_read_as_they_are_exported() -> None:
    row = read(
        name=" Bus 7 ", access_class="Own", valid_from="2026-01-01T00:00:00Z", valid_until="2026-06-01T02:00+02:00"
    )

    assert row.values == {
        "name": " Bus 7 ",
        "access_class": AccessClass.OWN,
        "valid_from": datetime(2026, 1, 1, tzinfo=UTC),
        "valid_until": datetime(2026, 6, 1, tzinfo=UTC),
    }


def test_several_identifiers_stand_in_a_cell_and_two_spellings_of_one_are_one() -> None:
    row = read(rfid="04:a1:b2:c3; 04A1B2C3 ;04-11-22-33-44-55-66;", mac="VID:1a-2b-3c-4d-5e-6f", plate="b-ab 1234")

    assert values(row.identifiers[IdentifierKind.RFID]) == ["04A1B2C3", "04112233445566"]
    assert values(row.identifiers[IdentifierKind.MAC]) == ["1A2B3C4D5E6F"]
    assert values(row.identifiers[IdentifierKind.PLATE]) == ["BAB1234"]


@pytest.mark.parametrize("masked", ["****", "••••", "*", "****;****"])
def test_a_masked_pin_stands_for_the_pins_that_are_there(masked: str) -> None:
    cell = read(pin=masked).identifiers[IdentifierKind.PIN]

    assert cell.spelled == ()
    assert cell.keeps(REFS.ref(TenantId("acme"), _pin("4711")))


def test_a_pin_is_known_by_its_pseudonym_only() -> None:
    assert values(read(pin="4711").identifiers[IdentifierKind.PIN]) == [None]


@pytest.mark.parametrize("vehicle_id", ["", "  ", "a/b", "x" * 65, "a\nb", "4.12E+12"])
def test_a_row_whose_vehicle_cannot_be_told_says_so(vehicle_id: str) -> None:
    row = read(vehicle_id=vehicle_id)

    assert row.vehicle_id is None
    assert [error.column for error in row.errors] == ["vehicle_id"]


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({"rfid": "4.12E+12"}, "converted the value to a number"),
        ({"rfid": "4,12E+12"}, "converted the value to a number"),
        ({"rfid": "1.2345E-12"}, "converted the value to a number"),
        ({"rfid": "1234567.0"}, "converted the value to a number"),
        ({"mac": "1.23457E+11"}, "converted the value to a number"),
        ({"pin": "1E+05"}, "converted the value to a number"),
        ({"pin": "4711.0"}, "converted the value to a number"),
        ({"rfid": "4112233"}, "leading zeros"),
        ({"rfid": "4112233445566"}, "leading zeros"),
        ({"mac": "12345678901"}, "leading zeros"),
        ({"pin": "47"}, "leading zeros"),
        ({"rfid": "12345678901234500000"}, "beyond the 15th"),
        ({"rfid": "04A1B2C3D4"}, "4, 7 or 10 bytes"),
        ({"mac": "VID:123"}, "12 or 16 hex digits"),
        ({"emaid": "DE-ABC"}, "looks like"),
        ({"plate": "B?"}, "number plate"),
        ({"rfid": "04A1B2C3,04A1B2C4"}, "hex digits"),
        ({"access_class": "guest"}, "'own' or 'agreement'"),
        ({"agreement_id": "a/b"}, "agreement_id"),
        ({"valid_from": "2026-01-01"}, "Not a valid instant"),
        ({"valid_from": "01.02.2026"}, "Not a valid instant"),
        ({"valid_until": "2026-01-01T00:00:00"}, "Not a valid instant"),
        ({"valid_until": "2026-13-01T00:00:00Z"}, "Not a valid instant"),
        ({"valid_until": "1926-01-01T00:00:00Z"}, "the year 1926"),
        ({"valid_until": "46023"}, "Not a valid instant"),
    ],
)
def test_a_wrong_cell_is_said_with_its_column_and_what_to_do(cells: dict[str, str], said: str) -> None:
    assert said in wrong(**cells)


def test_a_decimal_card_with_its_leading_zeros_is_taken_as_it_stands() -> None:
    cell = read(rfid="0000001012951691;0078492321;0000001012951690").identifiers[IdentifierKind.RFID]

    assert values(cell) == ["0000001012951691", "0078492321", "0000001012951690"]


@given(st.lists(st.text(alphabet="\\;=-1a.…*'E+, ", min_size=1, max_size=8), min_size=1, max_size=4))
def test_every_value_of_kind_other_comes_back_as_it_was_spelled(texts: list[str]) -> None:
    kept = list(dict.fromkeys(text.strip() for text in texts if text.strip()))
    cell = ";".join(other_spelled(text) for text in kept)

    assert values(read(other=cell).identifiers.get(IdentifierKind.OTHER, IdentifierCell())) == kept
    assert guarded(cell) == cell


def test_all_wrong_cells_of_a_row_are_said_at_once() -> None:
    errors = read(vehicle_id="", rfid="1E+05", valid_from="soon").errors

    assert [error.column for error in errors] == ["vehicle_id", "rfid", "valid_from"]


def test_no_message_repeats_an_identifier() -> None:
    assert "4112233445566" not in wrong(rfid="4112233445566")


def test_digits_that_look_rounded_are_taken_in_bytes() -> None:
    cell = read(rfid="12:34:56:78:90:12:34:50:00:00").identifiers[IdentifierKind.RFID]

    assert values(cell) == ["12345678901234500000"]


@pytest.mark.parametrize("text", ["=1+1", " =1+1", "+49", "-5", " -", "@cmd", "'quoted", "'=1", "1E+5", "＝1"])
def test_what_a_spreadsheet_would_run_gets_an_apostrophe_and_loses_it_again(text: str) -> None:
    assert guarded(text) == f"'{text}"
    assert unguarded(guarded(text)) == text
    assert read(name=guarded(text)).values["name"] == text


@given(st.text())
def test_every_text_comes_back_from_behind_its_guard(text: str) -> None:
    assert unguarded(guarded(text)) == text


def test_a_vehicle_whose_name_is_a_dash_is_not_emptied() -> None:
    assert read(name=guarded("-")).values["name"] == "-"


def _pin(value: str) -> Identifier:
    return Identifier(IdentifierKind.PIN, value)
