package email_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest"
	"github.com/ministryofjustice/incident-promptness/ingest/email"
	"github.com/ministryofjustice/incident-promptness/internal/dovecot"
	"github.com/ministryofjustice/incident-promptness/internal/eventually"
)

// childEnv makes the test binary read one mailbox until it is killed: the
// directory that holds its configuration and what it stored.
const childEnv = "PROMPTNESS_TEST_MAILBOX"

func TestMain(m *testing.M) {
	if dir, ok := os.LookupEnv(childEnv); ok {
		if err := readUntilKilled(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// A shelf stands for the streams in files: what was written before a kill is
// there after it.
type shelf struct {
	dir   string
	mu    sync.Mutex
	known map[incident.SignalID]bool
	file  *os.File
}

var (
	_ ingest.Sink      = (*shelf)(nil)
	_ ingest.Positions = (*shelf)(nil)
)

func openShelf(dir string) (*shelf, error) {
	s := &shelf{dir: dir, known: map[incident.SignalID]bool{}}
	lines, err := s.lines()
	if err != nil {
		return nil, err
	}
	for _, l := range lines {
		id, err := incident.ParseSignalID(strings.Fields(l)[0])
		if err != nil {
			return nil, err
		}
		s.known[id] = true
	}
	s.file, err = os.OpenFile(filepath.Join(dir, "signals"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	return s, err
}

// lines returns "id subject" of everything that was stored.
func (s *shelf) lines() ([]string, error) {
	f, err := os.Open(filepath.Join(s.dir, "signals"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var lines []string
	for in := bufio.NewScanner(f); in.Scan(); {
		lines = append(lines, in.Text())
	}
	return lines, nil
}

func (s *shelf) Put(_ context.Context, g incident.Signal) (incident.Receipt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := incident.Receipt{Pos: incident.Pos{Seq: uint64(len(s.known) + 1)}, Repeat: s.known[g.ID]}
	if r.Repeat {
		return r, nil
	}
	_, rest, _ := strings.Cut(string(g.Raw), "Subject: ")
	subject, _, _ := strings.Cut(rest, "\r\n")
	if _, err := fmt.Fprintf(s.file, "%s %s%s\n", g.ID, g.Stub, subject); err != nil {
		return r, err
	}
	s.known[g.ID] = true
	return r, nil
}

func (s *shelf) Load(_ context.Context, key string) ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(s.dir, key))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

func (s *shelf) Save(_ context.Context, key string, value []byte) error {
	tmp := filepath.Join(s.dir, key+".new")
	if err := os.WriteFile(tmp, value, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, filepath.Join(s.dir, key))
}

// readUntilKilled is the child. It shows its account in a file.
func readUntilKilled(dir string) error {
	text, err := os.ReadFile(filepath.Join(dir, "config"))
	if err != nil {
		return err
	}
	var c email.Config
	if err := json.Unmarshal(text, &c); err != nil {
		return err
	}
	s, err := openShelf(dir)
	if err != nil {
		return err
	}
	box, err := email.New(c, s, s, slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		return err
	}
	go func() {
		for {
			b, err := json.Marshal(struct {
				email.Account
				Read time.Time
			}{box.Account(), box.Watermark()})
			if err == nil {
				_ = s.Save(context.Background(), "account", b)
			}
			t := time.NewTimer(50 * time.Millisecond)
			<-t.C
		}
	}()
	return box.Run(context.Background())
}

// TestTenThousandMailsAreReadOnceEach reads a mailbox on a real Dovecot while the
// connection is cut, the reader is killed and all mails get other numbers.
func TestTenThousandMailsAreReadOnceEach(t *testing.T) {
	const mails = 10_000
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, seed))
	s, dir := dovecot.Start(t), t.TempDir()
	n := 0
	deliver := func(upTo int) {
		for ; n < upTo; n++ {
			s.Deliver(letter(fmt.Sprintf("mail %d", n)))
		}
	}
	deliver(mails / 2)
	cuts := 8
	proxy := newCutter(t, s.Addr, func() int64 {
		if cuts--; cuts < 0 {
			return -1
		}
		return 20_000 + random.Int64N(800_000)
	})
	c := configFor(s)
	c.TLS, c.Address, c.Start = email.TLSNone, proxy.addr, email.StartAll
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	stored := func() int {
		b, err := os.ReadFile(filepath.Join(dir, "signals"))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		return bytes.Count(b, []byte("\n"))
	}
	var child *exec.Cmd
	start := func() {
		child = exec.CommandContext(t.Context(), os.Args[0])
		child.Env = append(os.Environ(), childEnv+"="+dir)
		child.Stderr = t.Output()
		child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
	}
	kill := func() {
		_ = child.Process.Signal(syscall.SIGKILL)
		_ = child.Wait()
	}
	began := time.Now()
	start()
	t.Cleanup(func() { kill() })
	const kills = 6
	for k := range kills {
		at := (k + 1) * mails / (kills + 2)
		eventually.Eventually(t, 2*time.Minute, fmt.Sprintf("%d mails are stored", at), func() bool { return stored() >= at })
		t.Logf("%s: kill at %d", time.Since(began).Round(time.Millisecond), stored())
		kill()
		switch k {
		case 1:
			deliver(mails * 3 / 4)
		case 2, 4:
			s.ResetUIDValidity()
		case 3:
			deliver(mails)
		}
		start()
		if k == 4 { // while it reads, too
			eventually.Eventually(t, time.Minute, "it reads on", func() bool { return stored() > at })
			s.ResetUIDValidity()
		}
	}
	var a struct {
		email.Account
		Read time.Time
	}
	eventually.Eventually(t, 2*time.Minute, "all mails are stored, and counted", func() bool {
		text, err := os.ReadFile(filepath.Join(dir, "account"))
		return err == nil && json.Unmarshal(text, &a) == nil && stored() >= mails && !a.Read.IsZero() && a.Waiting == 0 && a.LastUID >= mails
	})
	t.Logf("%s: done; account %+v", time.Since(began).Round(time.Millisecond), a.Mails)

	lines, err := (&shelf{dir: dir}).lines()
	if err != nil {
		t.Fatal(err)
	}
	ids, subjects := map[string]int{}, map[string]int{}
	for _, l := range lines {
		id, subject, _ := strings.Cut(l, " ")
		ids[id]++
		subjects[subject]++
	}
	for i := range mails {
		if got := subjects[fmt.Sprintf("mail %d", i)]; got != 1 {
			t.Errorf("mail %d is stored %d times, want once", i, got)
		}
	}
	if len(ids) != mails || len(lines) != mails {
		t.Errorf("%d signals with %d ids, want %d of each", len(lines), len(ids), mails)
	}
	m := a.Mails
	if a.Missing != 0 || m.Seen != m.Stored+m.Known+m.Unreadable+m.Refused+m.BeforeStart+m.Gone {
		t.Errorf("account %+v does not add up, or %d mails are missing", m, a.Missing)
	}
	if m.Stored > mails || m.Stored < mails-6*20 || m.Unreadable != 0 || a.Numberings < 2 {
		t.Errorf("account %+v after %d renumberings, want %d stored but for those of batches that a kill cut short", m, a.Numberings, mails)
	}
	if !s.Untouched() {
		t.Error("a mail was given a flag or moved; want the mailbox as it was")
	}
}
