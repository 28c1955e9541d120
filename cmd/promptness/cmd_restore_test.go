package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/ministryofjustice/incident-promptness/pipeline/backup"
)

// refusedAs returns the name of the refusal in err.
func refusedAs(err error) backup.Refusal {
	if refused, ok := errors.AsType[*backup.RefusedError](err); ok {
		return refused.Name
	}
	return backup.Refusal(fmt.Sprint(err))
}

func copyDir(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

// Everything that can happen to a backup where it is kept: none of it is
// restored, and nothing is put in place.
func TestADamagedBackupIsNotRestored(t *testing.T) {
	t.Parallel() // it mostly waits
	s := filled(t)
	good := backedUp(t, s)
	cfg := vacant(t, s)
	names := []string{"manifest.json"}
	for _, section := range backup.Sections() {
		names = append(names, string(section)+".messages")
	}
	tried := 0
	fails := func(what string, change func(dir string) error) {
		t.Helper()
		tried++
		dir := copyDir(t, good)
		if err := change(dir); err != nil {
			t.Fatal(err)
		}
		if err := restoreQuietly(t, cfg, dir); !isRefusal(err) {
			t.Errorf("%s: restore = %v, want a refusal", what, err)
		}
		if store, checkpoint := there(cfg); store || checkpoint {
			t.Fatalf("%s: there is a store, %v, or a checkpoint, %v", what, store, checkpoint)
		}
	}
	for i, name := range names {
		b, err := os.ReadFile(filepath.Join(good, name))
		if err != nil {
			t.Fatal(err)
		}
		put := func(b []byte) func(string) error {
			return func(dir string) error { return os.WriteFile(filepath.Join(dir, name), b, 0o600) }
		}
		for at := 0; at < len(b); at += 1 + len(b)/7 {
			flipped := bytes.Clone(b)
			flipped[at] ^= 0x10
			fails(fmt.Sprintf("byte %d of %s flipped", at, name), put(flipped))
			fails(fmt.Sprintf("%s cut to %d bytes", name, at), put(b[:at]))
		}
		fails(name+" removed", func(dir string) error { return os.Remove(filepath.Join(dir, name)) })
		other := names[(i+1)%len(names)]
		fails(name+" and "+other+" swapped", func(dir string) error {
			x, y := filepath.Join(dir, name), filepath.Join(dir, other)
			return errors.Join(os.Rename(x, x+"~"), os.Rename(y, x), os.Rename(x+"~", y))
		})
	}
	t.Logf("%d damaged backups", tried)
	if err := restoreQuietly(t, cfg, good); err != nil {
		t.Errorf("the same backup, whole: %v", err)
	}
}

func isRefusal(err error) bool {
	_, ok := errors.AsType[*backup.RefusedError](err)
	return ok
}

// forge changes the messages of a section and makes file and manifest such as
// whoever can compute sums would: only the record itself can tell.
func forge(t *testing.T, dir string, section backup.Section, change func([]backup.Message) []backup.Message) {
	t.Helper()
	path := filepath.Join(dir, string(section)+".messages")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := backup.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	var ms []backup.Message
	for {
		m, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		ms = append(ms, m)
	}
	ms = change(ms)
	var out bytes.Buffer
	w, err := backup.NewWriter(&out, section, r.Tenant())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range ms {
		if err := w.Add(m); err != nil {
			t.Fatal(err)
		}
	}
	last := ms[len(ms)-1].Seq
	if section == backup.Signals {
		last = r.End().Last
	}
	end, err := w.Close(last)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := backup.ReadManifest(dir)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(out.Bytes())
	for i := range m.Files {
		if m.Files[i].Name == string(section)+".messages" {
			m.Files[i] = backup.File{
				Name: m.Files[i].Name, Count: end.Count, First: end.First, Last: end.Last,
				Bytes: int64(out.Len()), SHA256: hex.EncodeToString(sum[:]),
			}
		}
	}
	m.Sum = ""
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	text = text[:bytes.LastIndex(text, []byte(`  "sha256": "`))]
	sum = sha256.Sum256(text)
	text = fmt.Appendf(text, "  \"sha256\": \"%s\"\n}\n", hex.EncodeToString(sum[:]))
	if err := os.WriteFile(filepath.Join(dir, "manifest.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAForgedBackupIsFoundByTheRecord(t *testing.T) {
	t.Parallel() // it mostly waits
	s := filled(t)
	good := backedUp(t, s)
	for _, tt := range []struct {
		name    string
		section backup.Section
		change  func([]backup.Message) []backup.Message
		want    backup.Refusal
	}{
		{"nothing", backup.Signals, func(ms []backup.Message) []backup.Message { return ms }, ""},
		{"a byte of an entry", backup.Ledger, func(ms []backup.Message) []backup.Message {
			ms[0].Body = bytes.Replace(ms[0].Body, []byte(`"source":"desk"`), []byte(`"source":"desl"`), 1)
			return ms
		}, backup.RefuseRecord},
		{"the record's last message", backup.Ledger, func(ms []backup.Message) []backup.Message { return ms[:len(ms)-1] }, backup.RefuseDiffers},
		{"a signal that was not erased is left out", backup.Signals, func(ms []backup.Message) []backup.Message {
			return append(ms[:2], ms[3:]...)
		}, backup.RefuseRecord},
		{"a signal's bytes", backup.Signals, func(ms []backup.Message) []backup.Message {
			ms[0].Body = bytes.Replace(ms[0].Body, []byte("signal 1 of"), []byte("signal 1 or"), 1)
			return ms
		}, backup.RefuseRecord},
		{"evidence", backup.Evidence, func(ms []backup.Message) []backup.Message {
			ms[3].Body[17] ^= 1
			return ms
		}, backup.RefuseRecord},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := copyDir(t, good)
			forge(t, dir, tt.section, tt.change)
			cfg := vacant(t, s)
			err := restoreQuietly(t, cfg, dir)
			if tt.want == "" {
				if err != nil {
					t.Errorf("restore of what was not changed = %v", err)
				}
				return
			}
			if got := refusedAs(err); got != tt.want {
				t.Errorf("restore = %v, want %s", err, tt.want)
			}
			if store, checkpoint := there(cfg); store || checkpoint {
				t.Error("something was put in place all the same")
			}
			if left, err := os.ReadDir(cfg.Store.Dir); err != nil || len(left) != 1 { // the lock
				t.Errorf("it left %v, %v", left, err)
			}
		})
	}
}

func TestWhatIsNotRestoredOver(t *testing.T) {
	t.Parallel() // it mostly waits
	s := filled(t)
	dir := backedUp(t, s)
	restored := vacant(t, s)
	if err := restoreQuietly(t, restored, dir); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		cfg  func() Config
		want backup.Refusal
	}{
		{"a store", func() Config { return restored }, backup.RefuseNotEmpty},
		{"a checkpoint whose store is gone", func() Config {
			cfg := restored
			cfg.Store.Dir = filepath.Join(t.TempDir(), "store")
			return cfg
		}, backup.RefuseCheckpoint},
		{"another tenant", func() Config {
			cfg := vacant(t, s)
			cfg.Store.Tenant = "other"
			return cfg
		}, backup.RefuseTenant},
		{"another pepper", func() Config {
			cfg := vacant(t, s)
			cfg.PepperFile = filepath.Join(t.TempDir(), "pepper")
			if _, err := makeSecret(cfg.PepperFile); err != nil {
				t.Fatal(err)
			}
			return cfg
		}, backup.RefusePepper},
		{"too little space", func() Config {
			cfg := vacant(t, s)
			cfg.Store.MinFree = 1 << 60
			return cfg
		}, backup.RefuseSpace},
		{"no backup", func() Config { return vacant(t, s) }, backup.RefuseIncomplete},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := tt.cfg()
			from := dir
			if tt.want == backup.RefuseIncomplete {
				from = t.TempDir()
			}
			if got := refusedAs(restoreQuietly(t, cfg, from)); got != tt.want {
				t.Errorf("restore is refused with %s, want %s", got, tt.want)
			}
		})
	}
	t.Run("no pepper", func(t *testing.T) {
		cfg := vacant(t, s)
		cfg.PepperFile = filepath.Join(t.TempDir(), "pepper")
		if err := restoreQuietly(t, cfg, dir); err == nil {
			t.Error("restore = nil")
		}
		if _, err := os.Lstat(cfg.PepperFile); err == nil {
			t.Error("it made a pepper of its own")
		}
	})
}

