-- One row: when a budget service last found that it can write what it hears of replicas.
CREATE TABLE budget_heard (
  id           smallint PRIMARY KEY CHECK (id = 1),
  heard_millis bigint NOT NULL
) WITH (fillfactor = 50);
INSERT INTO budget_heard (id, heard_millis) VALUES (1, 0);
