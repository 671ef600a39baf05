"""The page of all settings, from their definition."""

from __future__ import annotations

from access_policy.settings import Settings

_INTRO = """\
# Settings

Each setting is an environment variable. `access-policy serve` also accepts some of them as flags: `--data`, `--http`, `--ocpp`,
`--role` and `--instance`. `access-policy doctor` finds misspelt variables and unreadable values.

| variable | default | meaning |
|---|---|---|
"""


def pages() -> dict[str, str]:
    rows = (
        f"| `ACCESS_POLICY_{name.upper()}` | {f'`{field.default}`' if field.default else ''} | {field.description} |\n"
        for name, field in Settings.model_fields.items()
    )
    return {"settings.md": _INTRO + "".join(rows).replace("{", "\\{")}
