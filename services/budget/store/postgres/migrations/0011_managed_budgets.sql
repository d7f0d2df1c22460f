-- What keeps a budget as it is, such as the configuration; empty for one that was set by hand.
ALTER TABLE budgets ADD COLUMN managed_by text NOT NULL DEFAULT '';
