-- What is told of a window, and in whose sequence; see budget.WindowState.
ALTER TABLE budget_windows ADD COLUMN told INTEGER NOT NULL DEFAULT 0;
ALTER TABLE budget_windows ADD COLUMN closed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE budget_windows ADD COLUMN counted_from_millis INTEGER NOT NULL DEFAULT 0;
ALTER TABLE budget_windows ADD COLUMN tenant_id TEXT NOT NULL DEFAULT '';
ALTER TABLE budget_windows ADD COLUMN platform_id TEXT NOT NULL DEFAULT '';
UPDATE budget_windows SET
  closed = end_millis <> 0 AND end_millis <= unixepoch() * 1000,
  tenant_id = coalesce(
    (SELECT CASE scope_kind WHEN 2 THEN scope_id WHEN 3 THEN substr(scope_id, 1, instr(scope_id || '/', '/') - 1) END
      FROM budgets b WHERE b.id = budget_id),
    (SELECT max(tenant_id) FROM leases l WHERE l.budget_id = budget_windows.budget_id AND l.start_millis = budget_windows.start_millis), ''),
  platform_id = coalesce(
    (SELECT max(platform_id) FROM leases l WHERE l.budget_id = budget_windows.budget_id AND l.start_millis = budget_windows.start_millis), '');
CREATE INDEX budget_windows_open ON budget_windows (end_millis) WHERE closed = 0 AND end_millis <> 0;
