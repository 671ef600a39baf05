"""The consequence of a change, beside its button: attempts of the last days that would have ended differently."""

from __future__ import annotations

from typing import Annotated, Final

from access_policy.application.what_if.recent import RecentWhatIf
from access_policy.entrypoints.http.dependencies import provided

WHAT_IF_DAYS: Final = 30

Count = Annotated[RecentWhatIf, provided(lambda c: c.queries.recent_what_if)]
