-- A replica that has ended gets no lease any more, however late its messages come.
ALTER TABLE replicas ADD COLUMN ended INTEGER NOT NULL DEFAULT 0;
CREATE INDEX leases_lost ON leases (replica) WHERE status = 1 AND lost_nanos > 0;
