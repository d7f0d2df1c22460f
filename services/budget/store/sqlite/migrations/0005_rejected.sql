-- Records that cannot be settled as they are: kept for an operator, with the reason.
CREATE TABLE budget_rejected (
  digest          TEXT    NOT NULL PRIMARY KEY, -- SHA-256 of record, in hexadecimal
  reason          TEXT    NOT NULL,
  tenant_id       TEXT    NOT NULL,
  request_id      TEXT    NOT NULL,
  cost_nanos      INTEGER NOT NULL,
  rejected_millis INTEGER NOT NULL,
  record          BLOB    NOT NULL -- tollgate.event.v1.UsageRecord
) STRICT;
