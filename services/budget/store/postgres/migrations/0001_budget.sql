-- Money is in nano-dollars, time in Unix milliseconds.
CREATE TABLE budgets (
  id          text COLLATE "C" PRIMARY KEY,
  scope_kind  smallint NOT NULL,
  scope_id    text COLLATE "C" NOT NULL,
  limit_nanos bigint NOT NULL CHECK (limit_nanos >= 0),
  period      text COLLATE "C" NOT NULL,
  time_zone   text NOT NULL,
  soft        boolean NOT NULL,
  UNIQUE (scope_kind, scope_id, period)
);

-- Balances change with each batch: room on the page lets them change in place.
CREATE TABLE budget_windows (
  budget_id    text COLLATE "C" NOT NULL,
  start_millis bigint NOT NULL,
  end_millis   bigint NOT NULL, -- 0: never ends
  spent_nanos  bigint NOT NULL,
  leased_nanos bigint NOT NULL CHECK (leased_nanos >= 0),
  PRIMARY KEY (budget_id, start_millis)
) WITH (fillfactor = 50);

CREATE TABLE leases (
  id             text COLLATE "C" PRIMARY KEY,
  budget_id      text COLLATE "C" NOT NULL,
  start_millis   bigint NOT NULL,
  replica        text COLLATE "C" NOT NULL,
  tenant_id      text COLLATE "C" NOT NULL,
  platform_id    text COLLATE "C" NOT NULL,
  granted_nanos  bigint NOT NULL,
  returned_nanos bigint NOT NULL,
  drawn_nanos    bigint NOT NULL,
  lost_nanos     bigint NOT NULL,
  status         smallint NOT NULL, -- 0 open, 1 lost
  updated_millis bigint NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX leases_open ON leases (replica, budget_id) WHERE status = 0;
CREATE INDEX leases_budget ON leases (budget_id, start_millis);

CREATE TABLE replicas (
  id          text COLLATE "C" PRIMARY KEY,
  seen_millis bigint NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE tenant_sequences (
  tenant_id text COLLATE "C" PRIMARY KEY,
  last      bigint NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE ledger (
  event_id        text COLLATE "C" PRIMARY KEY,
  tenant_id       text COLLATE "C" NOT NULL,
  sequence        bigint NOT NULL,
  platform_id     text COLLATE "C" NOT NULL,
  key_id          text COLLATE "C" NOT NULL,
  user_id         text COLLATE "C" NOT NULL,
  request_id      text COLLATE "C" NOT NULL,
  model           text COLLATE "C" NOT NULL,
  kind            smallint NOT NULL, -- 0 usage, 1 lost lease, 2 correction of one
  occurred_millis bigint NOT NULL,
  cost_nanos      bigint NOT NULL,
  tokens          bigint NOT NULL,
  record          bytea NOT NULL -- tollgate.event.v1.UsageRecord
);
CREATE UNIQUE INDEX ledger_sequence ON ledger (tenant_id, sequence);
CREATE INDEX ledger_key ON ledger (key_id, tenant_id, sequence);
CREATE INDEX ledger_request ON ledger (request_id);

CREATE TABLE outbox (
  position  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant_id text COLLATE "C" NOT NULL,
  sequence  bigint NOT NULL,
  event_id  text COLLATE "C" NOT NULL,
  envelope  text NOT NULL
);

-- One row, whose lock orders changes: a reader never sees a revision before a smaller one.
CREATE TABLE budget_revision (
  id       smallint PRIMARY KEY CHECK (id = 1),
  revision bigint NOT NULL
);
INSERT INTO budget_revision (id, revision) VALUES (1, 0);

CREATE TABLE budget_changes (
  revision       bigint PRIMARY KEY,
  scope_kind     smallint NOT NULL,
  scope_id       text COLLATE "C" NOT NULL,
  changed_millis bigint NOT NULL
);
