"""Query parameters of paginated lists."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from access_policy.application.ports.views import PAGE_MAX

Limit = Annotated[int, Query(ge=1, le=PAGE_MAX, description="Items per page")]
Cursor = Annotated[str | None, Query(max_length=500, description="next_cursor of the previous page")]
