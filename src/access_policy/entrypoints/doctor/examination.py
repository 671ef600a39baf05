"""The checks, in order. A check that fails unexpectedly is also a finding, and the others continue."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from access_policy.entrypoints.doctor import certificates, clocks, databases, files, serving
from access_policy.entrypoints.doctor.findings import Check, Finding, act, ok
from access_policy.settings import Settings

PREFIX: Final = "ACCESS_POLICY_"
CHECKS: Final[tuple[tuple[str, Check], ...]] = (
    ("settings", serving.safe_settings),
    ("data directory", files.data_directory),
    ("keys", files.keys),
    ("disk space", files.disk_space),
    ("clock", clocks.kernel_clock),
    ("clock", clocks.store_clock),
    ("clock", clocks.log_clock),
    ("certificates", certificates.certificates),
    ("migrations", databases.migrations),
    ("read models", databases.lag),
    ("service", serving.service),
)


def examine(settings: Settings) -> Iterator[Finding]:
    for name, check in CHECKS:
        try:
            yield from check(settings)
        except Exception as error:  # noqa: BLE001  an installation can be broken in many ways, and each is a finding
            first, *_ = str(error).splitlines() or [type(error).__name__]
            yield act(name, f"the check failed: {first}", "Fix that first, then run `access-policy doctor` again.")


def misspelt(environment: Mapping[str, str], also_known: Collection[str]) -> Iterator[Finding]:
    """Report variables with the service's prefix that nothing reads; `also_known` are the variables of the command
    line."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} | set(also_known)
    unknown = sorted(name for name in environment if name.startswith(PREFIX) and name not in known)
    for name in unknown:
        close = difflib.get_close_matches(name, known, n=1)
        action = f"Did you mean {close[0]}?" if close else "Remove it, or see the README's table of settings."
        yield act("settings", f"{name} is not a setting", action)
    if not unknown:
        yield ok("settings", "all settings are known and their values are valid")
