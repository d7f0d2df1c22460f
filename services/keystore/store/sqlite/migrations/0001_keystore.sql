-- Each record's body is its message of tollgate.keystore.v1 in protobuf's wire format,
-- whose rules of compatibility are then the database's too. The columns beside it are
-- what is searched by, ordered by or kept unique. Times are Unix milliseconds.

CREATE TABLE keystore_tenants (
  id      TEXT PRIMARY KEY,
  version INTEGER NOT NULL,
  body    BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE keystore_keys (
  id             TEXT PRIMARY KEY,
  tenant_id      TEXT REFERENCES keystore_tenants (id) ON DELETE CASCADE,
  user_id        TEXT NOT NULL,
  alias          TEXT NOT NULL,
  created_millis INTEGER NOT NULL,
  version        INTEGER NOT NULL,
  body           BLOB NOT NULL
) STRICT;

CREATE UNIQUE INDEX keystore_keys_alias ON keystore_keys (alias, coalesce(tenant_id, '')) WHERE alias <> '';
CREATE INDEX keystore_keys_created ON keystore_keys (created_millis, id);
CREATE INDEX keystore_keys_tenant ON keystore_keys (tenant_id, created_millis, id);
CREATE INDEX keystore_keys_user ON keystore_keys (user_id, created_millis, id);

-- Keyed hashes: HMAC-SHA256 of a secret's SHA-256, in hexadecimal. Rank 0 is the
-- current secret, rank 1 the one before it, which works until until_millis.
CREATE TABLE keystore_secrets (
  hash         TEXT PRIMARY KEY,
  key_id       TEXT NOT NULL REFERENCES keystore_keys (id) ON DELETE CASCADE,
  rank         INTEGER NOT NULL CHECK (rank IN (0, 1)),
  until_millis INTEGER NOT NULL,
  UNIQUE (key_id, rank)
) STRICT, WITHOUT ROWID;

CREATE TABLE keystore_credentials (
  tenant_id TEXT NOT NULL REFERENCES keystore_tenants (id) ON DELETE CASCADE,
  provider  TEXT NOT NULL,
  sealed    BLOB NOT NULL,
  PRIMARY KEY (tenant_id, provider)
) STRICT, WITHOUT ROWID;

-- The log of changes, without gaps: kind 1 is a key, 2 a tenant.
CREATE TABLE keystore_changes (
  seq  INTEGER PRIMARY KEY,
  kind INTEGER NOT NULL,
  ref  TEXT NOT NULL
) STRICT;

-- Its last entry, and the last one that was cut off.
CREATE TABLE keystore_head (
  only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
  seq      INTEGER NOT NULL,
  floor    INTEGER NOT NULL
) STRICT;

INSERT INTO keystore_head VALUES (1, 0, 0);
