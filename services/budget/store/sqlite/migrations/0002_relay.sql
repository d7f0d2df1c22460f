-- One row: which relay publishes the outbox, and until when.
CREATE TABLE outbox_relay (
  id             INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
  holder         TEXT    NOT NULL,
  epoch          INTEGER NOT NULL,
  expires_millis INTEGER NOT NULL
) STRICT;
INSERT INTO outbox_relay (id, holder, epoch, expires_millis) VALUES (1, '', 0, 0);
