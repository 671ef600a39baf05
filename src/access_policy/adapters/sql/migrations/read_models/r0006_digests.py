"""When the digest of a depot is made."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "read_models_0006"
down_revision = "read_models_0005"


def upgrade() -> None:
    op.add_column("depots", sa.Column("digest_at", sa.Text(), nullable=True))
