-- How far each consumer came in each tenant's order.
CREATE TABLE quota_positions (
  consumer  TEXT    NOT NULL,
  tenant_id TEXT    NOT NULL,
  sequence  INTEGER NOT NULL,
  PRIMARY KEY (consumer, tenant_id)
) STRICT, WITHOUT ROWID;
