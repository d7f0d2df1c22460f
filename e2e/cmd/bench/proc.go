package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tick is the unit of the times in /proc/<pid>/stat: USER_HZ is 100 on every
// architecture that Go runs on under Linux (proc_pid_stat(5), sysconf(3)).
const tick = 10 * time.Millisecond

// cpuTime is the CPU time, user and system, that all threads of a process have used,
// to a tick.
func cpuTime(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("cpu time (needs Linux's /proc): %w", err)
	}
	return parseStat(stat)
}

// parseStat reads utime and stime, fields 14 and 15 of proc_pid_stat(5). The second
// field, the command in parentheses, may hold spaces and parentheses itself.
func parseStat(stat []byte) (time.Duration, error) {
	end := bytes.LastIndexByte(stat, ')')
	if end < 0 {
		return 0, errors.New("stat: no command in parentheses")
	}
	fields := strings.Fields(string(stat[end+1:])) // starts at field 3, the state
	const utime, stime = 14 - 3, 15 - 3
	if len(fields) <= stime {
		return 0, fmt.Errorf("stat: %d fields after the command, want more than %d", len(fields), stime)
	}
	var ticks uint64
	for _, i := range []int{utime, stime} {
		n, err := strconv.ParseUint(fields[i], 10, 48)
		if err != nil {
			return 0, fmt.Errorf("stat: %w", err)
		}
		ticks += n
	}
	return time.Duration(ticks) * tick, nil
}

// memory is what a process holds, in bytes.
type memory struct{ resident, peak uint64 }

func memoryOf(pid int) (memory, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return memory{}, fmt.Errorf("memory (needs Linux's /proc): %w", err)
	}
	return parseStatus(string(status))
}

// parseStatus reads VmRSS and VmHWM of proc_pid_status(5), which are in KiB.
func parseStatus(status string) (memory, error) {
	var m memory
	for line := range strings.Lines(status) {
		name, value, _ := strings.Cut(line, ":")
		var into *uint64
		switch name {
		case "VmRSS":
			into = &m.resident
		case "VmHWM":
			into = &m.peak
		default:
			continue
		}
		kib, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 48)
		if err != nil {
			return memory{}, fmt.Errorf("status: %s: %w", name, err)
		}
		*into = kib << 10
	}
	if m.resident == 0 || m.peak == 0 {
		return memory{}, errors.New("status: VmRSS or VmHWM is missing")
	}
	return m, nil
}

// ownCPU is the CPU time of this process.
func ownCPU() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, fmt.Errorf("getrusage: %w", err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}

// pause waits, unless ctx ends first.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
