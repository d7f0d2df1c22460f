-- One row: when a budget service last found that it can write what it hears of replicas.
CREATE TABLE budget_heard (
  id           INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
  heard_millis INTEGER NOT NULL
) STRICT;
INSERT INTO budget_heard (id, heard_millis) VALUES (1, 0);
