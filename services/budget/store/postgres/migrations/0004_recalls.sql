-- Whose leases are called back. A row a scope: only the newest call matters.
CREATE TABLE budget_recalls (
  scope_kind     smallint NOT NULL,
  scope_id       text COLLATE "C" NOT NULL,
  revision       bigint NOT NULL,
  changed_millis bigint NOT NULL,
  PRIMARY KEY (scope_kind, scope_id)
) WITH (fillfactor = 50);
