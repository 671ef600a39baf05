"""Whether reports for the partners of agreements count denied attempts at a depot."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "read_models_0005"
down_revision = "read_models_0004"


def upgrade() -> None:
    op.add_column("depots", sa.Column("partner_reports_include_denials", sa.Boolean(), nullable=True))
