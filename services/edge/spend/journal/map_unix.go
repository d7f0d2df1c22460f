//go:build unix

package journal

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// zeros is written to make a file. Small writes make small units in the page cache of
// Linux: a unit that was synced must be faulted in again when it is next written to, and a
// large one costs a hundred microseconds where one of a page costs one or two.
const zeros = 4 << 10

// mapNew makes a file of zeros, for its owner alone, and maps it. The space of the file is
// allocated: a write to the mapping cannot find the disk full. settled also has it on the
// disk, so that a later sync of a part is no sync of the whole.
func mapNew(path string, size int, settled bool) (data []byte, err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var block [zeros]byte
	for left := size; left > 0; left -= zeros {
		if _, err := f.Write(block[:min(zeros, left)]); err != nil {
			return nil, err
		}
	}
	if settled {
		if err := f.Sync(); err != nil {
			return nil, err
		}
	}
	data, err = unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("mapping %s: %w", path, err)
	}
	populate(data)
	return data, nil
}

func syncDir(dir string) (err error) {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	return d.Sync()
}

func unmap(data []byte) error { return unix.Munmap(data) }

// msync writes mapped pages to the disk and waits for it.
func msync(data []byte) error { return unix.Msync(data, unix.MS_SYNC) }

// kernelBoot is Linux's id of the machine's life (proc(5), random/boot_id); empty elsewhere.
func kernelBoot() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}
