CREATE TABLE idempotency (
    slot    BYTEA  NOT NULL PRIMARY KEY,
    digest  BYTEA  NOT NULL,
    owner   TEXT   NOT NULL,
    expires BIGINT NOT NULL, -- Unix milliseconds
    answer  BYTEA            -- sealed; null while the request is under way
);

CREATE INDEX idempotency_expires ON idempotency (expires);
