-- Those that have ended are kept for long, and are not looked through when the others are counted.
CREATE INDEX replicas_live ON replicas (id) WHERE NOT ended;
