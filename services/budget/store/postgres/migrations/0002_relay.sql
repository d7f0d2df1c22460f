-- One row: which relay publishes the outbox, and until when by the database's clock.
CREATE TABLE outbox_relay (
  id             smallint PRIMARY KEY CHECK (id = 1),
  holder         text NOT NULL,
  epoch          bigint NOT NULL,
  expires_millis bigint NOT NULL
);
INSERT INTO outbox_relay (id, holder, epoch, expires_millis) VALUES (1, '', 0, 0);
