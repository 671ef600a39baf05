"""The table of the events, as pyeventsourcing's recorder reads it. It is append-only, so autovacuum has little to do."""

from __future__ import annotations

from alembic import op

revision = "events_0001"
down_revision = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE public.stored_events (
            originator_id text COLLATE "C" NOT NULL,
            originator_version bigint NOT NULL,
            topic text NOT NULL,
            state bytea NOT NULL,
            notification_id bigserial NOT NULL,
            PRIMARY KEY (originator_id, originator_version)
        )
        """
    )
    op.execute("CREATE UNIQUE INDEX stored_events_notification_id_idx ON public.stored_events (notification_id)")
