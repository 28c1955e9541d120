package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
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

// room returns an error when nothing that grows is to be taken: signals,
// evidence, the record.
func (s *Store) room() error {
	if s.hooks.Room == nil {
		return nil
	}
	return s.hooks.Room()
}

// spare returns an error when not even what is small and must go on is to be
// taken.
func (s *Store) spare() error {
	err := s.room()
	if full, ok := errors.AsType[*FullError](err); ok && full.Spare {
		return nil
	}
	return err
}

// A roomReader asks before each chunk of evidence whether there is room for it:
// several of the largest, at the same time, are more than must stay free.
type roomReader struct {
	r    io.Reader
	room func() error
}

func (r *roomReader) Read(b []byte) (int, error) {
	if err := r.room(); err != nil {
		return 0, err
	}
	return r.r.Read(b)
}

// FsyncRate measures for about d how many times a second this disk appends 1
// KiB to a file in dir and syncs it. It is the most that one writer can do with
// an answer for each; frames do better. The file is removed.
func FsyncRate(dir string, d time.Duration) (perSecond float64, err error) {
	start := time.Now()
	n := 0
	err = syncing(dir, func(write func() error) error {
		start = time.Now()
		for time.Since(start) < d || n == 0 {
			if err := write(); err != nil {
				return err
			}
			n++
		}
		return nil
	})
	return float64(n) / time.Since(start).Seconds(), err
}

// syncing gives f a function that appends 1 KiB to a file in dir and syncs it.
func syncing(dir string, f func(write func() error) error) (err error) {
	file, err := os.CreateTemp(dir, "fsync-*")
	if err != nil {
		return fmt.Errorf("measure fsync: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
	block := make([]byte, 1<<10)
	return f(func() error {
		_, err := file.Write(block)
		if err == nil {
			err = file.Sync()
		}
		if err != nil {
			return fmt.Errorf("measure fsync: %w", err)
		}
		return nil
	})
}

const (
	// slowSync is from when on a durable write is worth a warning. Disks that
	// turn need 5 to 30 ms, others less than one; over 100 ms the disk fails, is
	// not one, or is everybody's. Each signal waits for one, each step for two
	// more; a request is given up after Config.Timeout, 5 s. So at the warning
	// there is time to act.
	slowSync = 100 * time.Millisecond
	// syncEvery is how often a durable write is measured, and syncTries how many
	// are made then: the middle one counts, for one may stand behind a stranger's.
	syncEvery = time.Minute
	syncTries = 5
)

// A syncMeter measures how long the disk beneath a directory takes to make 1 KiB
// durable.
type syncMeter struct {
	dir     string
	log     *slog.Logger
	syncing func(dir string, f func(write func() error) error) error

	mu    sync.Mutex
	took  time.Duration
	at    time.Time
	since time.Time // of a measurement that has not ended, else zero
	slow  bool
}

// newSyncMeter measures in dir. What killed processes left there is removed.
func newSyncMeter(dir string, log *slog.Logger) *syncMeter {
	left, _ := filepath.Glob(filepath.Join(dir, "fsync-*")) // the pattern is good
	for _, f := range left {
		_ = os.Remove(f) // it is in nobody's way
	}
	return &syncMeter{dir: dir, log: log, syncing: syncing}
}

// measure makes a few durable writes and says so when they are slow, or no
// longer are.
func (m *syncMeter) measure(ctx context.Context) error {
	var took []time.Duration
	m.mu.Lock()
	m.since = time.Now()
	m.mu.Unlock()
	err := m.syncing(m.dir, func(write func() error) error {
		for range syncTries {
			start := time.Now()
			m.mu.Lock()
			m.since = start
			m.mu.Unlock()
			if err := write(); err != nil {
				return err
			}
			took = append(took, time.Since(start))
		}
		return nil
	})
	m.mu.Lock()
	defer m.mu.Unlock()
	m.since = time.Time{}
	if err != nil {
		return err
	}
	slices.Sort(took)
	was := m.slow
	m.took, m.at = took[len(took)/2], time.Now()
	m.slow = m.took > slowSync
	switch {
	case m.slow && !was:
		m.log.WarnContext(ctx, "the disk of the store is slow: every answer waits for it", "sync", m.took, "bound", slowSync)
	case was && !m.slow:
		m.log.InfoContext(ctx, "the disk of the store is fast again", "sync", m.took)
	}
	return nil
}

// last returns the last measurement, or how long the one that runs has waited
// already, if that is longer.
func (m *syncMeter) last() (took time.Duration, at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.since.IsZero() {
		if waited := time.Since(m.since); waited > m.took {
			return waited, time.Now()
		}
	}
	return m.took, m.at
}

// run measures each minute until ctx ends.
func (m *syncMeter) run(ctx context.Context) {
	for wait(ctx, syncEvery) {
		// A disk that is full or fails is Health's to tell.
		if err := m.measure(ctx); err != nil && ctx.Err() == nil {
			m.log.WarnContext(ctx, "cannot measure the disk of the store", "err", err)
		}
	}
}
