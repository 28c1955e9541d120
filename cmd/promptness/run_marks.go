package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest"
	"github.com/ministryofjustice/incident-promptness/ingest/email"
)

// marksEvery is how often a mark is saved and read. A deadline waits for the
// mark of each mailbox to pass it, so this is part of how late an alert is.
const marksEvery = time.Second

// marks say up to when each mailbox was read and everything stored. In one
// process they are asked of the mailbox; between processes they go through the
// store, where an old one only makes a deadline wait longer.
type marks struct {
	store ingest.Positions
	log   *slog.Logger

	mu    sync.Mutex
	boxes map[incident.SourceName]*email.Box // that this process reads now
	known map[incident.SourceName]time.Time  // as others saved them
	saved map[incident.SourceName]time.Time
}

func newMarks(store ingest.Positions, log *slog.Logger) *marks {
	return &marks{
		store: store, log: log,
		boxes: map[incident.SourceName]*email.Box{},
		known: map[incident.SourceName]time.Time{},
		saved: map[incident.SourceName]time.Time{},
	}
}

// of returns the mark of a source, zero for never. It waits for nothing.
func (m *marks) of(n incident.SourceName) time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := m.known[n]
	if b := m.boxes[n]; b != nil {
		if own := b.Watermark(); own.After(at) {
			at = own
		}
	}
	return at
}

// own says that this process reads the mailbox from now on, or no longer.
func (m *marks) own(n incident.SourceName, b *email.Box) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if b == nil {
		delete(m.boxes, n)
		return
	}
	m.boxes[n] = b
}

func markKey(n incident.SourceName) string { return "mark." + string(n) }

// save writes down the mark of a mailbox that this process reads, until ctx
// ends.
func (m *marks) save(ctx context.Context, n incident.SourceName, b *email.Box) {
	// The revision that a save is fenced by is that of the last reader's.
	if _, err := m.store.Load(ctx, markKey(n)); err != nil && ctx.Err() == nil {
		m.log.WarnContext(ctx, "load mark of mailbox", "source_name", string(n), "err", err)
	}
	for every(ctx, marksEvery) {
		at := b.Watermark()
		m.mu.Lock()
		known := m.saved[n]
		m.mu.Unlock()
		if !at.After(known) {
			continue
		}
		if err := m.store.Save(ctx, markKey(n), []byte(at.UTC().Format(time.RFC3339Nano))); err != nil {
			if ctx.Err() == nil {
				m.log.WarnContext(ctx, "save mark of mailbox; deadlines wait for it", "source_name", string(n), "err", err)
			}
			continue
		}
		m.mu.Lock()
		m.saved[n] = at
		m.mu.Unlock()
	}
}

// load reads the marks of the sources that others save, until ctx ends.
func (m *marks) load(ctx context.Context, sources []incident.SourceName) error {
	for every(ctx, marksEvery) {
		for _, n := range sources {
			b, err := m.store.Load(ctx, markKey(n))
			if err != nil || b == nil {
				continue // an old mark is safe; the store's own alarms say the rest
			}
			at, err := time.Parse(time.RFC3339Nano, string(b))
			if err != nil {
				m.log.WarnContext(ctx, "read mark of mailbox; deadlines wait for it", "source_name", string(n), "err", err)
				continue
			}
			m.mu.Lock()
			if at.After(m.known[n]) {
				m.known[n] = at
			}
			m.mu.Unlock()
		}
	}
	return nil
}

// every waits for d and reports whether it passed before ctx ended.
func every(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// rest waits before try n+1, from 0.2 s to 30 s.
func rest(ctx context.Context, n int) bool {
	return every(ctx, min(200*time.Millisecond<<min(n-1, 10), 30*time.Second))
}
