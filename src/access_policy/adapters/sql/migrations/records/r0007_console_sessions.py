"""Console sessions, sign-ins in progress and one-time links."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import VARCHAR

revision = "records_0007"
down_revision = "records_0006"

TEXT = sa.String().with_variant(VARCHAR(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "console_session",
        sa.Column("digest", TEXT, primary_key=True),
        *_identity(),
        sa.Column("created_at", TEXT, nullable=False),
        sa.Column("used_at", TEXT, nullable=False),
        sa.Column("expires_at", TEXT, nullable=False),
        sa.Column("id_token", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "console_sign_in",
        sa.Column("digest", TEXT, primary_key=True),
        sa.Column("browser", TEXT, nullable=False),
        sa.Column("nonce", TEXT, nullable=False),
        sa.Column("verifier", TEXT, nullable=False),
        sa.Column("expires_at", TEXT, nullable=False),
    )
    op.create_table(
        "login_link",
        sa.Column("digest", TEXT, primary_key=True),
        *_identity(),
        sa.Column("expires_at", TEXT, nullable=False),
    )


def _identity() -> list[sa.Column[str]]:
    return [
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("role", TEXT, nullable=False),
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("depots", TEXT),
    ]
