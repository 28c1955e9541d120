package stream

import (
	"context"
	"log/slog"
	"time"
)

// KindOf says what is known of a file system by its number.
func KindOf(magic uint32) (name, why string, known bool) {
	fs := kindOf(magic)
	return fs.name, fs.why, fs.known
}

// SlowSync is the bound above which a disk is called slow.
const SlowSync = slowSync

// A Meter measures a disk whose durable writes take as long as the test says.
type Meter struct{ m *syncMeter }

// NewMeter returns one. write stands for a durable write.
func NewMeter(log *slog.Logger, write func() error) Meter {
	return Meter{&syncMeter{log: log, syncing: func(_ string, f func(func() error) error) error { return f(write) }}}
}

// Measure measures once.
func (m Meter) Measure(ctx context.Context) error { return m.m.measure(ctx) }

// Run measures each minute until ctx ends.
func (m Meter) Run(ctx context.Context) { m.m.run(ctx) }

// Last returns the last measurement.
func (m Meter) Last() (time.Duration, time.Time) { return m.m.last() }
