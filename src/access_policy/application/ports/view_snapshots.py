"""Where the decision view's state is kept between two processes. A cache: losing it costs a longer start."""

from __future__ import annotations

from typing import Protocol

from access_policy.application.decision_view.view_state import ViewState


class ViewSnapshots(Protocol):
    async def latest(self) -> ViewState | None:
        """What was saved last, whole; None where there is nothing, or nothing that this program can read."""
        ...

    async def save(self, state: ViewState) -> bool:
        """Replace what was saved; False where that failed, and then what was saved before is still there."""
        ...
