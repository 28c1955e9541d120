package backup_test

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ministryofjustice/incident-promptness/pipeline/backup"
)

var update = flag.Bool("update", false, "write the golden files anew")

// read reads a file of messages whole.
func read(b []byte) (ms []backup.Message, end backup.End, err error) {
	r, err := backup.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, end, err
	}
	for {
		m, err := r.Next()
		if errors.Is(err, io.EOF) {
			return ms, r.End(), nil
		}
		if err != nil {
			return ms, end, err
		}
		ms = append(ms, m)
	}
}

func write(t testing.TB, s backup.Section, ms []backup.Message, last uint64) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := backup.NewWriter(&b, s, "moj")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range ms {
		if err := w.Add(m); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Close(last); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestTheFormatIsTheOneOfVersion1(t *testing.T) {
	for _, s := range backup.Sections() {
		t.Run(string(s), func(t *testing.T) {
			golden := filepath.Join("testdata", string(s)+".v1.messages")
			ms := example()[s]
			b := write(t, s, ms, last(s, ms))
			if *update {
				if err := os.WriteFile(golden, b, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(b, want) {
				t.Errorf("%s is written as\n%s\nwant\n%s", s, b, want)
			}
			got, end, err := read(want)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(ms, got, cmpopts.EquateEmpty()); d != "" {
				t.Errorf("%s read back (-want +got):\n%s", s, d)
			}
			if end.Last != last(s, ms) || end.Count != uint64(len(ms)) {
				t.Errorf("its last line says %+v, want last %d of %d", end, last(s, ms), len(ms))
			}
		})
	}
}

func TestNoByteOfAFileCanBeAnother(t *testing.T) {
	good := write(t, backup.Signals, example()[backup.Signals], 7)
	for i := range good {
		for _, bit := range []byte{1, 0x20, 0x80} {
			bad := bytes.Clone(good)
			bad[i] ^= bit
			if _, _, err := read(bad); err == nil {
				t.Fatalf("byte %d of %d: %q instead of %q is read as good", i, len(good), bad[i], good[i])
			}
		}
	}
}

func TestAFileThatEndsEarlyIsNotWhole(t *testing.T) {
	good := write(t, backup.Signals, example()[backup.Signals], 7)
	for n := range good {
		if _, _, err := read(good[:n]); err == nil {
			t.Fatalf("%d of %d bytes are read as good", n, len(good))
		}
	}
}

func TestWhatIsNotWrittenIsNotRead(t *testing.T) {
	good := string(write(t, backup.Positions, example()[backup.Positions], 9))
	for _, tt := range []struct{ name, old, new string }{
		{"another version", `{"v":1`, `{"v":2`},
		{"white space", `{"seq":3,`, `{"seq":3, `},
		{"another field", `{"seq":3,`, `{"more":1,"seq":3,`},
		{"a field twice", `{"seq":3,`, `{"seq":3,"seq":3,`},
		{"another order", `"len":5,"sha256":"`, `"sha256":"`},
		{"sequences that go back", `{"seq":9,`, `{"seq":2,`},
		{"a body of negative length", `"len":5`, `"len":-5`},
		{"a body that is far too long", `"len":5`, `"len":99999999999`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bad := strings.Replace(good, tt.old, tt.new, 1)
			if bad == good {
				t.Fatalf("%s is nowhere in it", tt.old)
			}
			if _, _, err := read([]byte(bad)); err == nil {
				t.Errorf("%s is read as good", bad)
			}
		})
	}
}

func TestAMessageThatCannotBeReadBackIsNotWritten(t *testing.T) {
	for _, tt := range []struct {
		name string
		m    backup.Message
	}{
		{"a body over the bound", backup.Message{Seq: 1, Body: make([]byte, backup.MaxBody+1)}},
		{"a key that is no UTF-8", backup.Message{Seq: 1, Key: "\xff"}},
		{"a header that is no UTF-8", backup.Message{Seq: 1, Header: map[string][]string{"A": {"\xff"}}}},
		{"sequence 0", backup.Message{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, err := backup.NewWriter(io.Discard, backup.Signals, "moj")
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Add(tt.m); err == nil {
				t.Error("Add = nil, want an error")
			}
		})
	}
}

// What is read is written again as the same bytes, whatever came in.
func FuzzReader(f *testing.F) {
	for _, s := range backup.Sections() {
		ms := example()[s]
		f.Add(write(f, s, ms, last(s, ms)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := backup.NewReader(bytes.NewReader(b))
		if err != nil {
			return
		}
		var again bytes.Buffer
		w, err := backup.NewWriter(&again, r.Section(), r.Tenant())
		if err != nil {
			t.Fatalf("NewWriter of what was read: %v", err)
		}
		for {
			m, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return
			}
			if err := w.Add(m); err != nil {
				t.Fatalf("Add of what was read: %v", err)
			}
		}
		if _, err := w.Close(r.End().Last); err != nil {
			t.Fatalf("Close: %v", err)
		}
		if !bytes.HasPrefix(b, again.Bytes()) {
			t.Errorf("read and written again it is\n%q\nwas\n%q", again.Bytes(), b)
		}
	})
}
