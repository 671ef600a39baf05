"""Rows beside the registry: what each would do, and which contradict each other or what is there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from access_policy.adapters.clock import SystemClock
from access_policy.application.audit.readings import Readings
from access_policy.application.context import Context
from access_policy.application.ports.views import Page
from access_policy.application.queries.registry_export import RegistryExport
from access_policy.application.registry_import.cells import read_rows
from access_policy.application.registry_import.changes import changes_of
from access_policy.application.registry_import.csv_file import rows_of
from access_policy.application.registry_import.planning import plan_rows
from access_policy.domain.errors import Refused
from access_policy.domain.identifiers import Identifier, IdentifierKind, identifier
from access_policy.domain.ids import ActorId, AgreementId, TenantId, VehicleId, checked_id, checked_name
from access_policy.domain.vehicle_registry.events import (
    AccessClass,
    AgreementRecorded,
    VehicleDescription,
    VehicleIdentifier,
    VehicleIdentifierAdded,
    VehicleRegistered,
)
from access_policy.domain.vehicle_registry.import_plan import Action, ImportMode, PlanRow
from access_policy.domain.vehicle_registry.registry import VehicleRegistry
from tests.support.builders import agreement
from tests.support.lengths import Length
from tests.support.office import Vault
from tests.support.stores import memory_store, pseudonyms

FILES = Length(ci=20, soak=1_500, of="files")

ACME = TenantId("acme")
REFS = pseudonyms()
HEADER = "vehicle_id,name,access_class,agreement_id,valid_from,valid_until,rfid,mac,emaid,pin,plate"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CARD, OTHER_CARD = "04A1B2C3", "04112233"


def registry(**cards: str) -> VehicleRegistry:
    """Own vehicles with a card each, and the agreement `couriers`."""
    made = VehicleRegistry()
    made.apply(AgreementRecorded(agreement=agreement(agreement_id=AgreementId("couriers"))))
    for vehicle_id, card in cards.items():
        register(made, vehicle_id, [identifier(IdentifierKind.RFID, card)] if card else [])
    return made


def register(made: VehicleRegistry, vehicle_id: str, values: Sequence[Identifier], **described: Any) -> None:
    description = VehicleDescription(**{"name": vehicle_id.upper(), "access_class": AccessClass.OWN} | described)
    made.apply(VehicleRegistered(vehicle_id=VehicleId(vehicle_id), description=description))
    for value in values:
        held = VehicleIdentifier(ref=REFS.ref(ACME, value), sealed="")
        made.apply(VehicleIdentifierAdded(vehicle_id=VehicleId(vehicle_id), identifier=held))


def plan(known: VehicleRegistry, file: str, mode: ImportMode = ImportMode.MERGE) -> tuple[PlanRow, ...]:
    rows = read_rows(rows_of(file.encode()), lambda found: REFS.ref(ACME, found))
    return plan_rows(known, rows, mode)


def plan_cards(known: VehicleRegistry, *rows: str, mode: ImportMode = ImportMode.MERGE) -> tuple[PlanRow, ...]:
    return plan(known, "\n".join(("vehicle_id,rfid", *rows)), mode)


def actions(rows: Sequence[PlanRow]) -> list[str]:
    return [row.action.value for row in rows]


def said(row: PlanRow) -> str:
    assert row.action is Action.ERROR
    return " ".join(f"{error.column}: {error.message}" for error in row.errors)


# --- one row ---------------------------------------------------------------------------------------------------------


def test_a_new_vehicle_needs_a_name_and_a_class() -> None:
    (row,) = plan(registry(), "vehicle_id,name,access_class\na,,\n")

    assert [error.column for error in row.errors] == ["name", "access_class"]


def test_columns_that_are_missing_and_cells_that_are_empty_leave_a_vehicle_as_it_was() -> None:
    known = registry(a=CARD)

    for mode in ImportMode:
        assert actions(plan(known, "vehicle_id\na\n", mode)) == ["unchanged"]
        assert actions(plan(known, f"{HEADER}\na,,,,,,,,,,\n", mode)) == ["unchanged"]


def test_a_dash_empties_a_cell_and_no_name() -> None:
    known = registry(a=CARD)
    emptied, nameless = plan(known, f"{HEADER}\na,,,,,,-,,,,\n")[0], plan(known, "vehicle_id,name\na,-\n")[0]

    assert emptied.identifiers == ()
    assert changes_of(emptied)["rfid"].after == []
    assert said(nameless).startswith("name: ")


def test_a_row_says_the_version_of_the_vehicle_it_was_planned_against() -> None:
    known = registry(a=CARD)

    changed, added = plan(known, "vehicle_id,name,access_class\na,Anna,\nb,B,own\n")

    assert (changed.base_version, added.base_version) == (known.vehicles[VehicleId("a")].changed_at, 0)


def test_a_vehicle_that_becomes_an_own_one_leaves_its_agreement() -> None:
    known = registry()
    register(known, "a", [], access_class=AccessClass.AGREEMENT, agreement_id=AgreementId("couriers"))

    (row,) = plan(known, f"{HEADER}\na,,own,,,,,,,,\n")

    assert row.description is not None
    assert row.description.agreement_id is None
    assert list(changes_of(row)) == ["access_class", "agreement_id"]


def test_what_the_registry_would_refuse_is_said_with_its_column() -> None:
    rows = plan(
        registry(),
        f"{HEADER}\na,A,agreement,nobody,,,,,,,\nb,B,agreement,,,,,,,,\nc,C,own,couriers,,,,,,,\n"
        "d,D,own,,2026-02-01T00:00:00Z,2026-01-01T00:00:00Z,,,,,\n" + f"e,{'x' * 201},own,,,,,,,,\n",
    )

    assert [[error.column for error in row.errors] for row in rows] == [
        ["agreement_id"],
        ["agreement_id"],
        ["agreement_id"],
        ["valid_until"],
        ["name"],
    ]


def test_a_row_of_cells_that_cannot_be_told_apart_is_an_error_without_a_column() -> None:
    (row,) = plan(registry(), "vehicle_id,name\na,A,B\n")

    assert [error.column for error in row.errors] == [None]


def test_a_masked_value_stands_for_one_that_the_vehicle_has() -> None:
    known = registry(a=CARD)

    assert actions(plan_cards(known, "a,…B2C3")) == ["unchanged"]
    assert actions(plan_cards(known, f"a,…B2C3;{OTHER_CARD}")) == ["change"]
    assert "matches no identifier" in said(plan_cards(known, "a,…FFFF")[0])


def test_a_masked_value_says_nothing_of_a_new_vehicle() -> None:
    for masked in ("…B2C3", "****"):
        (row,) = plan(registry(), f"vehicle_id,name,access_class,rfid\na,A,own,{masked}\n")
        assert "the vehicle is new" in said(row)


def test_a_new_pin_beside_the_masked_one_is_added_to_it() -> None:
    known = registry()
    register(known, "a", [identifier(IdentifierKind.PIN, "4711")])

    (row,) = plan(known, "vehicle_id,pin\na,****;9999\n")

    assert changes_of(row)["pin"].after == ["****", "****"]


def test_identifiers_of_a_kind_without_a_column_stay() -> None:
    known = registry()
    register(known, "a", [Identifier(IdentifierKind.OTHER, "x-1")])

    (row,) = plan_cards(known, f"a,{CARD}", mode=ImportMode.REPLACE)

    assert [each.ref.kind.value for each in row.identifiers] == ["other", "rfid"]


def test_only_values_that_have_to_be_sealed_are_in_a_plan() -> None:
    (row,) = plan(registry(a=CARD), f"vehicle_id,rfid,pin\na,{CARD};{OTHER_CARD},4711\n")

    assert [each.value for each in row.identifiers] == [None, OTHER_CARD, None]


def test_a_vehicle_has_at_most_a_hundred_identifiers() -> None:
    (row,) = plan_cards(registry(a=""), "a," + ";".join(f"04{n:06X}" for n in range(101)))

    assert "at most 100" in said(row)


# --- rows beside each other ------------------------------------------------------------------------------------------


def test_a_vehicle_on_two_lines_is_an_error_on_both_naming_the_other() -> None:
    first, second = plan(registry(), "vehicle_id,name,access_class\na,A,own\na,B,own\n")

    assert ("line 3" in said(first), "line 2" in said(second)) == (True, True)


def test_an_identifier_on_two_lines_is_an_error_on_both_naming_the_other() -> None:
    first, second = plan_cards(registry(a="", b=""), f"a,{CARD}", "b,04:a1:b2:c3")

    assert ("rfid" in said(first), "line 3" in said(first), "line 2" in said(second)) == (True, True, True)


def test_an_identifier_that_another_vehicle_keeps_is_an_error_naming_it() -> None:
    known = registry(a=CARD, b="")

    assert "belongs to vehicle a" in said(plan_cards(known, f"b,{CARD}")[0])
    kept, taking = plan_cards(known, "a,", f"b,{CARD}")
    assert kept.action is Action.UNCHANGED
    assert "keeps it on line 2" in said(taking)


def test_an_identifier_that_another_vehicle_gives_up_in_the_file_can_be_taken() -> None:
    known = registry(a=CARD, b=OTHER_CARD)

    assert actions(plan_cards(known, f"b,{CARD}", "a,-")) == ["change", "change"]
    assert actions(plan_cards(known, f"a,{OTHER_CARD}", f"b,{CARD}")) == ["change", "change"]
    assert actions(plan_cards(known, f"b,{CARD}", mode=ImportMode.REPLACE)) == ["change", "remove"]


def test_what_a_row_with_errors_would_give_up_cannot_be_taken_nor_what_depends_on_that() -> None:
    known = registry(a=CARD, b=OTHER_CARD, c="")

    rows = plan(known, f"vehicle_id,rfid,valid_from\na,-,soon\nb,{CARD},\nc,{OTHER_CARD},\n")

    assert actions(rows) == ["error", "error", "error"]
    assert "whose row on line 2 has errors" in said(rows[1])
    assert "whose row on line 3 has errors" in said(rows[2])


def test_replace_removes_what_the_file_does_not_name_and_nothing_that_it_names_wrongly() -> None:
    known = registry(a=CARD, b="", c="")

    rows = plan(known, "vehicle_id,valid_from\na,\nb,soon\n", ImportMode.REPLACE)

    assert [(row.line, row.action.value, row.vehicle_id) for row in rows] == [
        (2, "unchanged", "a"),
        (3, "error", "b"),
        (None, "remove", "c"),
    ]
    assert changes_of(rows[2])["name"].before == "C"


# --- the round trip --------------------------------------------------------------------------------------------------


class ViewsOf:
    """The vehicles of a registry as the read model has them, two a page."""

    def __init__(self, known: VehicleRegistry, sealed: dict[str, str]) -> None:
        self._rows = [
            {
                "vehicle_id": vehicle.vehicle_id,
                "name": vehicle.description.name,
                "access_class": vehicle.description.access_class.value,
                "agreement_id": vehicle.description.agreement_id,
                "valid_from": vehicle.description.valid_from,
                "valid_until": vehicle.description.valid_until,
                "identifiers": [
                    {"kind": ref.kind.value, "masked": ref.masked, "sealed": sealed.get(ref.pseudonym, "")}
                    for ref in vehicle.identifiers
                ],
            }
            for vehicle in known.vehicles.values()
        ]

    async def vehicles(self, tenant_id: TenantId, *, cursor: str | None, limit: int) -> Page:
        begin = int(cursor or 0)
        more = begin + 2 < len(self._rows)
        return Page(self._rows[begin : begin + 2], str(begin + 2) if more else None)


async def _nowhere() -> int:
    return 0


def _accepted(check: Any) -> Any:
    def accepts(text: str) -> bool:
        try:
            check(text)
        except Refused:
            return False
        return True

    return accepts


VALUES = st.one_of(
    st.sampled_from([8, 14, 20]).flatmap(
        lambda n: st.builds(
            Identifier, st.just(IdentifierKind.RFID), st.text("0123456789ABCDEF", min_size=n, max_size=n)
        )
    ),
    st.sampled_from([12, 16]).flatmap(
        lambda n: st.builds(
            Identifier, st.just(IdentifierKind.MAC), st.text("0123456789ABCDEF", min_size=n, max_size=n)
        )
    ),
    st.text(st.characters(categories=["Lu", "Nd"]), min_size=2, max_size=8)
    .filter(_accepted(lambda text: identifier(IdentifierKind.PLATE, text)))
    .map(lambda text: identifier(IdentifierKind.PLATE, text)),
    st.text("0123456789", min_size=4, max_size=12).map(lambda text: Identifier(IdentifierKind.PIN, text)),
    st.builds(
        lambda text: Identifier(IdentifierKind.EMAID, text),
        st.from_regex(r"[A-Z]{2}[A-Z0-9]{3}[A-Z0-9]{9}", fullmatch=True),
    ),
    st.text(
        st.characters(exclude_categories=["C", "Z"]) | st.sampled_from("\\;=-1a.…*'E+,"), min_size=1, max_size=9
    ).map(lambda text: identifier(IdentifierKind.OTHER, text)),
)
TEXTS = st.one_of(st.text(min_size=1, max_size=12), st.text("=+-@'\",; \t1E", min_size=1, max_size=8))
INSTANTS = st.integers(946_684_800_000_000, 7_226_582_400_000_000).map(lambda us: EPOCH + timedelta(microseconds=us))
VEHICLES = st.fixed_dictionaries(
    {
        "vehicle_id": TEXTS.filter(_accepted(lambda text: checked_id(text, "vehicle_id"))),
        "name": TEXTS.filter(_accepted(checked_name)),
        "foreign": st.booleans(),
        "valid": st.tuples(st.none() | INSTANTS, st.none() | INSTANTS).filter(
            lambda both: both[0] is None or both[1] is None or both[0] < both[1]
        ),
        "values": st.lists(VALUES, max_size=5, unique=True),
    }
)


NAMED_LIKE_EMPTY = {"vehicle_id": "a", "name": " -", "foreign": False, "valid": (None, None), "values": []}


@pytest.mark.soak(FILES)
@settings(max_examples=FILES.count, suppress_health_check=[HealthCheck.filter_too_much])
@example([NAMED_LIKE_EMPTY], False)
@given(st.lists(VEHICLES, min_size=1, max_size=6, unique_by=lambda vehicle: vehicle["vehicle_id"]), st.booleans())
async def test_whatever_is_registered_an_export_of_it_imports_as_all_unchanged(
    vehicles: list[dict[str, Any]], some_are_forgotten: bool
) -> None:
    known, vault, sealed, taken = registry(), Vault(), {}, set[Identifier]()
    for each in vehicles:
        values = [value for value in each["values"] if value not in taken]
        taken.update(values)
        foreign = (
            {"access_class": AccessClass.AGREEMENT, "agreement_id": AgreementId("couriers")} if each["foreign"] else {}
        )
        starts, ends = each["valid"]
        register(known, each["vehicle_id"], values, name=each["name"], valid_from=starts, valid_until=ends, **foreign)
        for value in values:
            if value.kind is not IdentifierKind.PIN and ":" not in value.value:
                secret = await vault.seal(ACME, VehicleId(each["vehicle_id"]), value.value)
                sealed[REFS.ref(ACME, value).pseudonym] = secret
    if some_are_forgotten:
        await vault.forget(ACME, VehicleId(vehicles[0]["vehicle_id"]))

    store = memory_store()
    readings = Readings(store, SystemClock())
    export = RegistryExport(ViewsOf(known, sealed), vault, store, _nowhere, readings)  # type: ignore[arg-type]
    context = Context(tenant_id=ACME, actor=ActorId("tester"), correlation_id="a-test")
    file = "".join([lines async for lines in export(context)])

    for mode in ImportMode:
        assert [(row.action, row.errors) for row in plan(known, file, mode)] == [(Action.UNCHANGED, ())] * len(vehicles)
