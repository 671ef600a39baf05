"""The result for one charger in a command for many."""

from __future__ import annotations

from dataclasses import dataclass

from access_policy.application.commands.previews import Preview
from access_policy.application.errors import TooBusy
from access_policy.domain.errors import Refused
from access_policy.domain.ids import ChargerId


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedOne:
    """`changes` counts the changes made, or to be made; `refusal` says why the charger keeps its policy."""

    charger_id: ChargerId
    changes: int = 0
    refusal: Refused | TooBusy | None = None
    preview: Preview | None = None
    position: int = 0
