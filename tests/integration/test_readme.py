"""The README says what is true: its tour works when pasted, its table has every setting."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import timedelta
from pathlib import Path

from access_policy.application.ports.identity import Role
from access_policy.entrypoints.processes.service import Service
from access_policy.settings import Settings

README = (Path(__file__).resolve().parents[2] / "README.md").read_text("utf-8")


async def test_the_tour_works_when_it_is_pasted(tmp_path: Path) -> None:
    tour = re.search(r"```sh\n(.*?)```", README, re.DOTALL)
    assert tour is not None
    settings = Settings(data=tmp_path, http="127.0.0.1:0", ocpp="127.0.0.1:0", drain_s=0.0)
    async with Service(settings).running() as service:
        token = service.container.stores.tokens().issue("tour", Role.ADMIN, subject="t", ttl=timedelta(hours=1))
        environment = {"API": f"http://127.0.0.1:{service.http_port}/v1", "TOKEN": token, "PATH": "/usr/bin:/bin"}
        shell = await asyncio.create_subprocess_exec(
            "bash", "-ec", tour[1], env=environment, stdout=asyncio.subprocess.PIPE
        )
        output, _ = await asyncio.wait_for(shell.communicate(), 60)

    answers = [json.loads(line) for line in output.decode().splitlines() if line]
    assert shell.returncode == 0
    assert len(answers) == 11
    assert not [answer for answer in answers if "urn:access-policy:problem" in str(answer.get("type"))]
    assert (answers[5]["decision"], answers[5]["reason"]) == ("allowed", "own_vehicle")
    assert (answers[6]["decision"], answers[6]["reason"]) == ("denied", "unknown_identifier")
    assert [each["reason"] for each in answers[9]["items"]] == ["unknown_identifier"]
    assert answers[10]["expected_cause"]["kind"] == "override"


def test_the_table_has_every_setting_with_its_default_and_meaning() -> None:
    rows = re.findall(r"^\| `ACCESS_POLICY_(\w+)` \| (?:`([^`]*)`)? ?\| (.*) \|$", README, re.MULTILINE)

    listed = {name.lower(): (default, meaning) for name, default, meaning in rows}
    assert listed == {
        name: (str(field.default or ""), field.description) for name, field in Settings.model_fields.items()
    }
