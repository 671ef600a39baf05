"""The demo depot: simulated chargers speak real OCPP to the real service, and the terminal shows the recorded events.

The chargers are a separate distribution, `simulated-charger`, which the extra `demo` installs. Modules here import it,
so a command calls `require_demo_extra` before it imports them.
"""

from __future__ import annotations

from importlib.util import find_spec


class DemoExtraMissing(Exception):
    """The simulated chargers are not installed."""

    def __init__(self) -> None:
        super().__init__("the demo needs simulated chargers; install access-policy[demo]")


def require_demo_extra() -> None:
    """Raise `DemoExtraMissing` if the simulated chargers are not installed."""
    if find_spec("simulated_charger") is None:
        raise DemoExtraMissing
