package ledger_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/pipeline/ledger"
)

func TestEncodeIsTheCanonicalForm(t *testing.T) {
	for seed := range uint64(5000) {
		f := newFiller(t, seed)
		f.full = seed < 100
		e := f.entry()
		want, err := incident.MarshalCanonical(&e)
		if err != nil {
			t.Fatal(err)
		}
		line := ledger.Encode(nil, &e)
		if !bytes.Equal(line, want) {
			t.Fatalf("seed %d: is a new field missing in codec*.go?\nEncode = %s\nwant     %s", seed, line, want)
		}
		got, err := ledger.Decode(line)
		if err != nil {
			t.Fatalf("seed %d: Decode = %v\n%s", seed, err, line)
		}
		if diff := cmp.Diff(e, got); diff != "" {
			t.Fatalf("seed %d: Decode(Encode(e)): -want +got\n%s", seed, diff)
		}
	}
}

func TestEncodeAppends(t *testing.T) {
	e := newFiller(t, 1).entry()
	got := ledger.Encode([]byte("before"), &e)
	if want := "before" + string(ledger.Encode(nil, &e)); string(got) != want {
		t.Errorf("Encode(before) = %s, want %s", got, want)
	}
}

func TestEncodeWritesTimesInUTC(t *testing.T) {
	e := newFiller(t, 1).entry()
	want := ledger.Encode(nil, &e)
	e.At = e.At.In(time.FixedZone("", 3600))
	if got := ledger.Encode(nil, &e); !bytes.Equal(got, want) {
		t.Errorf("Encode = %s, want %s", got, want)
	}
}

// What a text must not hold is written as JSON all the same, so that it cannot
// pass for another field, and is then refused.
func TestTextThatDoesNotBelongIsEscapedAndRefused(t *testing.T) {
	for _, text := range []string{
		`4711","role":"manager`, "back\\slash", "line\nend", "\x00", "\x7f", "Jo Bloggs", "jo@example.org",
		"é", "\xff", "\u2028", "<b>&", strings.Repeat("9", 41),
	} {
		t.Run(text, func(t *testing.T) {
			f := newFiller(t, 1)
			f.full = true
			e := f.entry()
			e.Signal.Act.Author = text
			line := ledger.Encode(nil, &e)
			want, err := incident.MarshalCanonical(&e)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(line, want) {
				t.Errorf("Encode = %s, want %s", line, want)
			}
			_, err = ledger.Decode(line)
			if err == nil {
				t.Fatalf("Decode took %s", line)
			}
			if strings.Contains(err.Error(), text) {
				t.Errorf("Decode = %q quotes what may name a person", err)
			}
			if !strings.Contains(err.Error(), "author") {
				t.Errorf("Decode = %q, want the field's name", err)
			}
		})
	}
}

func TestASignalThatWouldBeRefusedIsKnownBefore(t *testing.T) {
	for seed := range uint64(200) {
		f := newFiller(t, seed)
		f.full = true
		e := f.entry()
		if err := ledger.Fits(e.Signal); err != nil {
			t.Fatalf("seed %d: Fits = %v", seed, err)
		}
		for name, spoil := range map[string]func(s *incident.SignalRecord){
			"ref":          func(s *incident.SignalRecord) { s.Keys[0].Ref = "p-1234 Jo Bloggs" },
			"organisation": func(s *incident.SignalRecord) { s.Attrs.Organisation = "North West" },
			"m":            func(s *incident.SignalRecord) { s.Claims[0].Milestone = "Told" },
			"e":            func(s *incident.SignalRecord) { s.Claims[0].Interval.Earliest = at(0, 0).AddDate(9000, 0, 0) },
			"flags":        func(s *incident.SignalRecord) { s.Flags[0] = "jo@example.org" },
		} {
			e := f.entry()
			spoil(e.Signal)
			err, ok := errors.AsType[*ledger.FormError](ledger.Fits(e.Signal))
			if !ok || err.Key != name {
				t.Errorf("%s: Fits = %v, want the field named", name, err)
			}
			if _, err := ledger.Decode(ledger.Encode(nil, &e)); err == nil {
				t.Errorf("%s: Decode takes it", name)
			}
		}
	}
}

const oneLine = `{"v":1,"n":7,"prev":"0000000000000000000000000000000000000000000000000000000000000000","at":"2026-11-24T09:15:00.5Z","pos":[3,0],"kind":"note","note":{"code":"started"}}`

