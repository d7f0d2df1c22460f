-- What keys, tenants and users have ever spent: the sums of the ledger's usage entries.
CREATE TABLE spend_totals (
  scope_kind INTEGER NOT NULL,
  scope_id   TEXT    NOT NULL, -- {tenant}/{user} for a user
  cost_nanos INTEGER NOT NULL,
  records    INTEGER NOT NULL,
  tokens     INTEGER NOT NULL,
  PRIMARY KEY (scope_kind, scope_id)
) STRICT, WITHOUT ROWID;
INSERT INTO spend_totals
  SELECT 2, tenant_id, sum(cost_nanos), count(*), sum(tokens) FROM ledger WHERE kind = 0 GROUP BY tenant_id
  UNION ALL
  SELECT 3, tenant_id || '/' || user_id, sum(cost_nanos), count(*), sum(tokens) FROM ledger
    WHERE kind = 0 AND user_id <> '' GROUP BY tenant_id, user_id
  UNION ALL
  SELECT 4, key_id, sum(cost_nanos), count(*), sum(tokens) FROM ledger WHERE kind = 0 GROUP BY key_id;
