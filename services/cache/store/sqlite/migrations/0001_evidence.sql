-- What each replica learned in a namespace.
CREATE TABLE cache_evidence (
    tenant    TEXT    NOT NULL,
    provider  TEXT    NOT NULL,
    model     TEXT    NOT NULL,
    partition TEXT    NOT NULL,
    replica   TEXT    NOT NULL,
    kept      INTEGER NOT NULL, -- Unix milliseconds
    state     BLOB    NOT NULL,
    PRIMARY KEY (tenant, provider, model, partition, replica)
) STRICT, WITHOUT ROWID;

CREATE INDEX cache_evidence_kept ON cache_evidence (kept);
