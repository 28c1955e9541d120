// Package ledgertest takes the place of the streams in tests of those who write
// the record or read it, and holds the contract that every Log keeps. It never
// runs in the program.
package ledgertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/pipeline/ledger"
)

// ErrFenced says that the log's last sequence is another than the fence.
var ErrFenced = errors.New("last sequence is another than the fence")

// A Fault is an error that a Memory gives at its next Append.
type Fault int

// The faults.
const (
	None         Fault = iota
	FailedBefore       // an error, and nothing is there
	FailedAfter        // an error, and the message is there
)

// A Memory is a Log in memory. It outlives the writer on top of it as a store
// outlives the process, and every field may be changed between two openings.
type Memory struct {
	mu     sync.Mutex
	Bodies [][]byte // Bodies[0] is message 1; nil is one that is gone
	Next   Fault

	grown chan struct{} // closed when the messages change; nil while nobody waits
}

var _ ledger.Log = (*Memory)(nil)

// ErrFault is the error of a Fault.
var ErrFault = errors.New("injected fault")

// Append stores body, or does what the next fault says.
func (m *Memory) Append(ctx context.Context, body []byte, fence uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	fault := m.Next
	m.Next = None
	if fault == FailedBefore {
		return ErrFault
	}
	if uint64(len(m.Bodies)) != fence {
		return fmt.Errorf("%w: %d, not %d", ErrFenced, len(m.Bodies), fence)
	}
	m.Bodies = append(m.Bodies, slices.Clone(body))
	m.wake()
	if fault == FailedAfter {
		return ErrFault
	}
	return nil
}

// Messages yields the messages from sequence from on.
func (m *Memory) Messages(ctx context.Context, from uint64, yield func(seq uint64, body []byte) error) error {
	m.mu.Lock()
	bodies := slices.Clone(m.Bodies)
	m.mu.Unlock()
	for i := max(from, 1) - 1; i < uint64(len(bodies)); i++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		if bodies[i] == nil {
			continue
		}
		if err := yield(i+1, slices.Clone(bodies[i])); err != nil {
			return err
		}
	}
	return nil
}

// Tail yields the messages from sequence from on, and those to come until ctx
// ends. A message that is gone, or a log that was cut, is waited for.
func (m *Memory) Tail(ctx context.Context, from uint64, yield func(seq uint64, body []byte) error) error {
	for next := max(from, 1); ; {
		err := m.Messages(ctx, next, func(seq uint64, body []byte) error {
			next = seq + 1
			return yield(seq, body)
		})
		if err != nil {
			return err
		}
		m.mu.Lock()
		if m.grown == nil {
			m.grown = make(chan struct{})
		}
		grown := m.grown
		more := next <= uint64(len(m.Bodies)) && slices.ContainsFunc(m.Bodies[next-1:], func(b []byte) bool { return b != nil })
		m.mu.Unlock()
		if more {
			continue
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Edit changes the messages while others read them.
func (m *Memory) Edit(f func(bodies [][]byte) [][]byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.Bodies = f(m.Bodies)
	m.wake()
}

func (m *Memory) wake() {
	if m.grown != nil {
		close(m.grown)
		m.grown = nil
	}
}

// State counts the messages.
func (m *Memory) State(context.Context) (first, last uint64, deleted int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, b := range m.Bodies {
		if b == nil {
			continue
		}
		last = uint64(i) + 1
		if first == 0 {
			first = last
		}
	}
	if last == 0 {
		return 0, uint64(len(m.Bodies)), len(m.Bodies), nil
	}
	for _, b := range m.Bodies[first-1 : last] {
		if b == nil {
			deleted++
		}
	}
	return first, last, deleted, nil
}

// A Vault is a SIGNALS stream in memory.
type Vault struct {
	mu      sync.Mutex
	Signals map[incident.Pos]incident.Stored
	End     incident.Pos
}

var _ ledger.Vault = (*Vault)(nil)

// ErrGone says that there is no signal at a position.
var ErrGone error = goneError{}

type goneError struct{}

func (goneError) Error() string { return "no signal at this position" }
func (goneError) Damage() bool  { return true }

// Put stores a signal at its position.
func (v *Vault) Put(s incident.Stored) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.Signals == nil {
		v.Signals = map[incident.Pos]incident.Stored{}
	}
	v.Signals[s.Pos] = s
	if v.End.Less(s.Pos) {
		v.End = s.Pos
	}
}

// Last returns the position of the last signal.
func (v *Vault) Last(context.Context) (incident.Pos, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.End, nil
}

// Signal returns the signal at pos.
func (v *Vault) Signal(_ context.Context, pos incident.Pos) (incident.Stored, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	s, ok := v.Signals[pos]
	if !ok {
		return s, ErrGone
	}
	return s, nil
}
