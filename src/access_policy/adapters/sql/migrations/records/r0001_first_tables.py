"""Keys, passwords, plans and positions, like those in the files of the data directory."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import VARCHAR

revision = "records_0001"
down_revision = None

TEXT = sa.String().with_variant(VARCHAR(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "vehicle_key",
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("vehicle_id", TEXT, nullable=False),
        sa.Column("key_id", TEXT, nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "vehicle_id"),
    )
    op.create_table(
        "key_check",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "gateway_heartbeat",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("beats", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    for name in ("charger_password", "proposed_password"):
        op.create_table(
            name,
            sa.Column("charge_point_id", TEXT, nullable=False),
            sa.Column("of_text", sa.LargeBinary(), nullable=False),
            sa.Column("of_bytes", sa.LargeBinary(), nullable=False),
            sa.PrimaryKeyConstraint("charge_point_id"),
        )
    op.create_table(
        "unknown_identifier",
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("pseudonym", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("seen_at", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "pseudonym"),
    )
    op.create_table(
        "answers",
        sa.Column("scope", TEXT, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("kept_at", sa.Float(), nullable=False),
        sa.Column("fingerprint", TEXT, nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("headers", TEXT, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "key"),
    )
    op.create_index("answers_by_age", "answers", ["kept_at"], unique=False)
    op.create_table(
        "import_plan",
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("plan_id", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("expires_at", TEXT, nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "plan_id"),
    )
    op.create_table(
        "relays",
        sa.Column("bus", TEXT, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("holder", TEXT, nullable=False),
        sa.Column("held_until", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("bus"),
    )
    op.create_table(
        "held_streams",
        sa.Column("bus", TEXT, nullable=False),
        sa.Column("stream", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("passed", sa.BigInteger(), nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("try_again_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("bus", "stream"),
    )
    op.create_table(
        "taken_in",
        sa.Column("tenant_id", TEXT, nullable=False),
        sa.Column("source", TEXT, nullable=False),
        sa.Column("event_id", TEXT, nullable=False),
        sa.Column("subject_kind", TEXT, nullable=False),
        sa.Column("subject_id", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(), nullable=False),
        sa.Column("received_at", sa.DateTime(), nullable=False),
        sa.Column("fate", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "source", "event_id"),
    )
    op.create_index(
        "taken_in_of_subject", "taken_in", ["tenant_id", "source", "subject_kind", "subject_id"], unique=False
    )
