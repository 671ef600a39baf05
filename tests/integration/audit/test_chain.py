"""The audit chain on each store: it holds over an untouched log, and each kind of manipulation is found."""

from __future__ import annotations

import asyncio

import pytest

from access_policy.application.audit.findings import Manipulation, Verification
from access_policy.application.ports.audit_chains import ExportedHeads
from access_policy.application.ports.event_store import Append
from access_policy.application.streams import registry_stream
from access_policy.domain.identifiers import IdentifierKind, IdentifierRef
from access_policy.domain.ids import TenantId, VehicleId
from access_policy.domain.vehicle_registry.events import VehicleIdentifier, VehicleIdentifierAdded
from tests.integration.audit.conftest import AuditedLog
from tests.support.records import rows
from tests.support.stores import happened, vehicle_vault

ACME = TenantId("acme")


def kinds(found: Verification) -> list[tuple[str, str, int | None, int | None]]:
    return [(each.tenant_id, each.kind, each.first, each.last) for each in found.findings]


async def tampered(change: object, *arguments: object) -> None:
    await asyncio.to_thread(change, *arguments)  # type: ignore[arg-type]


async def test_verify_untouched_log_holds_with_every_event_compared(audited: AuditedLog) -> None:
    found = await audited.verify(await audited.chain())

    assert found.findings == []
    assert (found.events, found.reached, found.unchained) == (9, 9, 0)
    assert found.chains == ["acme", "other"]


async def test_verify_events_younger_than_the_chain_are_counted_and_hold(audited: AuditedLog) -> None:
    await audited.append("acme", first=9, last=10)

    found = await audited.verify()

    assert found.holds
    assert found.unchained == 2


async def test_verify_edited_event_names_its_position(audited: AuditedLog) -> None:
    await tampered(audited.tampering.edit, 6, b"note 5", b"note 7")

    assert kinds(await audited.verify()) == [(ACME, Manipulation.EDITED, 6, 6)]


async def test_verify_deleted_event_names_its_position(audited: AuditedLog) -> None:
    await tampered(audited.tampering.delete, 2)

    assert kinds(await audited.verify()) == [(ACME, Manipulation.DELETED, 2, 2)]


async def test_verify_inserted_event_of_another_stream_is_found(audited: AuditedLog) -> None:
    """In the place of the only event of the other tenant: that one is missing, and the new one is not chained."""
    await tampered(audited.tampering.delete, 4)
    await tampered(audited.tampering.insert, 4, 3, "acme/charger_condition/bay-2")

    assert kinds(await audited.verify()) == [
        (ACME, Manipulation.INSERTED, 4, 4),
        ("other", Manipulation.TRUNCATED, 4, 4),
    ]


async def test_verify_truncated_log_names_the_missing_tail(audited: AuditedLog) -> None:
    for position in (9, 8):
        await tampered(audited.tampering.delete, position)

    assert kinds(await audited.verify()) == [(ACME, Manipulation.TRUNCATED, 8, 9)]


def cut_chain(log: AuditedLog, heads: ExportedHeads) -> None:
    """Remove the last link and put back the head, with its seal, that was stored before: all that the database has."""
    rows(log.records, "audit", "DELETE FROM audit_links WHERE tenant_id = 'acme' AND number = 3")
    rows(log.records, "audit", "DELETE FROM audit_heads WHERE tenant_id = 'acme'")
    rows(log.records, "audit", "INSERT INTO audit_heads SELECT * FROM kept_heads")
    rows(log.records, "audit", f"UPDATE audit_position SET position = {heads.heads[ACME].position}")


async def test_verify_log_truncated_with_its_chain_is_found_against_the_exported_head_only(
    log_on_each_store: AuditedLog,
) -> None:
    log = log_on_each_store
    await log.append("acme", first=1, last=3)
    await log.chain()
    await log.append("acme", first=4, last=6)
    earlier = await log.chain()
    rows(log.records, "audit", "CREATE TABLE kept_heads AS SELECT * FROM audit_heads")
    await log.append("acme", first=7, last=8)
    exported = await log.chain()
    for position in (8, 7):
        await tampered(log.tampering.delete, position)
    cut_chain(log, earlier)

    without, against = await log.verify(), await log.verify(exported)

    rows(log.records, "audit", "DROP TABLE kept_heads")
    assert without.holds, "the red control: nothing in the database shows it"
    assert kinds(against) == [(ACME, Manipulation.TRUNCATED, None, None)]
    assert (await log.verify(earlier)).holds


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("DELETE FROM audit_links WHERE tenant_id = 'acme' AND number = 3", Manipulation.TRUNCATED),
        ("DELETE FROM audit_heads WHERE tenant_id = 'acme'", Manipulation.REWRITTEN),
        ("UPDATE audit_links SET hash = entries WHERE tenant_id = 'acme' AND number = 2", Manipulation.REWRITTEN),
        ("UPDATE audit_links SET total = total + 1 WHERE tenant_id = 'acme' AND number = 2", Manipulation.REWRITTEN),
        ("UPDATE audit_heads SET total = total + 1 WHERE tenant_id = 'acme'", Manipulation.REWRITTEN),
    ],
)
async def test_verify_changed_chain_is_found(audited_in_sql: AuditedLog, statement: str, kind: Manipulation) -> None:
    rows(audited_in_sql.records, "audit", statement)

    assert kind in {each.kind for each in (await audited_in_sql.verify()).findings}


async def test_verify_chain_rebuilt_over_an_edited_log_is_found_against_the_exported_head(audited: AuditedLog) -> None:
    """Even with the keys: the exported head is elsewhere."""
    exported = await audited.chain()
    await tampered(audited.tampering.edit, 6, b"note 5", b"note 7")
    for table in ("audit_links", "audit_heads", "audit_position"):
        rows(audited.records, "audit", f"DELETE FROM {table}")
    await audited.chain()

    without, against = await audited.verify(), await audited.verify(exported)

    assert without.holds
    assert {each.tenant_id for each in against.findings} == {"acme"}


async def test_verify_after_a_vehicle_is_forgotten_holds(log_on_each_store: AuditedLog) -> None:
    """The chain covers the ciphertext, which stays when the vehicle's key is deleted."""
    log, van = log_on_each_store, VehicleId("van-7")
    vault, store = vehicle_vault(log.records), log.open_store()
    sealed = await vault.seal(ACME, van, "04A1B2C3D4E5F6")
    ref = IdentifierRef(IdentifierKind.RFID, "0123456789abcdef0123456789abcdef", "…E5F6")
    added = VehicleIdentifierAdded(vehicle_id=van, identifier=VehicleIdentifier(ref=ref, sealed=sealed))
    await store.append([Append(registry_stream(ACME), 0, (happened(added),))])
    exported = await log.chain()

    await vault.forget(ACME, van)
    gone = await vault.unseal(ACME, van, sealed)
    found = await log.verify(exported)

    assert gone is None
    assert (found.findings, found.events) == ([], 1)
    await vault.close()
    await store.close()


async def test_erase_removes_one_chain_and_leaves_the_others_valid(audited: AuditedLog) -> None:
    chains = audited.chains()
    await chains.erase(ACME)
    await chains.close()
    for position in (9, 8, 7, 6, 5, 3, 2, 1):
        await tampered(audited.tampering.delete, position)

    found = await audited.verify()

    assert found.findings == []
    assert found.chains == ["other"]
