-- Money is in nano-dollars, time in Unix milliseconds.
CREATE TABLE budgets (
  id          TEXT    NOT NULL PRIMARY KEY,
  scope_kind  INTEGER NOT NULL,
  scope_id    TEXT    NOT NULL,
  limit_nanos INTEGER NOT NULL CHECK (limit_nanos >= 0),
  period      TEXT    NOT NULL,
  time_zone   TEXT    NOT NULL,
  soft        INTEGER NOT NULL,
  UNIQUE (scope_kind, scope_id, period)
) STRICT, WITHOUT ROWID;

CREATE TABLE budget_windows (
  budget_id    TEXT    NOT NULL,
  start_millis INTEGER NOT NULL,
  end_millis   INTEGER NOT NULL, -- 0: never ends
  spent_nanos  INTEGER NOT NULL,
  leased_nanos INTEGER NOT NULL CHECK (leased_nanos >= 0),
  PRIMARY KEY (budget_id, start_millis)
) STRICT, WITHOUT ROWID;

CREATE TABLE leases (
  id             TEXT    NOT NULL PRIMARY KEY,
  budget_id      TEXT    NOT NULL,
  start_millis   INTEGER NOT NULL,
  replica        TEXT    NOT NULL,
  tenant_id      TEXT    NOT NULL,
  platform_id    TEXT    NOT NULL,
  granted_nanos  INTEGER NOT NULL,
  returned_nanos INTEGER NOT NULL,
  drawn_nanos    INTEGER NOT NULL,
  lost_nanos     INTEGER NOT NULL,
  status         INTEGER NOT NULL, -- 0 open, 1 lost
  updated_millis INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX leases_open ON leases (replica, budget_id) WHERE status = 0;
CREATE INDEX leases_budget ON leases (budget_id, start_millis);
CREATE INDEX leases_updated ON leases (updated_millis);

CREATE TABLE replicas (
  id          TEXT    NOT NULL PRIMARY KEY,
  seen_millis INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE tenant_sequences (
  tenant_id TEXT    NOT NULL PRIMARY KEY,
  last      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE ledger (
  event_id        TEXT    NOT NULL PRIMARY KEY,
  tenant_id       TEXT    NOT NULL,
  sequence        INTEGER NOT NULL,
  platform_id     TEXT    NOT NULL,
  key_id          TEXT    NOT NULL,
  user_id         TEXT    NOT NULL,
  request_id      TEXT    NOT NULL,
  model           TEXT    NOT NULL,
  kind            INTEGER NOT NULL, -- 0 usage, 1 lost lease, 2 correction of one
  occurred_millis INTEGER NOT NULL,
  cost_nanos      INTEGER NOT NULL,
  tokens          INTEGER NOT NULL,
  record          BLOB    NOT NULL -- tollgate.event.v1.UsageRecord
) STRICT;
CREATE UNIQUE INDEX ledger_sequence ON ledger (tenant_id, sequence);
CREATE INDEX ledger_key ON ledger (key_id, tenant_id, sequence);
CREATE INDEX ledger_request ON ledger (request_id);

CREATE TABLE outbox (
  position  INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant_id TEXT    NOT NULL,
  sequence  INTEGER NOT NULL,
  event_id  TEXT    NOT NULL,
  envelope  TEXT    NOT NULL
) STRICT;

CREATE TABLE budget_revision (
  id       INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
  revision INTEGER NOT NULL
) STRICT;
INSERT INTO budget_revision (id, revision) VALUES (1, 0);

CREATE TABLE budget_changes (
  revision       INTEGER NOT NULL PRIMARY KEY,
  scope_kind     INTEGER NOT NULL,
  scope_id       TEXT    NOT NULL,
  changed_millis INTEGER NOT NULL
) STRICT;
