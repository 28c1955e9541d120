package backup_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ministryofjustice/incident-promptness/pipeline/backup"
)

func TestABackupGivesBackWhatWasCopied(t *testing.T) {
	dir := made(t)
	if d := cmp.Diff(example(), contents(t, dir), cmpopts.EquateEmpty()); d != "" {
		t.Errorf("contents (-want +got):\n%s", d)
	}
	c, err := backup.Open(t.Context(), dir, want)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got := c.Manifest(); got.Record != record || got.Tenant != "moj" || got.Pepper != "check" || !got.Made.Equal(at(59)) {
		t.Errorf("Manifest() = %+v", got)
	}
	for _, tt := range []struct {
		seq uint64
		ok  bool
	}{{1, false}, {2, true}, {3, true}, {4, false}, {5, true}, {6, false}, {7, false}} {
		m, ok, err := c.At(backup.Signals, tt.seq)
		if err != nil || ok != tt.ok || ok && m.Seq != tt.seq || c.Has(backup.Signals, tt.seq) != tt.ok {
			t.Errorf("At(signals, %d) = %d, %v, %v, want there = %v", tt.seq, m.Seq, ok, err, tt.ok)
		}
	}
	body, ok, err := c.Key(backup.Evidence, "0123")
	if want := strings.Repeat("e", 4096) + "end"; string(body) != want || !ok || err != nil {
		t.Errorf("Key(0123) has %d bytes, %v, %v, want %d", len(body), ok, err, len(want))
	}
	if body, ok, err := c.Key(backup.Evidence, "4567"); len(body) != 0 || !ok || err != nil {
		t.Errorf("Key(4567) = %q, %v, %v, want nothing and there", body, ok, err)
	}
	if _, ok, err := c.Key(backup.Evidence, "none"); ok || err != nil {
		t.Errorf("Key(none) = %v, %v, want not there", ok, err)
	}
	var got []uint64
	for m, err := range c.Messages(t.Context(), backup.Signals, 3) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, m.Seq)
	}
	if d := cmp.Diff([]uint64{3, 5}, got); d != "" {
		t.Errorf("Messages from 3 (-want +got):\n%s", d)
	}
}

func TestAnArchiveThatIsCutOffMakesNoBackup(t *testing.T) {
	whole := archive(t, example())
	for n := 0; n < len(whole); n += 1 + n%97 {
		dir := filepath.Join(t.TempDir(), "b")
		if _, err := backup.Receive(t.Context(), bytes.NewReader(whole[:n]), options(dir)); err == nil {
			t.Fatalf("%d of %d bytes make a backup", n, len(whole))
		}
		if got := refusal(t, open(t, dir)); got != backup.RefuseIncomplete {
			t.Fatalf("after %d of %d bytes Open says %s, want %s", n, len(whole), got, backup.RefuseIncomplete)
		}
	}
	dir := filepath.Join(t.TempDir(), "b")
	if _, err := backup.Receive(t.Context(), bytes.NewReader(append(whole, 'x')), options(dir)); err == nil {
		t.Error("an archive with a byte too many makes a backup")
	}
}

// A source that breaks while it is read.
type broken struct {
	store
	in backup.Section
}

func (b broken) Dump(ctx context.Context, s backup.Section, yield func(backup.Message) error) (uint64, error) {
	last, err := b.store.Dump(ctx, s, yield)
	if s == b.in {
		err = io.ErrNoProgress
	}
	return last, err
}

func TestASourceThatBreaksIsToldAndMakesNoWholeArchive(t *testing.T) {
	for _, s := range backup.Sections() {
		var b bytes.Buffer
		if err := backup.Send(t.Context(), broken{example(), s}, "moj", &b); !errors.Is(err, io.ErrNoProgress) {
			t.Errorf("%s breaks: Send = %v", s, err)
		}
		if _, err := backup.Receive(t.Context(), &b, options(filepath.Join(t.TempDir(), "b"))); err == nil {
			t.Errorf("%s breaks: what was sent makes a backup", s)
		}
	}
}

