package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest"
	"github.com/ministryofjustice/incident-promptness/ingest/email"
)

// marksEvery is how often a mark is saved and read. A deadline waits for the
// mark of each mailbox to pass it, so this is part of how late an alert is.
const marksEvery = time.Second

// publishEvery is how often what is known of a mailbox is given to the other
// processes, beside its mark. It is for people, and nothing waits for it.
const publishEvery = 5 * time.Second

// A mailboxState is what the process that reads a mailbox says of it.
type mailboxState struct {
	Account email.Account `json:"account"`
	// Problem is why it was not read at the last try; empty for nothing.
	Problem string `json:"problem,omitempty"`
}

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
	// states are of mailboxes that others read, as they published them.
	states map[incident.SourceName]mailboxState
}

func newMarks(store ingest.Positions, log *slog.Logger) *marks {
	return &marks{
		store: store, log: log,
		boxes: map[incident.SourceName]*email.Box{},
		known: map[incident.SourceName]time.Time{},
		saved: map[incident.SourceName]time.Time{},

		states: map[incident.SourceName]mailboxState{},
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

// state returns what is known of a mailbox, false for nothing. It waits for
// nothing.
func (m *marks) state(n incident.SourceName) (mailboxState, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if b := m.boxes[n]; b != nil {
		return stateOf(b), true
	}
	s, ok := m.states[n]
	return s, ok
}

func stateOf(b *email.Box) mailboxState {
	s := mailboxState{Account: b.Account()}
	if err := b.Status().Err; err != nil {
		s.Problem = err.Error()
	}
	return s
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

func accountKey(n incident.SourceName) string { return "account." + string(n) }

// publish gives the other processes what is known of a mailbox that this process
// reads, until ctx ends. The account that counts is saved with the position: this
// is a copy, that nobody reads a mailbox by.
func (m *marks) publish(ctx context.Context, n incident.SourceName, b *email.Box) {
	if _, err := m.store.Load(ctx, accountKey(n)); err != nil && ctx.Err() == nil {
		m.log.WarnContext(ctx, "load account of mailbox", "source_name", string(n), "err", err)
	}
	last := ""
	for every(ctx, publishEvery) {
		text, err := json.Marshal(stateOf(b))
		if err == nil && string(text) != last {
			err = m.store.Save(ctx, accountKey(n), text)
		}
		if err != nil {
			if ctx.Err() == nil {
				m.log.WarnContext(ctx, "publish account of mailbox; other processes show an old one", "source_name", string(n), "err", err)
			}
			continue
		}
		last = string(text)
	}
}

// hear reads what others publish of mailboxes, until ctx ends.
func (m *marks) hear(ctx context.Context, sources []incident.SourceName) error {
	for {
		states := map[incident.SourceName]mailboxState{}
		for _, n := range sources {
			b, err := m.store.Load(ctx, accountKey(n))
			if err != nil || b == nil {
				continue // an old one is shown; the store's own alarms say the rest
			}
			var s mailboxState
			if err := json.Unmarshal(b, &s); err != nil {
				m.log.WarnContext(ctx, "read account of mailbox", "source_name", string(n), "err", err)
				continue
			}
			states[n] = s
		}
		m.mu.Lock()
		maps.Copy(m.states, states)
		m.mu.Unlock()
		if !every(ctx, publishEvery) {
			return nil
		}
	}
}

// watch reads what the other processes say of the mailboxes: how far they are
// read, and what became of their mails.
func (m *marks) watch(ctx context.Context, sources []incident.SourceName) error {
	done := make(chan error, 1)
	go func() { done <- m.hear(ctx, sources) }()
	return errors.Join(m.load(ctx, sources), <-done)
}

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