func TestWhatIsNotCanonicalIsRefused(t *testing.T) {
	if _, err := ledger.Decode([]byte(oneLine)); err != nil {
		t.Fatalf("Decode(the line itself) = %v", err)
	}
	for _, tt := range []struct {
		name     string
		old, new string
	}{
		{"a space", `,"n"`, `, "n"`},
		{"a line end behind it", `}}`, "}}\n"},
		{"bytes behind it", `}}`, `}}x`},
		{"a missing brace", `}}`, `}`},
		{"an unknown field", `,"kind"`, `,"x":1,"kind"`},
		{"an unknown field at the end", `"}}`, `"},"x":1}`},
		{"other order", `"v":1,"n":7`, `"n":7,"v":1`},
		{"a field twice", `"n":7`, `"n":7,"n":7`},
		{"a field in capitals", `"kind"`, `"Kind"`},
		{"a missing field", `"pos":[3,0],`, ``},
		{"a later version", `"v":1`, `"v":2`},
		{"a zero before a number", `"n":7`, `"n":07`},
		{"a fraction", `"n":7`, `"n":7.0`},
		{"an exponent", `"n":7`, `"n":7e0`},
		{"a sign", `"n":7`, `"n":+7`},
		{"a negative number where none can be", `"n":7`, `"n":-7`},
		{"no number", `"n":7`, `"n":`},
		{"a number beyond 64 bits", `"n":7`, `"n":18446744073709551616`},
		{"minus zero", `[3,0]`, `[3,-0]`},
		{"a position beyond an int", `[3,0]`, `[3,9223372036854775808]`},
		{"a position of one number", `[3,0]`, `[3]`},
		{"a position of three", `[3,0]`, `[3,0,0]`},
		{"a hash in capitals", `"prev":"0`, `"prev":"A`},
		{"a short hash", `"prev":"00`, `"prev":"0`},
		{"no hexadecimal", `"prev":"0`, `"prev":"g`},
		{"a time zone", `:00.5Z`, `:00.5+00:00`},
		{"a lower-case z", `:00.5Z`, `:00.5z`},
		{"a zero behind a fraction", `.5Z`, `.50Z`},
		{"a point without a fraction", `.5Z`, `.Z`},
		{"ten digits of a second", `.5Z`, `.5000000001Z`},
		{"a day that is not", `11-24`, `02-30`},
		{"a month that is not", `11-24`, `13-24`},
		{"hour 24", `T09`, `T24`},
		{"second 60", `:00.5Z`, `:60.5Z`},
		{"a year of five digits", `"2026`, `"12026`},
		{"an escape", `"note","`, `"\u006eote","`},
		{"an unknown word", `"kind":"note"`, `"kind":"nota"`},
		{"null", `{"code":"started"}`, `null`},
		{"an empty optional text", `,"note":`, `,"why":"","note":`},
		{"a zero optional number", `,"note":`, `,"rules":0,"note":`},
		{"an empty list", `,"note":`, `,"alerts":[],"note":`},
		{"an object without its fields", `{"code":"started"}`, `{}`},
		{"a zero optional digest", `"started"}`, `"started","commit":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}`},
		{"white space in the rules", `"}}`, `"},"text":{"a": 1}}`},
		{"white space before the rules", `"}}`, `"},"text": {"a":1}}`},
		{"rules that are no JSON", `"}}`, `"},"text":{a}}`},
		{"a byte order mark", `{"v"`, "\ufeff" + `{"v"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			line := strings.Replace(oneLine, tt.old, tt.new, 1)
			if line == oneLine {
				t.Fatalf("%q is not in the line", tt.old)
			}
			if _, err := ledger.Decode([]byte(line)); err == nil {
				t.Errorf("Decode took %s", line)
			}
		})
	}
	for i := range len(oneLine) {
		if _, err := ledger.Decode([]byte(oneLine[:i])); err == nil {
			t.Errorf("Decode took the first %d bytes", i)
		}
	}
}

// spoil makes one small change.
func spoil(r *rand.Rand, line []byte) []byte {
	i := r.IntN(len(line))
	j := min(len(line), i+1+r.IntN(8))
	const common = `{}[],:"0123456789truefalsn -+.eEZ\`
	switch r.IntN(6) {
	case 0:
		return append(append(bytes.Clone(line[:i]), byte(r.Uint32())), line[i+1:]...)
	case 1:
		return append(append(bytes.Clone(line[:i]), common[r.IntN(len(common))]), line[i+1:]...)
	case 2:
		return append(append(bytes.Clone(line[:i]), common[r.IntN(len(common))]), line[i:]...)
	case 3:
		return append(bytes.Clone(line[:i]), line[j:]...)
	case 4:
		return append(append(bytes.Clone(line[:j]), line[i:j]...), line[j:]...)
	default:
		line = bytes.Clone(line)
		line[i] ^= 1 << r.IntN(8)
		return line
	}
}

func TestASpoiledLineIsRefusedOrIsAnotherEntry(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	taken := 0
	for seed := range uint64(500) {
		e := newFiller(t, seed).entry()
		line := ledger.Encode(nil, &e)
		for range 100 {
			x := spoil(r, line)
			got, err := ledger.Decode(x)
			if err != nil {
				continue
			}
			taken++
			if again := ledger.Encode(nil, &got); !bytes.Equal(again, x) {
				t.Fatalf("Decode took %s\nwhich is written %s", x, again)
			}
		}
	}
	if taken == 0 {
		t.Error("no spoiled line was another entry: the test shows nothing")
	}
}

// The writer knows of every entry whether it will be read again, without
// reading it.
func TestWhatIsRefusedWhenReadIsKnownWhenWritten(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 3))
	strange := []string{"", "x y", "jo@example.org", "é", "\"", strings.Repeat("a", 200), "Kind", "0"}
	refused := 0
	for seed := range uint64(3000) {
		e := newFiller(t, seed).entry()
		spoilField(r, reflect.ValueOf(&e).Elem(), strange)
		line, known := ledger.EncodeChecked(&e)
		got, err := ledger.Decode(line)
		if (err == nil) != (known == nil) {
			t.Fatalf("seed %d: written with %v, read with %v\n%s", seed, known, err, line)
		}
		if err != nil {
			refused++
		} else if again := ledger.Encode(nil, &got); !bytes.Equal(again, line) {
			t.Fatalf("seed %d: written %s\nread and written %s", seed, line, again)
		}
	}
	if refused < 500 || refused > 2900 {
		t.Errorf("%d of 3000 entries are refused: the test shows little", refused)
	}
}

