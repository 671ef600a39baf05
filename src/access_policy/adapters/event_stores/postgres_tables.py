"""What the event store needs in a PostgreSQL database."""

from __future__ import annotations

from typing import Final

CREATE_EVENTS: Final = (
    """
    CREATE TABLE IF NOT EXISTS public.stored_events (
        originator_id text COLLATE "C" NOT NULL,
        originator_version bigint NOT NULL,
        topic text NOT NULL,
        state bytea NOT NULL,
        notification_id bigserial NOT NULL,
        PRIMARY KEY (originator_id, originator_version)
    )
    """,
    "CREATE UNIQUE INDEX IF NOT EXISTS stored_events_notification_id_idx ON public.stored_events (notification_id)",
)
