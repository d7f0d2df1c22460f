-- Who has which name of a replica, and until when.
CREATE TABLE cache_replicas (
    name   TEXT    NOT NULL PRIMARY KEY,
    holder TEXT    NOT NULL,
    token  INTEGER NOT NULL, -- larger with each holder
    ends   INTEGER NOT NULL  -- Unix milliseconds
) STRICT, WITHOUT ROWID;
