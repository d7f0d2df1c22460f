-- Rows of the outbox of which no event can be published: kept for an operator, with the reason.
CREATE TABLE outbox_set_aside (
  position         bigint PRIMARY KEY,
  tenant_id        text COLLATE "C" NOT NULL,
  sequence         bigint NOT NULL,
  event_id         text COLLATE "C" NOT NULL,
  reason           text NOT NULL, -- missing, unreadable, unrenderable, too_large
  set_aside_millis bigint NOT NULL
);
