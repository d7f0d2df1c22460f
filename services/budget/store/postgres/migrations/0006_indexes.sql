-- Old leases are looked for each minute.
CREATE INDEX leases_updated ON leases (updated_millis);
-- Sums over a time; sums and entries of a user.
CREATE INDEX ledger_occurred ON ledger (occurred_millis);
CREATE INDEX ledger_user ON ledger (user_id, tenant_id, sequence);
