"""`access-policy registry`: plan an import, review the plan, apply it; export."""

from __future__ import annotations

from access_policy.entrypoints.cli.import_commands import import_commands
from access_policy.entrypoints.cli.imports import Imported

app = import_commands(
    Imported("/v1/registry", "registry", "vehicle", "remove", "all vehicles, including identifier values,")
)
