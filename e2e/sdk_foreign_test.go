package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tollgate.dev/e2e/harness"
)

// TestForeignSDKs runs OpenAI's own SDKs for Python and Node against the gateway: the
// checks are written in those languages, in the folders python and node. What they
// need is installed by scripts/e2e-sdks; where it can't be, the test fails.
func TestForeignSDKs(t *testing.T) {
	t.Parallel()
	for language, command := range map[string]func(t *testing.T, installed string) []string{
		"python": func(_ *testing.T, installed string) []string {
			return []string{installed, filepath.Join(harness.Root(), "e2e/python/check.py")}
		},
		"node": func(t *testing.T, installed string) []string {
			t.Helper()
			// Node looks for packages beside the program.
			dir := t.TempDir()
			program, err := os.ReadFile(filepath.Join(harness.Root(), "e2e/node/check.mjs"))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "check.mjs"), program, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(installed, filepath.Join(dir, "node_modules")); err != nil {
				t.Fatal(err)
			}
			return []string{"node", filepath.Join(dir, "check.mjs")}
		},
	} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			install := exec.CommandContext(t.Context(), filepath.Join(harness.Root(), "scripts/e2e-sdks"), language)
			var reasons strings.Builder
			install.Stderr = &reasons
			installed, err := install.Output()
			if err != nil {
				t.Fatalf("the SDK can't be installed: %v\n%s", err, reasons.String())
			}

			g := harness.Start(t, harness.Options{})
			var models []string
			for _, m := range chatModels {
				models = append(models, m.name)
			}
			args := command(t, strings.TrimSpace(string(installed)))
			check := exec.CommandContext(t.Context(), args[0], args[1:]...)
			check.Dir = t.TempDir()
			check.Env = []string{
				"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "PYTHONDONTWRITEBYTECODE=1",
				"TOLLGATE_URL=" + g.URL, "TOLLGATE_KEY=" + g.NewTenantKey(nil).Secret,
				"TOLLGATE_POOR_KEY=" + g.NewTenantKey(map[string]any{"max_budget": 0}).Secret,
				"TOLLGATE_PROMPT=" + g.Prompt(t), "TOLLGATE_PIXEL=" + onePixel, "TOLLGATE_MODELS=" + strings.Join(models, ","),
			}
			out, err := check.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if last := strings.TrimSpace(string(out)); !strings.HasSuffix(last, "ok errors") {
				t.Errorf("the checks did not come to their end:\n%s", out)
			}
		})
	}
}
