//go:build !unix

package filelock

import (
	"errors"
	"os"
)

// Take knows no locks here: errors.ErrUnsupported.
func Take(string, bool) (*os.File, error) { return nil, errors.ErrUnsupported }