func TestWhatABackupIsNotMadeOf(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(t *testing.T, o *backup.Options)
		want   backup.Refusal
	}{
		{"a directory with something in it", func(t *testing.T, o *backup.Options) {
			t.Helper()
			if err := os.WriteFile(filepath.Join(o.Dir, "old"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, backup.RefuseOccupied},
		{"too little space", func(_ *testing.T, o *backup.Options) {
			o.Free = func(string) (int64, error) { return 1 << 20, nil }
		}, backup.RefuseSpace},
		{"another tenant", func(_ *testing.T, o *backup.Options) { o.Tenant = "other" }, backup.RefuseTenant},
		{"a copy that does not verify", func(_ *testing.T, o *backup.Options) {
			o.Verify = func(context.Context, *backup.Copy) (backup.Record, string, error) {
				return record, "", damage{}
			}
		}, backup.RefuseRecord},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := options(t.TempDir())
			tt.change(t, &o)
			_, err := backup.Receive(t.Context(), bytes.NewReader(archive(t, example())), o)
			if got := refusal(t, err); got != tt.want {
				t.Errorf("Receive is refused with %s, want %s", got, tt.want)
			}
			if err := open(t, o.Dir); err == nil {
				t.Error("there is a backup all the same")
			}
		})
	}
}

// damage is what a check says of bytes that are not those that were stored.
type damage struct{}

func (damage) Error() string { return "not what was stored" }
func (damage) Damage() bool  { return true }

// A check that could not be made says nothing against the copy, and makes no backup.
func TestACopyThatCouldNotBeCheckedIsNotCalledBad(t *testing.T) {
	o := options(t.TempDir())
	o.Verify = func(context.Context, *backup.Copy) (backup.Record, string, error) {
		return record, "", context.DeadlineExceeded
	}
	_, err := backup.Receive(t.Context(), bytes.NewReader(archive(t, example())), o)
	if _, refused := errors.AsType[*backup.RefusedError](err); refused || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Receive = %v, want the time-out and no refusal", err)
	}
	if err := open(t, o.Dir); err == nil {
		t.Error("there is a backup all the same")
	}
}

func TestABackupOfOthersIsRefused(t *testing.T) {
	dir := made(t)
	for _, tt := range []struct {
		name string
		want backup.Want
		says backup.Refusal
	}{
		{"another tenant", backup.Want{Tenant: "other", Pepper: "check"}, backup.RefuseTenant},
		{"another pepper", backup.Want{Tenant: "moj", Pepper: "other"}, backup.RefusePepper},
	} {
		_, err := backup.Open(t.Context(), dir, tt.want)
		if got := refusal(t, err); got != tt.says {
			t.Errorf("%s: refused with %s, want %s", tt.name, got, tt.says)
		}
	}
	m, err := backup.ReadManifest(dir)
	if err != nil {
		t.Fatal(err)
	}
	m.V = 2
	text, err := m.Text()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "manifest.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := refusal(t, open(t, dir)); got != backup.RefuseVersion {
		t.Errorf("another version: refused with %s, want %s", got, backup.RefuseVersion)
	}
}

