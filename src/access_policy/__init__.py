"""access_policy: switches a depot's chargers between freevend and managed access, and decides who may charge.

Time-zone rules come only from the pinned `tzdata` package. `zoneinfo` looks in the machine's own directories
first, and two machines with different rules would plan the same mode rule at different instants; so the search
path is emptied here, before any module of ours can name a zone (ADR 0004).
"""

from __future__ import annotations

import zoneinfo

__all__ = ["__version__"]

__version__ = "0.1.0"

zoneinfo.reset_tzpath(to=())
