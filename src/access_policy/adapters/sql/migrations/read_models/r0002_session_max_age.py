"""How long a session at a depot may last without energy."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "read_models_0002"
down_revision = "read_models_0001"


def upgrade() -> None:
    op.add_column("depots", sa.Column("session_max_age_hours", sa.BigInteger(), nullable=True))
