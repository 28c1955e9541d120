package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/ingest/manual"
	"github.com/ministryofjustice/incident-promptness/pipeline/backup"
	"github.com/ministryofjustice/incident-promptness/pipeline/ledger"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

// asking is a session that asks the server at url.
func asking(t *testing.T, url string) *session {
	t.Helper()
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(strings.Repeat("t", 40)), 0o600); err != nil {
		t.Fatal(err)
	}
	return &session{commandLine: &commandLine{Server: url, TokenFile: path}, stdout: io.Discard, stderr: io.Discard}
}

// serving serves h.
func serving(t *testing.T, h http.Handler) string {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	srv.Start()
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestAnExportIsTheSameFromTheStoreAndFromARunningPromptness(t *testing.T) {
	t.Parallel() // it mostly waits
	s := filled(t)
	var direct, asked bytes.Buffer
	want, err := exportStore(t.Context(), s.store, &direct)
	if err != nil {
		t.Fatal(err)
	}
	got, err := asking(t, serving(t, newExportHandler(s.store, slog.New(slog.DiscardHandler)))).exportRunning(t.Context(), &asked)
	if err != nil {
		t.Fatal(err)
	}
	if got != want || !bytes.Equal(direct.Bytes(), asked.Bytes()) {
		t.Errorf("asked for, it is %+v in %d bytes, from the store %+v in %d bytes", got, asked.Len(), want, direct.Len())
	}
	n, hash, _ := s.writer.Head()
	if got.Entries != n || got.Head != hash || uint64(bytes.Count(asked.Bytes(), []byte("\n"))) != n {
		t.Errorf("it has %d lines and the head %d %s, the record's is %d %s", bytes.Count(asked.Bytes(), []byte("\n")), got.Entries, got.Head, n, hash)
	}
}

// damagedStore is a store whose record has a changed byte in its second half.
func damagedStore(t *testing.T) *stream.Store {
	t.Helper()
	s := newShelf(t)
	s.fill(2000)
	s.close()
	b, path := ledgerBlock(t, s.cfg.Store.Dir)
	half := len(b) / 2
	at := half + bytes.Index(b[half:], []byte(`"kind":"quarantined"`))
	if at < half {
		t.Fatal("the block has no entry")
	}
	b[at+len(`"kind":"q`)] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	srv, err := stream.Start(t.Context(), s.cfg.Store, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { srv.Close() })
	nc, err := srv.Connect("test")
	if err != nil {
		t.Fatal(err)
	}
	store, err := stream.Open(t.Context(), nc, s.cfg.Store, stream.Hooks{}, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}

func ledgerBlock(t *testing.T, dir string) (b []byte, path string) {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "jetstream", "*", "streams", "LEDGER_moj", "msgs", "*.blk"))
	if err != nil || len(all) == 0 {
		t.Fatalf("find the block of the ledger: %q, %v", all, err)
	}
	if b, err = os.ReadFile(all[0]); err != nil {
		t.Fatal(err)
	}
	return b, all[0]
}

func TestAnExportThatBreaksMidwayIsAnErrorAndNoFile(t *testing.T) {
	t.Parallel() // it mostly waits
	store := damagedStore(t)
	log := slog.New(slog.DiscardHandler)
	url := serving(t, newExportHandler(store, log))
	for _, tt := range []struct {
		name   string
		export func(w io.Writer) error
	}{
		{"from the store", func(w io.Writer) error {
			_, err := exportStore(t.Context(), store, w)
			return err
		}},
		{"from a running promptness", func(w io.Writer) error {
			_, err := asking(t, url).exportRunning(t.Context(), w)
			return err
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "record.jsonl")
			if err := os.WriteFile(path, []byte("the old one"), 0o600); err != nil {
				t.Fatal(err)
			}
			begun := false
			err := writeWhole(path, func(w io.Writer) error {
				return tt.export(writerFunc(func(p []byte) (int, error) { begun = true; return w.Write(p) }))
			})
			if err == nil || !begun {
				t.Errorf("export = %v, begun = %v, want an error midway", err, begun)
			}
			left, err := os.ReadDir(dir)
			b, err2 := os.ReadFile(path)
			if len(left) != 1 || string(b) != "the old one" || errors.Join(err, err2) != nil {
				t.Errorf("there is %v, with %q, want what was there before", left, b)
			}
		})
	}
	t.Run("another client sees that it was cut off", func(t *testing.T) {
		res, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if b, err := io.ReadAll(res.Body); !errors.Is(err, io.ErrUnexpectedEOF) || len(b) == 0 {
			t.Errorf("it read %d bytes and %v, want %v", len(b), err, io.ErrUnexpectedEOF)
		}
	})
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestAnAnswerWithoutItsLastWordIsNotWhole(t *testing.T) {
	t.Parallel() // it mostly waits
	s := filled(t)
	var whole bytes.Buffer
	if _, err := exportStore(t.Context(), s.store, &whole); err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(whole.Bytes(), []byte("\n"))
	for _, tt := range []struct {
		name    string
		body    []byte
		trailer string
	}{
		{"no trailer", whole.Bytes(), ""},
		{"a line short of the head", bytes.Join(lines[:len(lines)-2], nil), headText(mustExport(t, s))},
		{"half a line", whole.Bytes()[:whole.Len()-20], headText(mustExport(t, s))},
		{"nothing", nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			url := serving(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Trailer", headTrailer)
				_, _ = w.Write(tt.body) // to a client of the test
				if tt.trailer != "" {
					w.Header().Set(headTrailer, tt.trailer)
				}
			}))
			if found, err := asking(t, url).exportRunning(t.Context(), io.Discard); err == nil {
				t.Errorf("exportRunning = %+v, want an error", found)
			}
		})
	}
}

