package stream

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// FreeBytes returns the space that this user may still take on dir's disk.
func FreeBytes(dir string) (Bytes, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	return Bytes(st.Bavail) * Bytes(st.Bsize), nil
}

// FsyncRate measures for about d how many times a second this disk appends 1
// KiB to a file in dir and syncs it. It is the most that one writer can do with
// an answer for each; frames do better. The file is removed.
func FsyncRate(dir string, d time.Duration) (perSecond float64, err error) {
	f, err := os.CreateTemp(dir, "fsync-*")
	if err != nil {
		return 0, fmt.Errorf("measure fsync: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	block := make([]byte, 1<<10)
	start := time.Now()
	n := 0
	for time.Since(start) < d || n == 0 {
		if _, err := f.Write(block); err != nil {
			return 0, fmt.Errorf("measure fsync: %w", err)
		}
		if err := f.Sync(); err != nil {
			return 0, fmt.Errorf("measure fsync: %w", err)
		}
		n++
	}
	return float64(n) / time.Since(start).Seconds(), nil
}
