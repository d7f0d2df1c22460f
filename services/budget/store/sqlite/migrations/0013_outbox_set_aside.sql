-- Rows of the outbox of which no event can be published: kept for an operator, with the reason.
CREATE TABLE outbox_set_aside (
  position         INTEGER NOT NULL PRIMARY KEY,
  tenant_id        TEXT    NOT NULL,
  sequence         INTEGER NOT NULL,
  event_id         TEXT    NOT NULL,
  reason           TEXT    NOT NULL, -- missing, unreadable, unrenderable, too_large
  set_aside_millis INTEGER NOT NULL
) STRICT;