// Every byte of every file, manifest included, and what can happen to a file as
// a whole.
func TestADamagedBackupIsRefusedByName(t *testing.T) {
	good := made(t)
	names := sorted(filesOf(t, good))
	if len(names) != 6 {
		t.Fatalf("a backup has the files %q, want six", names)
	}
	refused := func(what string, damage func(dir string) error, want ...backup.Refusal) {
		t.Helper()
		dir := duplicate(t, good)
		if err := damage(dir); err != nil {
			t.Fatal(err)
		}
		got := refusal(t, open(t, dir))
		for _, w := range want {
			if got == w {
				return
			}
		}
		t.Errorf("%s: refused with %s, want %s", what, got, want)
	}
	for _, name := range names {
		bad := backup.RefuseFile
		if name == "manifest.json" {
			bad = backup.RefuseManifest
		}
		b := filesOf(t, good)[name]
		put := func(b []byte) func(string) error {
			return func(dir string) error { return os.WriteFile(filepath.Join(dir, name), b, 0o600) }
		}
		stride := 1 + len(b)/60
		for i := 0; i < len(b); i += stride {
			flipped := bytes.Clone(b)
			flipped[i] ^= 1 << (i % 8)
			refused(name+" flipped", put(flipped), bad)
			refused(name+" cut", put(b[:i]), bad)
		}
		refused(name+" doubled", put(append(bytes.Clone(b), b...)), bad)
		refused(name+" with a byte more", put(append(bytes.Clone(b), '\n')), bad)
		refused(name+" removed", func(dir string) error { return os.Remove(filepath.Join(dir, name)) }, backup.RefuseIncomplete)
		for _, other := range names {
			if other == name || other == "manifest.json" || name == "manifest.json" {
				continue
			}
			refused(name+" swapped for "+other, func(dir string) error {
				a, b := filepath.Join(dir, name), filepath.Join(dir, other)
				return errors.Join(os.Rename(a, a+"~"), os.Rename(b, a), os.Rename(a+"~", b))
			}, backup.RefuseFile)
		}
	}
	// A file of another backup, whole in itself.
	other := example()
	other[backup.Ledger] = other[backup.Ledger][:1]
	refused("ledger of another backup", func(dir string) error {
		return os.WriteFile(filepath.Join(dir, "ledger.messages"), write(t, backup.Ledger, other[backup.Ledger], 1), 0o600)
	}, backup.RefuseFile)
	if err := open(t, duplicate(t, good)); err != nil {
		t.Errorf("the same backup, whole: %v", err)
	}
}

func TestACrashLeavesABackupThatIsWholeOrNone(t *testing.T) {
	whole := archive(t, example())
	crashes(t, func(t *testing.T, step backup.Step) {
		dir := filepath.Join(t.TempDir(), "b")
		synced := map[string]bool{}
		vouched := false
		_, err := backup.ReceiveStepwise(t.Context(), bytes.NewReader(whole), options(dir), func(op, path string, done bool) error {
			if op == "sync" && done {
				synced[filepath.Base(path)] = true
			}
			if op == "rename" && filepath.Base(path) == "manifest.json" && !done {
				vouched = true
				for _, s := range backup.Sections() {
					if !synced[string(s)+".messages"] {
						t.Errorf("the manifest is put in place before %s is synced", s)
					}
				}
				if !synced["b"] || !synced["manifest.json.new"] {
					t.Error("the manifest is put in place before the names, or it itself, are synced")
				}
			}
			return step(op, path, done)
		})
		switch opened := open(t, dir); {
		case err == nil && opened != nil:
			t.Errorf("Receive said yes, Open says %v", opened)
		case opened == nil && !vouched:
			t.Error("there is a backup that nobody vouched for")
		case opened == nil:
			if d := cmp.Diff(example(), contents(t, dir), cmpopts.EquateEmpty()); d != "" {
				t.Errorf("contents (-want +got):\n%s", d)
			}
		case refusal(t, opened) != backup.RefuseIncomplete:
			t.Errorf("after the crash Open says %v, want %s", opened, backup.RefuseIncomplete)
		}
	})
}

// A manifest is read only as it is written.
func FuzzManifest(f *testing.F) {
	m := backup.Manifest{V: 1, Tenant: "moj", Made: at(0), Record: record, Files: []backup.File{{Name: "a", Bytes: 3}}}
	text, err := m.Text()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := backup.ParseManifest(b)
		if err != nil {
			return
		}
		if again, err := m.Text(); err != nil || !bytes.Equal(again, b) {
			t.Errorf("read and written again it is\n%q, %v\nwas\n%q", again, err, b)
		}
	})
}
