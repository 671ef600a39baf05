"""`access-policy chargers import`, `plan`, `apply` and `export`."""

from __future__ import annotations

from access_policy.entrypoints.cli.import_commands import import_commands
from access_policy.entrypoints.cli.imports import Imported

app = import_commands(
    Imported("/v1/chargers", "chargers", "charger", "retire", "all chargers in service, without their passwords,")
)
