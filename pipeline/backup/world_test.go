package backup_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/pipeline/backup"
)

// A store is a source in memory.
type store map[backup.Section][]backup.Message

func at(second int) time.Time { return time.Date(2026, 11, 24, 9, 15, second, 5e8, time.UTC) }

// example has what a store can have: an empty section, a gap at the beginning,
// in between and at the end, a header, an object in pieces, an empty body and
// one that looks like a line.
func example() store {
	return store{
		backup.Positions: {
			{Seq: 3, Time: at(1), Key: "imap/security=2Dmailbox", Body: []byte(`{"validity":1,"uid":12}`)},
			{Seq: 9, Time: at(2), Key: "pepper", Body: []byte("check")},
		},
		backup.Ledger: {
			{Seq: 1, Time: at(3), Header: map[string][]string{"Nats-Expected-Last-Sequence": {"0"}}, Body: []byte("{\"n\":1}")},
			{Seq: 2, Time: at(4), Body: []byte("{\"n\":2}\n{\"n\":3}")},
		},
		backup.Signals: {
			{Seq: 2, Time: at(5), Body: []byte("a <signal> & its bytes\n")},
			{Seq: 3, Time: at(6), Body: []byte(`{"end":"signals","count":0}` + "\n")},
			{Seq: 5, Time: at(7), Header: map[string][]string{"Replaces": {"4"}, "Also": {"x", "y"}}, Body: bytes.Repeat([]byte{0, 0xff}, 99)},
		},
		backup.Evidence: {
			{Seq: 1, Time: at(8), Key: "0123", Piece: 0, Pieces: 2, Body: bytes.Repeat([]byte("e"), 4096)},
			{Seq: 2, Time: at(8), Key: "0123", Piece: 1, Pieces: 2, Body: []byte("end")},
			{Seq: 3, Time: at(9), Key: "4567", Piece: 0, Pieces: 1, Body: []byte{}},
		},
	}
}

// last is beyond the last message of SIGNALS: that was erased.
func last(s backup.Section, ms []backup.Message) uint64 {
	if len(ms) == 0 {
		return 0
	}
	if s == backup.Signals {
		return ms[len(ms)-1].Seq + 2
	}
	return ms[len(ms)-1].Seq
}

func (s store) Size(context.Context) (int64, error) { return 1000, nil }

func (s store) Dump(_ context.Context, section backup.Section, yield func(backup.Message) error) (uint64, error) {
	for _, m := range s[section] {
		if err := yield(m); err != nil {
			return 0, err
		}
	}
	return last(section, s[section]), nil
}

// archive is what a running program sends of s.
func archive(t testing.TB, s store) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := backup.Send(t.Context(), s, "moj", &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var record = backup.Record{Entries: 3, Hash: "00ff", Message: 2, Until: at(4), Signals: 2}

func options(dir string) backup.Options {
	return backup.Options{
		Dir: dir, Tenant: "moj", Made: at(59), By: "v1.2.3",
		Verify: func(context.Context, *backup.Copy) (backup.Record, string, error) { return record, "check", nil },
		Free:   func(string) (int64, error) { return 1 << 40, nil },
	}
}

// made returns the directory of a backup of example.
func made(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "backup")
	if _, err := backup.Receive(t.Context(), bytes.NewReader(archive(t, example())), options(dir)); err != nil {
		t.Fatal(err)
	}
	return dir
}

var want = backup.Want{Tenant: "moj", Pepper: "check"}

// contents returns everything that a backup holds.
func contents(t testing.TB, dir string) store {
	t.Helper()
	c, err := backup.Open(t.Context(), dir, want)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	got := store{}
	for _, s := range backup.Sections() {
		for m, err := range c.Messages(t.Context(), s, 1) {
			if err != nil {
				t.Fatal(err)
			}
			got[s] = append(got[s], m)
		}
	}
	return got
}

// refusal returns the name in err.
func refusal(t testing.TB, err error) backup.Refusal {
	t.Helper()
	refused, ok := errors.AsType[*backup.RefusedError](err)
	if !ok {
		t.Fatalf("got the error %v, want a refusal", err)
	}
	return refused.Name
}

// open opens the backup in dir and returns why not.
func open(t testing.TB, dir string) error {
	t.Helper()
	c, err := backup.Open(t.Context(), dir, want)
	if err == nil {
		err = c.Close()
	}
	return err
}

// duplicate copies the files of a backup.
func duplicate(t testing.TB, dir string) string {
	t.Helper()
	to := t.TempDir()
	for name, b := range filesOf(t, dir) {
		if err := os.WriteFile(filepath.Join(to, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

func filesOf(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]byte{}
	for _, e := range all {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		got[e.Name()] = b
	}
	return got
}

var errCrash = errors.New("crash")

// crashes runs work once for each change that it makes, twice: with the program
// ended before the change, and after. work is told by name which.
func crashes(t *testing.T, work func(t *testing.T, step backup.Step)) {
	t.Helper()
	for n := 0; ; n++ {
		var name string
		steps := 0
		step := func(op, path string, done bool) error {
			if steps++; steps-1 != n {
				return nil
			}
			state := "not there"
			if done {
				state = "there"
			}
			name = fmt.Sprintf("%s %s fails, %s", op, filepath.Base(path), state)
			return errCrash
		}
		ran := t.Run(fmt.Sprintf("step %d", n), func(t *testing.T) {
			work(t, step)
			t.Log(name)
		})
		if name == "" {
			if n < 10 {
				t.Fatalf("there were %d steps, want more: the hook is blind", n)
			}
			return // it ran to its end
		}
		if !ran {
			t.Logf("that was: %s", name)
		}
	}
}

func sorted(m map[string][]byte) []string {
	var names []string
	for n := range maps.Keys(m) {
		names = append(names, n)
	}
	return names
}
