-- A replica that has ended gets no lease any more, however late its messages come.
ALTER TABLE replicas ADD COLUMN ended boolean NOT NULL DEFAULT false;
CREATE INDEX leases_lost ON leases (replica) WHERE status = 1 AND lost_nanos > 0;
