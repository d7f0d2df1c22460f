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
	// made says that the master key comes from the data folder, where this process or
	// an earlier one made it.
	made bool
	// salt is what the pepper of virtual keys and the key of stored credentials are
	// derived from. Losing it makes every key and credential useless.
	salt secret.String
}

const (
	masterFile = "master.key"
	saltFile   = "salt.key"
)

// readSecrets takes the secrets from the configuration and the environment, and makes
// what is missing in the data folder. With a shared database the salt must be shared
// as well: without one of its own it is the master key.
func readSecrets(cfg *config.Config, env config.LookupEnv) (secrets, error) {
	s := secrets{master: cfg.General.MasterKey}
	for _, name := range []string{"TOLLGATE_SALT_KEY", "LITELLM_SALT_KEY"} {
		if value, ok := env(name); ok && value != "" {
			s.salt = secret.New(value)
			break
		}
	}
	if s.master.Reveal() == "" {
		var err error
		if s.master, err = keyFile(filepath.Join(cfg.General.DataDir, masterFile)); err != nil {
			return s, err
		}
		s.made = true
	}
	if s.salt.Reveal() != "" {
		return s, nil
	}
	if cfg.General.DatabaseURL.Reveal() != "" {
		if s.made {
			return s, errors.New("a shared database needs TOLLGATE_MASTER_KEY or TOLLGATE_SALT_KEY, the same for every replica")
		}
		s.salt = s.master
		return s, nil
	}
	var err error
	s.salt, err = keyFile(filepath.Join(cfg.General.DataDir, saltFile))
	return s, err
}

// keyFile reads a secret from a file, or makes both.
func keyFile(path string) (secret.String, error) {
	data, err := os.ReadFile(path)
	switch {
	case err == nil:
		text := strings.TrimSpace(string(data))
		if len(text) < secret.MinMasterBytes {
			return secret.String{}, fmt.Errorf("%s holds no key: remove it to have a new one made", path)
		}
		return secret.New(text), nil
	case !errors.Is(err, fs.ErrNotExist):
		return secret.String{}, fmt.Errorf("data folder: %w", err)
	}
	key := secret.GenerateKey()
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return keyFile(path) // another process was faster
	}
	if err != nil {
		return secret.String{}, fmt.Errorf("data folder: %w", err)
	}
	_, err = file.WriteString(key.Reveal() + "\n")
	if cerr := file.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return secret.String{}, fmt.Errorf("data folder: %w", err)
	}
	return key, nil
}
