package stream_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ministryofjustice/incident-promptness/internal/eventually"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

// losing fails the n-th save, before or after it is stored.
type losing struct {
	jetstream.KeyValue
	fail   int
	stored bool
	hits   int
	blind  int // how many reads fail
}

func (l *losing) Get(ctx context.Context, key string) (jetstream.KeyValueEntry, error) {
	if l.hits > 0 && l.blind > 0 {
		l.blind--
		return nil, context.DeadlineExceeded
	}
	return l.KeyValue.Get(ctx, key)
}

func (l *losing) strike(write func() (uint64, error)) (uint64, error) {
	if l.fail--; l.fail != 0 {
		return write()
	}
	l.hits++
	if l.stored {
		if _, err := write(); err != nil {
			return 0, err
		}
	}
	return 0, context.DeadlineExceeded
}

func (l *losing) Create(ctx context.Context, key string, value []byte, o ...jetstream.KVCreateOpt) (uint64, error) {
	return l.strike(func() (uint64, error) { return l.KeyValue.Create(ctx, key, value, o...) })
}

func (l *losing) Update(ctx context.Context, key string, value []byte, rev uint64) (uint64, error) {
	return l.strike(func() (uint64, error) { return l.KeyValue.Update(ctx, key, value, rev) })
}

func TestAPositionWhoseSaveFailedIsThereOrNotAndCanBeSavedAgain(t *testing.T) {
	for _, tt := range []struct {
		name   string
		nth    int
		stored bool
		err    bool
		stands string
	}{
		{"the first failed and is not there", 1, false, true, ""},
		{"the first failed and is there", 1, true, false, "one"},
		{"a later one failed and is not there", 2, false, true, "one"},
		{"a later one failed and is there", 2, true, false, "two"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			st, srv := open(t, small(t.TempDir()), stream.Hooks{})
			l := &losing{fail: tt.nth, stored: tt.stored}
			st.PositionsThrough(func(kv jetstream.KeyValue) jetstream.KeyValue { l.KeyValue = kv; return l })
			values := []string{"one", "two"}[:tt.nth]
			var err error
			for _, v := range values {
				err = st.Save(t.Context(), "imap.mailbox", []byte(v))
			}
			if (err != nil) != tt.err || l.hits != 1 {
				t.Errorf("Save = %v after %d faults, want an error: %v", err, l.hits, tt.err)
			}
			if _, stale := errors.AsType[*stream.StalePositionError](err); stale {
				t.Errorf("Save = %v: nobody else saved", err)
			}
			if err := srv.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			other, err := stream.Open(t.Context(), mustConnect(t, srv), small(t.TempDir()), stream.Hooks{}, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			defer other.Close()
			if got, err := other.Load(t.Context(), "imap.mailbox"); err != nil || string(got) != tt.stands {
				t.Errorf("after a restart the position is %q, %v, want %q", got, err, tt.stands)
			}
			eventually.Eventually(t, 10*time.Second, "the position is saved again", func() bool {
				err := st.Save(t.Context(), "imap.mailbox", []byte("three"))
				if _, stale := errors.AsType[*stream.StalePositionError](err); stale {
					t.Fatalf("Save again = %v: nobody else saved", err)
				}
				return err == nil
			})
		})
	}
}

func TestAPositionSavedWithoutAnAnswerIsKnownAgainAsOurOwn(t *testing.T) {
	for _, tt := range []struct {
		name   string
		nth    int
		stored bool
	}{
		{"the first is there", 1, true},
		{"the first is not there", 1, false},
		{"a later one is there", 2, true},
		{"a later one is not there", 2, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			st, _ := open(t, small(t.TempDir()), stream.Hooks{})
			l := &losing{fail: tt.nth, stored: tt.stored, blind: 1}
			st.PositionsThrough(func(kv jetstream.KeyValue) jetstream.KeyValue { l.KeyValue = kv; return l })
			for i, v := range []string{"one", "two"}[:tt.nth] {
				if err := st.Save(t.Context(), "imap.mailbox", []byte(v)); (err != nil) != (i+1 == tt.nth) {
					t.Fatalf("Save of %q = %v", v, err)
				}
			}
			if l.hits != 1 || l.blind != 0 {
				t.Fatalf("%d saves and %d reads were not answered, want one of each", l.hits, 1-l.blind)
			}
			// What stands now was saved by nobody else.
			if err := st.Save(t.Context(), "imap.mailbox", []byte("three")); err != nil {
				t.Errorf("Save of the next = %v, want it saved", err)
			}
			if got, err := st.Load(t.Context(), "imap.mailbox"); err != nil || string(got) != "three" {
				t.Errorf("the position is %q, %v, want %q", got, err, "three")
			}
		})
	}
}

func TestAReaderThatWakesLateCannotMoveThePosition(t *testing.T) {
	first, srv := open(t, small(t.TempDir()), stream.Hooks{})
	if err := first.Save(t.Context(), "imap.mailbox", []byte("uid 7")); err != nil {
		t.Fatal(err)
	}
	// Another reader takes over, and reads on.
	second, err := stream.Open(t.Context(), mustConnect(t, srv), small(t.TempDir()), stream.Hooks{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if got, err := second.Load(t.Context(), "imap.mailbox"); err != nil || string(got) != "uid 7" {
		t.Fatalf("Load = %q, %v", got, err)
	}
	if err := second.Save(t.Context(), "imap.mailbox", []byte("uid 12")); err != nil {
		t.Fatal(err)
	}
	// The first one wakes with what it was about to save.
	err = first.Save(t.Context(), "imap.mailbox", []byte("uid 8"))
	if _, stale := errors.AsType[*stream.StalePositionError](err); !stale {
		t.Errorf("Save of the first reader = %v, want a StalePositionError", err)
	}
	if got, err := second.Load(t.Context(), "imap.mailbox"); err != nil || string(got) != "uid 12" {
		t.Errorf("the position is %q, %v, want the second reader's", got, err)
	}
	// Once it has looked it may take over again.
	if _, err := first.Load(t.Context(), "imap.mailbox"); err != nil {
		t.Fatal(err)
	}
	if err := first.Save(t.Context(), "imap.mailbox", []byte("uid 13")); err != nil {
		t.Errorf("Save after Load = %v", err)
	}
}

func mustConnect(t *testing.T, srv *stream.Server) *nats.Conn {
	t.Helper()
	nc, err := srv.Connect("other")
	if err != nil {
		t.Fatal(err)
	}
	return nc
}
