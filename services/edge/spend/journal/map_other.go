//go:build !unix

package journal

import "errors"

func mapNew(string, int, bool) ([]byte, error) { return nil, errors.ErrUnsupported }

func unmap([]byte) error { return errors.ErrUnsupported }

func msync([]byte) error { return errors.ErrUnsupported }

func syncDir(string) error { return errors.ErrUnsupported }

func kernelBoot() string { return "" }
