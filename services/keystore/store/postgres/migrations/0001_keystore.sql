-- Each record's body is its message of tollgate.keystore.v1 in protobuf's wire format,
-- whose rules of compatibility are then the database's too. The columns beside it are
-- what is searched by, ordered by or kept unique. Times are Unix milliseconds. Names
-- compare byte by byte, as they do in every other store.

CREATE TABLE keystore_tenants (
  id      text COLLATE "C" CONSTRAINT keystore_tenants_id PRIMARY KEY,
  version bigint NOT NULL,
  body    bytea NOT NULL
);

CREATE TABLE keystore_keys (
  id             text COLLATE "C" CONSTRAINT keystore_keys_id PRIMARY KEY,
  tenant_id      text COLLATE "C" CONSTRAINT keystore_keys_tenant_exists
                 REFERENCES keystore_tenants (id) ON DELETE CASCADE,
  user_id        text COLLATE "C" NOT NULL,
  alias          text COLLATE "C" NOT NULL,
  created_millis bigint NOT NULL,
  version        bigint NOT NULL,
  body           bytea NOT NULL
);

CREATE UNIQUE INDEX keystore_keys_alias ON keystore_keys (alias, coalesce(tenant_id, '')) WHERE alias <> '';
CREATE INDEX keystore_keys_created ON keystore_keys (created_millis, id);
CREATE INDEX keystore_keys_tenant ON keystore_keys (tenant_id, created_millis, id);
CREATE INDEX keystore_keys_user ON keystore_keys (user_id, created_millis, id);

-- Keyed hashes: HMAC-SHA256 of a secret's SHA-256, in hexadecimal. Rank 0 is the
-- current secret, rank 1 the one before it, which works until until_millis.
CREATE TABLE keystore_secrets (
  hash         text COLLATE "C" CONSTRAINT keystore_secrets_hash PRIMARY KEY,
  key_id       text COLLATE "C" NOT NULL REFERENCES keystore_keys (id) ON DELETE CASCADE,
  rank         smallint NOT NULL CHECK (rank IN (0, 1)),
  until_millis bigint NOT NULL,
  UNIQUE (key_id, rank)
);

CREATE TABLE keystore_credentials (
  tenant_id text COLLATE "C" NOT NULL CONSTRAINT keystore_credentials_tenant_exists
            REFERENCES keystore_tenants (id) ON DELETE CASCADE,
  provider  text COLLATE "C" NOT NULL,
  sealed    bytea NOT NULL,
  PRIMARY KEY (tenant_id, provider)
);

-- The log of changes, without gaps: kind 1 is a key, 2 a tenant.
CREATE TABLE keystore_changes (
  seq  bigint PRIMARY KEY,
  kind smallint NOT NULL,
  ref  text NOT NULL
);

-- Its last entry, and the last one that was cut off. Whoever writes locks the row, so
-- that the order of the log is the order of the commits: a reader that has seen an
-- entry has seen all before it.
CREATE TABLE keystore_head (
  only_row smallint PRIMARY KEY CHECK (only_row = 1),
  seq      bigint NOT NULL,
  floor    bigint NOT NULL
);

INSERT INTO keystore_head VALUES (1, 0, 0);
