package app

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"

	"tollgate.dev/platform/config"
)

// The printed command reads the key from where the shell that it is pasted into has it.
func TestAnnouncedKey(t *testing.T) {
	const inFile = "general_settings: {master_key: " + masterText + "}\n"
	for name, tc := range map[string]struct {
		yaml     string
		env      []string
		variable string
		exported bool // says how to set it
	}{
		"TOLLGATE_MASTER_KEY":      {"", []string{"TOLLGATE_MASTER_KEY", masterText}, "TOLLGATE_MASTER_KEY", false},
		"LITELLM_MASTER_KEY":       {"", []string{"LITELLM_MASTER_KEY", masterText}, "LITELLM_MASTER_KEY", false},
		"both, which differ":       {"", []string{"LITELLM_MASTER_KEY", "sk-other-0123456789", "TOLLGATE_MASTER_KEY", masterText}, "TOLLGATE_MASTER_KEY", false},
		"the file":                 {inFile, nil, "TOLLGATE_MASTER_KEY", true},
		"a variable over the file": {"general_settings: {master_key: sk-other-0123456789}\n", []string{"LITELLM_MASTER_KEY", masterText}, "LITELLM_MASTER_KEY", false},
		"a variable of the file's": {"general_settings: {master_key: os.environ/MY_KEY}\n", []string{"MY_KEY", masterText}, "MY_KEY", false},
		"the file's own variable": {
			"environment_variables: {MY_KEY: " + masterText + "}\ngeneral_settings: {master_key: os.environ/MY_KEY}\n", nil, "TOLLGATE_MASTER_KEY", true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			env := append([]string{"TOLLGATE_ADDR", "127.0.0.1:0", "TOLLGATE_DATA_DIR", t.TempDir()}, tc.env...)
			var cfg *config.Config
			if tc.yaml == "" {
				cfg = shipped(t, env...)
			} else {
				cfg = load(t, oneModel+tc.yaml, env...)
			}
			p, err := New(t.Context(), Options{Config: cfg, Version: "test", Out: io.Discard, Log: (&journal{}).logger()})
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := p.Stop(context.WithoutCancel(t.Context())); err != nil {
					t.Error(err)
				}
			}()
			var out bytes.Buffer
			if err := p.Announce(&out); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(out.String(), `Bearer $`+tc.variable+`"`) || strings.Contains(out.String(), masterText) ||
				strings.Contains(out.String(), "export TOLLGATE_MASTER_KEY=") != tc.exported {
				t.Errorf("announced\n%s", &out)
			}
		})
	}
}