// The store that was lost had acknowledged more than the backup holds.
func TestARestoreSetsTheStoredMarkToWhatIsRestored(t *testing.T) {
	t.Parallel() // it mostly waits
	s := filled(t)
	dir := backedUp(t, s)
	end, err := s.store.End(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cfg := vacant(t, s)
	if err := resetStored(cfg.StoredFile(), end+50); err != nil {
		t.Fatal(err)
	}
	if err := restoreQuietly(t, cfg, dir); err != nil {
		t.Fatal(err)
	}
	if got, err := readStored(cfg.StoredFile()); err != nil || got != end {
		t.Errorf("after the restore the mark is %d, %v, want %d", got, err, end)
	}
}

func TestTheManifestHoldsNoPepper(t *testing.T) {
	t.Parallel() // it mostly waits
	s := filled(t)
	dir := backedUp(t, s)
	pepper, err := os.ReadFile(s.cfg.PepperFile)
	if err != nil {
		t.Fatal(err)
	}
	secret := bytes.TrimSpace(pepper)
	raw := make([]byte, hex.DecodedLen(len(secret)))
	if _, err := hex.Decode(raw, secret); err != nil {
		t.Fatal(err)
	}
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		b, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, secret) || bytes.Contains(b, raw) {
			t.Errorf("%s holds the pepper", f.Name())
		}
		if info, err := f.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %s, %v, want 0600", f.Name(), info.Mode(), err)
		}
	}
}

func TestEveryRefusalOfABackupHasARowInOperating(t *testing.T) {
	t.Parallel() // it mostly waits
	b, err := os.ReadFile("../../docs/OPERATING.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range backup.Refusals() {
		if !bytes.Contains(b, []byte("\n| `"+string(name)+"` |")) {
			t.Errorf("docs/OPERATING.md has no row for the refusal %s", name)
		}
	}
}
