"""The time of day at which a depot's digest is made."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import VARCHAR

revision = "read_models_0006"
down_revision = "read_models_0005"

TEXT = sa.String().with_variant(VARCHAR(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("depots", sa.Column("digest_at", TEXT, nullable=True))
