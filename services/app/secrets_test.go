package app

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"tollgate.dev/platform/secret"
)

const (
	masterText = "sk-master-0123456789"
	saltText   = "salt-0123456789-0123"
)

func TestSecretsComeFromWhereTheyAreGiven(t *testing.T) {
	const db = "postgres://u@127.0.0.1:1/x"
	for name, tc := range map[string]struct {
		env    []string
		master string // what it is; empty: made
		salt   string // likewise
		files  []string
		fails  string
	}{
		"nothing given":         {files: []string{masterFile, saltFile}},
		"a master key":          {env: []string{"LITELLM_MASTER_KEY", masterText}, master: masterText, files: []string{saltFile}},
		"a short one will do":   {env: []string{"TOLLGATE_MASTER_KEY", "sk-1234"}, master: "sk-1234", files: []string{saltFile}},
		"a salt":                {env: []string{"LITELLM_SALT_KEY", saltText}, salt: saltText, files: []string{masterFile}},
		"both":                  {env: []string{"TOLLGATE_MASTER_KEY", masterText, "TOLLGATE_SALT_KEY", saltText}, master: masterText, salt: saltText},
		"a database and both":   {env: []string{"TOLLGATE_MASTER_KEY", "sk-1234", "TOLLGATE_SALT_KEY", saltText, "DATABASE_URL", db}, master: "sk-1234", salt: saltText},
		"a database and a key":  {env: []string{"TOLLGATE_MASTER_KEY", masterText, "DATABASE_URL", db}, master: masterText, salt: masterText},
		"a database and a salt": {env: []string{"TOLLGATE_SALT_KEY", saltText, "DATABASE_URL", db}, salt: saltText, files: []string{masterFile}},
		"a database alone":      {env: []string{"DATABASE_URL", db}, fails: "TOLLGATE_MASTER_KEY or TOLLGATE_SALT_KEY"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			cfg := load(t, oneModel, append(tc.env, "TOLLGATE_DATA_DIR", dir)...)
			got, err := readSecrets(cfg)
			if tc.fails != "" {
				if err == nil || !strings.Contains(err.Error(), tc.fails) {
					t.Fatalf("got %v, want it to name %q", err, tc.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if tc.master != "" && got.master.Reveal() != tc.master || tc.salt != "" && got.salt.Reveal() != tc.salt {
				t.Error("what was given is not used")
			}
			if (got.masterPath != "") != (tc.master == "") || got.fresh != (tc.master == "") || len(got.master.Reveal()) == 0 || len(got.salt.Reveal()) < secret.MinMasterBytes {
				t.Errorf("kept in %q, fresh %t, master of %d characters, salt of %d", got.masterPath, got.fresh, len(got.master.Reveal()), len(got.salt.Reveal()))
			}
			wantFiles(t, dir, tc.files...)
			again, err := readSecrets(cfg)
			if err != nil || again.fresh || again.masterPath != got.masterPath || again.master.Reveal() != got.master.Reveal() || again.salt.Reveal() != got.salt.Reveal() {
				t.Errorf("the next start has other secrets (%v)", err)
			}
		})
	}
}

// wantFiles checks what is in a data folder, and that only its owner can read it.
func wantFiles(t *testing.T, dir string, names ...string) {
	t.Helper()
	info, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o700 {
		t.Errorf("the folder's mode is %o", info.Mode().Perm())
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %o", e.Name(), info.Mode().Perm())
		}
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(names, " ") {
		t.Errorf("files %q, want %q", got, names)
	}
}

// Two replicas that start together on one folder must not hash keys by different salts.
func TestSecretsAreMadeOnce(t *testing.T) {
	for range 20 {
		dir := t.TempDir()
		if err := os.Chmod(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		cfg := load(t, oneModel, "TOLLGATE_DATA_DIR", dir)
		const processes = 8
		var got [processes]secrets
		start := make(chan struct{})
		var all sync.WaitGroup
		for i := range processes {
			all.Go(func() {
				<-start
				var err error
				if got[i], err = readSecrets(cfg); err != nil {
					t.Error(err)
				}
			})
		}
		close(start)
		all.Wait()
		fresh := 0
		for _, s := range got {
			if s.fresh {
				fresh++
			}
		}
		if fresh != 1 {
			t.Errorf("%d processes say that they made the master key", fresh)
		}
		for _, s := range got[1:] {
			if s.master.Reveal() != got[0].master.Reveal() || s.salt.Reveal() != got[0].salt.Reveal() {
				t.Fatal("two processes have different secrets")
			}
		}
		wantFiles(t, dir, masterFile, saltFile)
	}
}

func TestDataFolderThatCannotBeUsed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := readSecrets(load(t, oneModel, "TOLLGATE_DATA_DIR", filepath.Join(file, "data")))
	want := "data folder (set TOLLGATE_DATA_DIR for another): mkdir " + file + ": not a directory"
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
	if _, _, err := keyFile(filepath.Join(file+".none", masterFile)); err == nil || !strings.Contains(err.Error(), "data folder") {
		t.Errorf("a folder that went away: %v", err)
	}
}

// A file that somebody emptied is not silently replaced: its keys would be lost.
func TestKeyFileWithoutAKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), saltFile)
	if err := os.WriteFile(path, []byte("short\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := keyFile(path); err == nil || err.Error() != path+" holds no key: remove it to have a new one made" {
		t.Errorf("got %v", err)
	}
}

func TestSecretsNeverPrint(t *testing.T) {
	s, err := readSecrets(load(t, oneModel, "TOLLGATE_DATA_DIR", t.TempDir(), "TOLLGATE_MASTER_KEY", masterText))
	if err != nil {
		t.Fatal(err)
	}
	log := &journal{}
	log.logger().Warn("secrets", "master", s.master, "salt", s.salt)
	if strings.Contains(log.String(), masterText) || strings.Contains(log.String(), s.salt.Reveal()) {
		t.Errorf("logged: %s", log)
	}
}
