-- What keys, tenants and users have ever spent: the sums of the ledger's usage entries. No
-- entry may come while they are added up for the first time.
LOCK TABLE ledger IN SHARE MODE;
CREATE TABLE spend_totals (
  scope_kind smallint NOT NULL,
  scope_id   text COLLATE "C" NOT NULL, -- {tenant}/{user} for a user
  cost_nanos bigint NOT NULL,
  records    bigint NOT NULL,
  tokens     bigint NOT NULL,
  PRIMARY KEY (scope_kind, scope_id)
) WITH (fillfactor = 50);
INSERT INTO spend_totals
  SELECT 2, tenant_id, sum(cost_nanos), count(*), sum(tokens) FROM ledger WHERE kind = 0 GROUP BY tenant_id
  UNION ALL
  SELECT 3, tenant_id || '/' || user_id, sum(cost_nanos), count(*), sum(tokens) FROM ledger
    WHERE kind = 0 AND user_id <> '' GROUP BY tenant_id, user_id
  UNION ALL
  SELECT 4, key_id, sum(cost_nanos), count(*), sum(tokens) FROM ledger WHERE kind = 0 GROUP BY key_id;