func mustExport(t *testing.T, s *shelf) ledger.Report {
	t.Helper()
	r, err := exportStore(t.Context(), s.store, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAnExportHasItsFileWholeOrNotAtAll(t *testing.T) {
	t.Parallel() // it mostly waits
	dir := t.TempDir()
	path := filepath.Join(dir, "out")
	if err := writeWhole(path, func(w io.Writer) error { _, err := io.WriteString(w, "one"); return err }); err != nil {
		t.Fatal(err)
	}
	if err := writeWhole(path, func(w io.Writer) error {
		_, err := io.WriteString(w, "two, half")
		return errors.Join(err, io.ErrNoProgress)
	}); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("writeWhole = %v, want what broke it", err)
	}
	if b, err := os.ReadFile(path); string(b) != "one" || err != nil {
		t.Errorf("it holds %q, %v, want what was there before", b, err)
	}
	if left, err := os.ReadDir(dir); len(left) != 1 || err != nil {
		t.Errorf("there is %v, %v, want the one file", left, err)
	}
	if err := writeWhole(dir, func(io.Writer) error { return nil }); err == nil {
		t.Error("a directory is written over")
	}
	if err := writeWhole(filepath.Join(dir, "none", "out"), func(io.Writer) error { return nil }); err == nil {
		t.Error("a file in no directory is written")
	}
}

func TestOneBackupIsSentAtATime(t *testing.T) {
	t.Parallel() // it mostly waits
	s := filled(t)
	h := newBackupHandler(s.store, "moj", slog.New(slog.DiscardHandler))
	hold, held := make(chan struct{}), make(chan struct{})
	first := httptest.NewRecorder()
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.ServeHTTP(&slow{ResponseRecorder: first, held: held, hold: hold}, httptest.NewRequest(http.MethodGet, "/v1/backup", nil))
	}()
	<-held
	second := httptest.NewRecorder()
	h.ServeHTTP(second, httptest.NewRequest(http.MethodGet, "/v1/backup", nil))
	if second.Code != http.StatusServiceUnavailable {
		t.Errorf("a second one is answered %d, want 503", second.Code)
	}
	close(hold)
	<-done
	if _, err := backup.Receive(t.Context(), first.Body, shelfOptions(s, filepath.Join(t.TempDir(), "b"))); err != nil {
		t.Errorf("the first one: %v", err)
	}
}

// A slow client holds the first write.
type slow struct {
	*httptest.ResponseRecorder
	held, hold chan struct{}
	begun      bool
}

func (s *slow) SetWriteDeadline(time.Time) error { return nil }

func (s *slow) Write(p []byte) (int, error) {
	if !s.begun {
		s.begun = true
		close(s.held)
		<-s.hold
	}
	return s.ResponseRecorder.Write(p)
}

// Who may ask: anybody with a token for the record, which names nobody; a
// manager for a backup, which has what people wrote.
func TestOnlyAManagerMayHaveABackup(t *testing.T) {
	t.Parallel() // it mostly waits
	dir := t.TempDir()
	var people manual.People
	for _, p := range []manual.Person{{Number: "1", Role: "desk"}, {Number: "2", Role: "manager"}} {
		p.TokenFile = filepath.Join(dir, p.Number)
		if err := os.WriteFile(p.TokenFile, []byte(strings.Repeat(p.Number, 40)), 0o600); err != nil {
			t.Fatal(err)
		}
		people = append(people, p)
	}
	desk, err := people.Load()
	if err != nil {
		t.Fatal(err)
	}
	ok := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	for _, tt := range []struct {
		token string
		want  int
	}{{"", http.StatusUnauthorized}, {"3", http.StatusUnauthorized}, {"1", http.StatusForbidden}, {"2", http.StatusNoContent}} {
		r := httptest.NewRequest(http.MethodGet, "/v1/backup", nil)
		if tt.token != "" {
			r.Header.Set("Authorization", "Bearer "+strings.Repeat(tt.token, 40))
		}
		w := httptest.NewRecorder()
		desk.GuardManagers(ok).ServeHTTP(w, r)
		if w.Code != tt.want {
			t.Errorf("with token %q: %d, want %d", tt.token, w.Code, tt.want)
		}
	}
	// The routes are guarded so in the program, too.
	home := t.TempDir()
	hooks, admin := configure(t, home, "")
	c := startChild(t, home, hooks, admin)
	for _, path := range []string{"/v1/export", "/v1/backup"} {
		res, err := http.Get(admin + path)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusUnauthorized {
			t.Errorf("GET %s without a token: %d, want 401", path, res.StatusCode)
		}
	}
	out, words, err := prompt(t, home, "--server", admin, "export")
	if err != nil || !strings.HasPrefix(out, `{"v":1,"n":1,`) || !strings.HasPrefix(words, fmt.Sprintf("exported %d entries", strings.Count(out, "\n"))) {
		t.Errorf("export of a running promptness: %v, %q\n%s", err, out, words)
	}
	c.stop()
}
