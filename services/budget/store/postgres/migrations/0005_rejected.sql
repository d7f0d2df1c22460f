-- Records that cannot be settled as they are: kept for an operator, with the reason.
CREATE TABLE budget_rejected (
  digest          text COLLATE "C" PRIMARY KEY, -- SHA-256 of record, in hexadecimal
  reason          text NOT NULL,
  tenant_id       text COLLATE "C" NOT NULL,
  request_id      text COLLATE "C" NOT NULL,
  cost_nanos      bigint NOT NULL,
  rejected_millis bigint NOT NULL,
  record          bytea NOT NULL -- tollgate.event.v1.UsageRecord
);
