CREATE TABLE idempotency (
    slot    BLOB    NOT NULL PRIMARY KEY,
    digest  BLOB    NOT NULL,
    owner   TEXT    NOT NULL,
    expires INTEGER NOT NULL, -- Unix milliseconds
    answer  BLOB              -- sealed; null while the request is under way
) WITHOUT ROWID;

CREATE INDEX idempotency_expires ON idempotency (expires);
