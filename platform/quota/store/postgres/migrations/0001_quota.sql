-- How far each consumer came in each tenant's order.
CREATE TABLE quota_positions (
  consumer  text COLLATE "C" NOT NULL,
  tenant_id text COLLATE "C" NOT NULL,
  sequence  bigint NOT NULL,
  PRIMARY KEY (consumer, tenant_id)
) WITH (fillfactor = 50);
