package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"tollgate.dev/platform/config"
	"tollgate.dev/platform/secret"
)

// secrets are what the process must know and never show.
type secrets struct {
	// master is the master key.
	master secret.String
	// masterPath is the file in the data folder that the master key comes from, where this
	// process or an earlier one made it; empty when the key was given. fresh says that it was
	// this process.
	masterPath string
	fresh      bool
	// salt is what the pepper of virtual keys and the key of stored credentials are
	// derived from. Losing it makes every key and credential useless.
	salt secret.String
}

const (
	masterFile = "master.key"
	saltFile   = "salt.key"
)

// readSecrets takes the secrets from the configuration, and makes what is missing in
// the data folder. With a shared database the salt must be shared as well: without one
// of its own it is the master key, whose length the configuration then answers for.
func readSecrets(cfg *config.Config) (secrets, error) {
	dir := cfg.General.DataDir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return secrets{}, fmt.Errorf("data folder (set TOLLGATE_DATA_DIR for another): %w", err)
	}
	s := secrets{master: cfg.General.MasterKey, salt: cfg.General.SaltKey}
	var err error
	if s.master.IsZero() {
		path, perr := filepath.Abs(filepath.Join(dir, masterFile))
		if perr != nil {
			return s, fmt.Errorf("data folder: %w", perr)
		}
		if s.master, s.fresh, err = keyFile(path); err != nil {
			return s, err
		}
		s.masterPath = path
	}
	switch {
	case !s.salt.IsZero():
	case cfg.General.DatabaseURL.IsZero():
		s.salt, _, err = keyFile(filepath.Join(dir, saltFile))
	case s.masterPath != "":
		err = errors.New("a shared database needs TOLLGATE_MASTER_KEY or TOLLGATE_SALT_KEY, the same for every replica")
	default:
		s.salt = s.master
	}
	return s, err
}

// keyFile reads a secret from a file, or makes both; fresh says that it made them. Of several
// processes that find no file at the same time, one makes it and the others read that.
func keyFile(path string) (key secret.String, fresh bool, err error) {
	key, err = readKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, false, err
	}
	key = secret.GenerateKey()
	err = writeKey(path, key)
	if errors.Is(err, fs.ErrExist) {
		key, err = readKey(path) // another process was faster
		return key, false, err
	}
	if err != nil {
		return secret.String{}, false, fmt.Errorf("data folder (set TOLLGATE_DATA_DIR for another): %w", err)
	}
	return key, true, nil
}

func readKey(path string) (secret.String, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return secret.String{}, fmt.Errorf("data folder: %w", err)
	}
	text := strings.TrimSpace(string(data))
	if len(text) < secret.MinMasterBytes {
		return secret.String{}, fmt.Errorf("%s holds no key: remove it to have a new one made", path)
	}
	return secret.New(text), nil
}

// writeKey makes a file that only its owner can read. It appears with its content, and
// only where there is none: a hard link to a finished file does both.
func writeKey(path string, key secret.String) (err error) {
	dir := filepath.Dir(path)
	file, err := os.CreateTemp(dir, ".new-*.key") // mode 0600
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(file.Name())) }()
	_, err = file.WriteString(key.Reveal() + "\n")
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	if err := os.Link(file.Name(), path); err != nil {
		return err
	}
	// Keys are bound to the secret from now on: its name must outlive a crash as well.
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	_ = folder.Sync() // not every system can
	return folder.Close()
}
