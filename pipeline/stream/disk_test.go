package stream_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/internal/bubble"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

func TestTheDiskIsMeasuredWhenTheStoreStarts(t *testing.T) {
	dir := t.TempDir()
	left := filepath.Join(dir, "fsync-1") // by a process that was killed
	if err := os.WriteFile(left, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	before := time.Now()
	_, srv := open(t, small(dir), stream.Hooks{})
	took, at := srv.SyncTime()
	if took <= 0 || at.Before(before) {
		t.Errorf("SyncTime = %s at %s, want a measurement after %s", took, at, before)
	}
	for _, name := range files(t, dir) {
		if strings.HasPrefix(name, "fsync-") {
			t.Errorf("the measurement left %s", name)
		}
	}
}

func TestASlowDiskIsSaidOnceAndMeasuredEachMinute(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		var said bytes.Buffer
		var took atomic.Int64
		took.Store(int64(stream.SlowSync))
		m := stream.NewMeter(slog.New(slog.NewTextHandler(&said, nil)), func() error {
			<-time.After(time.Duration(took.Load()))
			return nil
		})
		if err := m.Measure(t.Context()); err != nil || said.Len() > 0 {
			t.Errorf("at the bound: %v, said %q, want nothing", err, &said)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		defer wg.Wait()
		defer cancel()
		slow := stream.SlowSync + time.Millisecond
		took.Store(int64(slow))
		wg.Go(func() { m.Run(ctx) })
		bubble.Advance(3 * time.Minute)
		if got, _ := m.Last(); got != slow {
			t.Errorf("last = %s, want %s", got, slow)
		}
		if n := strings.Count(said.String(), "level=WARN"); n != 1 {
			t.Errorf("said %d times that it is slow, want once:\n%s", n, &said)
		}
		took.Store(int64(time.Millisecond))
		bubble.Advance(2 * time.Minute)
		if got, _ := m.Last(); got != time.Millisecond || !strings.Contains(said.String(), "fast again") {
			t.Errorf("last = %s, want %s, said:\n%s", got, time.Millisecond, &said)
		}
	})
}

func TestASyncThatHangsIsSeenWhileItHangs(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		release := make(chan struct{})
		m := stream.NewMeter(slog.New(slog.DiscardHandler), func() error { <-release; return nil })
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := m.Measure(context.Background()); err != nil {
				t.Error(err)
			}
		})
		bubble.Advance(24 * time.Second)
		if took, at := m.Last(); took != 24*time.Second || !at.Equal(time.Now()) {
			t.Errorf("while a sync hangs: %s at %s, want 24s, now", took, at)
		}
		close(release)
		wg.Wait()
	})
}

func TestADiskThatCannotBeMeasuredKeepsTheLastFigure(t *testing.T) {
	fault := errors.New("no space left on device")
	var err error
	m := stream.NewMeter(slog.New(slog.DiscardHandler), func() error { return err })
	if err := m.Measure(t.Context()); err != nil {
		t.Fatal(err)
	}
	was, at := m.Last()
	err = fault
	if got := m.Measure(t.Context()); !errors.Is(got, fault) {
		t.Errorf("Measure = %v, want %v", got, fault)
	}
	if took, then := m.Last(); took != was || !then.Equal(at) {
		t.Errorf("after a failed measurement: %s at %s, want %s at %s", took, then, was, at)
	}
}
