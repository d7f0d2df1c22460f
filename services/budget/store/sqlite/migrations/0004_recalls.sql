-- Whose leases are called back. A row a scope: only the newest call matters.
CREATE TABLE budget_recalls (
  scope_kind     INTEGER NOT NULL,
  scope_id       TEXT    NOT NULL,
  revision       INTEGER NOT NULL,
  changed_millis INTEGER NOT NULL,
  PRIMARY KEY (scope_kind, scope_id)
) STRICT, WITHOUT ROWID;
