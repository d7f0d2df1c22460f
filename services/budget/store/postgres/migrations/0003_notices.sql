-- What is told of a window, and in whose sequence; see budget.WindowState.
ALTER TABLE budget_windows
  ADD COLUMN told                smallint NOT NULL DEFAULT 0,
  ADD COLUMN closed              boolean NOT NULL DEFAULT false,
  ADD COLUMN counted_from_millis bigint NOT NULL DEFAULT 0,
  ADD COLUMN tenant_id           text COLLATE "C" NOT NULL DEFAULT '',
  ADD COLUMN platform_id         text COLLATE "C" NOT NULL DEFAULT '';
UPDATE budget_windows w SET
  closed = end_millis <> 0 AND end_millis <= extract(epoch FROM now()) * 1000,
  tenant_id = coalesce(
    (SELECT CASE scope_kind WHEN 2 THEN scope_id WHEN 3 THEN split_part(scope_id, '/', 1) END FROM budgets b WHERE b.id = w.budget_id),
    (SELECT max(tenant_id) FROM leases l WHERE l.budget_id = w.budget_id AND l.start_millis = w.start_millis), ''),
  platform_id = coalesce(
    (SELECT max(platform_id) FROM leases l WHERE l.budget_id = w.budget_id AND l.start_millis = w.start_millis), '');
CREATE INDEX budget_windows_open ON budget_windows (end_millis) WHERE NOT closed AND end_millis <> 0;
