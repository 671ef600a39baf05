"""What Prometheus would scrape from a running service of a gateway and an office, over TLS, with a depot that has trouble."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from access_policy.application.ports.identity import NO_TENANT, Role
from access_policy.entrypoints.processes.parts import PartName, part_of
from access_policy.entrypoints.processes.service import Service
from access_policy.settings import Settings
from tests.support.certificates import TestAuthority

NIGHT_AND_DAY = {"depot_id": "north", "profile": "ocpp16-central", "baseline_mode": "managed"}
SELECTOR = re.compile(r"\b((?:access_policy|process|python)_\w+)(?:\{([^}]*)\})?")
MATCHER = re.compile(r'(\w+)\s*(=|!=)\s*"([^"]*)"')


@dataclass(frozen=True)
class Selector:
    """A series as an expression selects it: a name, and matchers of its labels (label, operator, value)."""

    name: str
    matchers: tuple[tuple[str, str, str], ...]

    def selects(self, sample: Sample) -> bool:
        return sample.name == self.name and all(
            label in sample.labels and (sample.labels[label] == value) is (operator == "=")
            for label, operator, value in self.matchers
        )


def selectors(expression: str) -> Iterator[Selector]:
    for name, matchers in SELECTOR.findall(expression):
        yield Selector(name, tuple(MATCHER.findall(matchers)))


def unknown_series(expressions: list[str], samples: list[Sample]) -> list[str]:
    """Selectors that select nothing of what was scraped."""
    wanted = {selector for expression in expressions for selector in selectors(expression)}
    return sorted(str(each) for each in wanted if not any(each.selects(sample) for sample in samples))


async def scrape(directory: Path) -> list[Sample]:
    """Two processes; one charger that should be managed and was never connected; certificates that end within a day; an
    attempt that was denied."""
    issued = TestAuthority(directory).issue("127.0.0.1", lasts=timedelta(days=1))
    settings = Settings(
        data=directory / "data",
        http="127.0.0.1:0",
        ocpp="127.0.0.1:0",
        drain_s=0.0,
        http_tls_certificate=issued.certificate,
        http_tls_key=issued.key,
        ocpp_tls_certificate=issued.certificate,
        ocpp_tls_key=issued.key,
    )
    office, gateway = (part_of(settings, name) for name in (PartName.OFFICE, PartName.GATEWAY))
    trust = ssl.create_default_context(cafile=str(directory / "Test CA.pem"))
    async with (
        Service(office.settings, office).running() as serving,
        Service(gateway.settings, gateway).running() as at_gateway,
        httpx.AsyncClient(
            base_url=f"https://127.0.0.1:{serving.http_port}", verify=trust, trust_env=False, timeout=60
        ) as client,
    ):
        tokens = serving.container.stores.tokens()
        admin = tokens.issue("acme", Role.ADMIN, subject="t", ttl=timedelta(hours=1))
        last = 0
        for method, path, body in (
            ("PUT", "depots/north", {"name": "North", "time_zone": "Europe/Berlin"}),
            ("PUT", "chargers/bay-1", {"charge_point_id": "CP-1", **NIGHT_AND_DAY}),
            (
                "POST",
                "access-decisions",
                {"charger_id": "bay-1", "identifier": {"kind": "rfid", "value": "04FFFFFFFFFFFF"}},
            ),
        ):
            answer = await client.request(
                method, f"/v1/{path}", json=body, headers={"Authorization": f"Bearer {admin}"}
            )
            assert answer.is_success, answer.text
            last = int(answer.headers.get("X-Log-Position", last))
        assert await at_gateway.settled(last)
        scraper = tokens.issue(NO_TENANT, Role.INSTALLATION, subject="prometheus", ttl=timedelta(hours=1))
        text = (await client.get("/metrics", headers={"Authorization": f"Bearer {scraper}"})).text
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]
