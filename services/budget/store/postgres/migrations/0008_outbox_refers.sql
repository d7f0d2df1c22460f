-- The event is made from the ledger's entry when it is published.
ALTER TABLE outbox DROP COLUMN envelope;
