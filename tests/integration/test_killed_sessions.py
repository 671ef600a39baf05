"""Every session of the database is killed again and again while chargers ask: all is answered, recorded once and shown."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psycopg
import pytest
from websockets.asyncio.client import connect

from access_policy.application.ports.views import AttemptFilter
from access_policy.entrypoints.processes.service import Service
from access_policy.settings import Settings
from tests.integration.test_kill import CHARGERS, TENANT, Observed, attempts, call, set_up, until_answered
from tests.integration.test_store_outage import BOOT, until_ready
from tests.support.lengths import Length
from tests.support.postgres_server import keep_everything_in
from tests.support.process import recorded

KILLS = Length(ci=10, soak=200, of="kills of all sessions")
KILL = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = %s"
BACK_S = 60.0


@pytest.mark.soak(KILLS)
async def test_what_follows_and_what_decides_come_back_each_time(
    tmp_path: Path, migrated_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_everything_in(migrated_database, monkeypatch)
    await set_up(tmp_path)
    observed, killed = Observed(), 0
    settings = Settings(data=tmp_path, http="127.0.0.1:0", ocpp="127.0.0.1:0", drain_s=0.0)
    async with Service(settings).running() as service:
        for number in range(CHARGERS):
            async with connect(f"ws://127.0.0.1:{service.ocpp_port}/ocpp/CP{number}", subprotocols=["ocpp1.6"]) as ws:
                await call(ws, "boot", "BootNotification", BOOT)
        chargers = [asyncio.create_task(attempts(n, 1, service.ocpp_port, observed)) for n in range(CHARGERS)]
        async with await psycopg.AsyncConnection.connect(migrated_database, autocommit=True) as other:
            for _ in range(KILLS.count):
                await until_answered(observed, 6)
                row = await (await other.execute(KILL, (other.info.dbname,))).fetchone()
                assert row is not None
                killed += row[0]
        for charger in chargers:
            charger.cancel()
        await asyncio.gather(*chargers, return_exceptions=True)
        await until_ready(service)
        last = await service.container.stores.store().last_position()
        back = await service.container.read_side.follower().wait_until(last, timeout_s=BACK_S)
    shown = await shown_after_a_start(settings)

    decisions = await recorded(tmp_path)
    assert killed > KILLS.count
    assert back, "the read models were not followed again in time"
    assert len(observed.answers) > 50
    by_message = {(each.lineage.charger_id, each.lineage.message_id) for each in decisions}
    assert observed.answers.keys() <= by_message
    assert len(by_message) == len(decisions), "an attempt is recorded twice"
    assert shown == {each.lineage.attempt_id for each in decisions}


async def shown_after_a_start(settings: Settings) -> set[str]:
    """The attempts that the read models show when the service runs again. A charger that was cut off may have been waiting
    for a decision: that decision is recorded after the service is ready again, until it ends, and some from the spool at the
    next start."""
    shown: set[str] = set()
    cursor = None
    async with Service(settings).running() as service:
        await until_ready(service)
        last = await service.container.stores.store().last_position()
        assert await service.container.read_side.follower().wait_until(last, timeout_s=BACK_S)
        views = service.container.read_side.views()
        while True:
            page = await views.attempts(TENANT, AttemptFilter(), cursor=cursor, limit=500)
            shown |= {row["attempt_id"] for row in page.items}
            if (cursor := page.next_cursor) is None:
                return shown