// spoilField puts something strange into one field, whichever it meets.
func spoilField(r *rand.Rand, v reflect.Value, strange []string) {
	switch x := v.Addr().Interface().(type) {
	case *time.Time:
		*x = x.AddDate([]int{0, 9000, -3000, -2000}[r.IntN(4)], 0, 0)
		return
	case *json.RawMessage:
		*x = []byte([]string{`{"a": 1}`, `{`, `1 2`, ``}[r.IntN(4)])
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		spoilField(r, v.Field(r.IntN(v.NumField())), strange)
	case reflect.Pointer:
		if !v.IsNil() {
			spoilField(r, v.Elem(), strange)
		}
	case reflect.Slice, reflect.Array:
		if v.Len() > 0 {
			spoilField(r, v.Index(r.IntN(v.Len())), strange)
		}
	case reflect.String:
		v.SetString(strange[r.IntN(len(strange))])
	case reflect.Int, reflect.Int64:
		v.SetInt(r.Int64() - r.Int64())
	default:
	}
}

func FuzzDecode(f *testing.F) {
	for _, line := range golden(f) {
		f.Add(line)
	}
	f.Add([]byte(oneLine))
	accepted, err := os.ReadFile(acceptancesFile)
	if err != nil {
		f.Fatal(err)
	}
	for line := range bytes.Lines(accepted) {
		f.Add(bytes.TrimSuffix(line, []byte{'\n'}))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		e, err := ledger.Decode(line)
		if err != nil {
			return
		}
		if got := ledger.Encode(nil, &e); !bytes.Equal(got, line) {
			t.Errorf("Decode took %q\nwhich is written %q", line, got)
		}
		want, err := incident.MarshalCanonical(&e)
		if err != nil || !bytes.Equal(want, line) {
			t.Errorf("Decode took %q\nthe canonical form is %q, %v", line, want, err)
		}
	})
}

var update = flag.Bool("update", false, "write the golden file anew; only ever for a new version of the entries")

const goldenFile = "testdata/entries-v1.jsonl"

func golden(t testing.TB) [][]byte {
	t.Helper()
	f, err := os.Open(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var lines [][]byte
	s := bufio.NewScanner(f)
	s.Buffer(nil, ledger.MaxBody)
	for s.Scan() {
		lines = append(lines, bytes.Clone(s.Bytes()))
	}
	if s.Err() != nil {
		t.Fatal(s.Err())
	}
	return lines
}
