package conf_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"github.com/ministryofjustice/incident-promptness/internal/conf"
)

// span reads itself, as durations of the domain do.
type span time.Duration

func (s *span) UnmarshalText(b []byte) error {
	d, err := time.ParseDuration(string(b))
	if err != nil {
		return fmt.Errorf("read duration %q: want a number and a unit", b)
	}
	*s = span(d)
	return nil
}

type inner struct {
	Name string   `yaml:"name"`
	Warn []span   `yaml:"warn"`
	Tags []string `yaml:"tags"`
}

type config struct {
	Shared `yaml:",inline"`
	Limit  span           `yaml:"limit"`
	Wait   time.Duration  `yaml:"wait"`
	Count  int            `yaml:"count"`
	Ratio  float64        `yaml:"ratio"`
	Number string         `yaml:"number"`
	On     bool           `yaml:"on"`
	Inner  inner          `yaml:"inner"`
	List   []inner        `yaml:"list"`
	Counts map[string]int `yaml:"counts"`
}

// Shared stands inline in config.
type Shared struct {
	Zone string `yaml:"zone"`
}

func (c config) Validate() error {
	var all []error
	if c.Count > 10 {
		all = append(all, fmt.Errorf("count: must be at most 10, is %d", c.Count))
	}
	for i, l := range c.List {
		if l.Name == "" {
			all = append(all, conf.Under(fmt.Sprintf("list[%d]", i), errors.New("name: is missing")))
		}
	}
	return errors.Join(all...)
}

func decode(text string) (config, error) {
	c := config{Count: 3, Number: "default"}
	err := conf.Decode("f.yaml", []byte(text), &c)
	return c, err
}

func TestAFileIsReadOverTheDefaults(t *testing.T) {
	c, err := decode("limit: 60m\nzone: London\nwait: 5s\nnumber: 007\ninner: {name: a, warn: [30m]}\nlist:\n  - name: b\n")
	if err != nil {
		t.Fatal(err)
	}
	want := config{
		Shared: Shared{Zone: "London"}, Limit: span(time.Hour), Wait: 5 * time.Second, Count: 3, Number: "007",
		Inner: inner{Name: "a", Warn: []span{span(30 * time.Minute)}}, List: []inner{{Name: "b"}},
	}
	if d := cmp.Diff(want, c); d != "" {
		t.Errorf("Decode (-want +got):\n%s", d)
	}
}

func TestAnEmptyFileLeavesTheDefaults(t *testing.T) {
	for _, text := range []string{"", "\n\n", "# nothing\n", "---\n", "null\n"} {
		if c, err := decode(text); err != nil || c.Count != 3 {
			t.Errorf("Decode(%q) = %+v, %v, want the defaults", text, c, err)
		}
	}
}

func TestEveryProblemIsToldAtOnceWithItsLineAndPath(t *testing.T) {
	_, err := decode(`limit: soon
wait: 60
count: 11
numbr: x
inner:
  name: [a]
  wran: [30m]
  warn:
    - 30m
    - x
list:
  - name: a
  - tags: [b]
on: maybe
on: true
counts: {a: 010}
`)
	want := `f.yaml:1: limit: read duration "soon": want a number and a unit
f.yaml:2: wait: must be a number and a unit, for example 60m, is a number "60"
f.yaml:3: count: must be at most 10, is 11
f.yaml:4: numbr: unknown key, do you mean number?
f.yaml:6: inner.name: must be text, is a list
f.yaml:7: inner.wran: unknown key, do you mean warn?
f.yaml:10: inner.warn[1]: read duration "x": want a number and a unit
f.yaml:13: list[1].name: is missing
f.yaml:15: on: is here twice, first on line 14
f.yaml:16: counts.a: 010: a leading zero could mean an octal number; write 10`
	if err == nil {
		t.Fatal("Decode = nil, want problems")
	}
	if d := cmp.Diff(want, err.Error()); d != "" {
		t.Errorf("problems (-want +got):\n%s", d)
	}
}

func TestWhatIsNotYAMLIsToldWithItsLine(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"a bracket that is open", "count: 1\nlist: [\n", "f.yaml:"},
		{"two documents", "count: 1\n---\ncount: 2\n", "second document"},
		{"a list at the top", "- a\n", "f.yaml:1: must be a mapping, is a list"},
		{"a word at the top", "hello\n", "f.yaml:1: must be a mapping, is text \"hello\""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := decode(tt.text)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Decode(%q) = %v, want it to say %q", tt.text, err, tt.want)
			}
		})
	}
}

func TestNumbersWithALeadingZeroAreRefused(t *testing.T) {
	for _, text := range []string{"count: 010", "count: 08", "count: -07", "count: 0_7", "ratio: 01.5"} {
		if _, err := decode(text); err == nil || !strings.Contains(err.Error(), "leading zero") {
			t.Errorf("Decode(%q) = %v, want it refused for its leading zero", text, err)
		}
	}
	for _, text := range []string{"count: 0", "count: 10", "ratio: 0.5", "number: 010"} {
		if _, err := decode(text); err != nil {
			t.Errorf("Decode(%q) = %v, want it read", text, err)
		}
	}
}

func TestUnderPutsThePathBeforeEachProblem(t *testing.T) {
	err := conf.Under("people", errors.Join(errors.New("[1].role: is empty"), nil, errors.New("no one"), fmt.Errorf("x.y: bad")))
	want := "people[1].role: is empty\npeople: no one\npeople.x.y: bad"
	if err == nil || err.Error() != want {
		t.Errorf("Under = %q, want %q", err, want)
	}
	if err := conf.Under("a", nil); err != nil {
		t.Errorf("Under(nil) = %v, want nil", err)
	}
}

func TestHintsSurviveTheirPath(t *testing.T) {
	_, cause := conf.ReadSecret(filepath.Join(t.TempDir(), "absent"))
	err := conf.Under("people", conf.Under("[0].token_file", cause))
	e, ok := errors.AsType[*conf.SecretError](err)
	if !ok || e.Hint() == "" {
		t.Errorf("Under hides the SecretError and its hint: %v", err)
	}
}

func TestTheLineOfAFieldThatIsAbsentIsThatOfTheNearestAround(t *testing.T) {
	doc, err := conf.Parse("f.yaml", []byte("a: 1\nlist:\n  - name: x\n  - auth:\n      kind: none\nmap:\n  k: 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		path string
		want int
	}{
		{"a", 1}, {"list[0].name", 3}, {"list[1].auth.kind", 5}, {"list[1].auth.token_file", 4}, {"list[7].x", 2},
		{"map[k]", 7}, {"map.k", 7}, {"absent.x", 1}, {"", 1},
	} {
		if got := doc.Line(tt.path); got != tt.want {
			t.Errorf("Line(%q) = %d, want %d", tt.path, got, tt.want)
		}
	}
}

func TestASecretPrintsItselfInNoFormat(t *testing.T) {
	const word = "correct-horse"
	s := conf.NewSecret(word)
	held := struct {
		S conf.Secret
		P *conf.Secret
	}{s, &s}
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		fmt.Fprintf(&out, verb, s)
		fmt.Fprintf(&out, verb, &s)
		fmt.Fprintf(&out, verb, held)
		fmt.Fprintf(&out, verb, []conf.Secret{s})
	}
	for _, v := range []any{s, held, map[string]conf.Secret{"k": s}} {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(b)
		b, err = yaml.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(b)
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "s", s, "held", held)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "s", s, "held", held)
	for _, leak := range []string{word, fmt.Sprintf("%x", word), "99 111 114"} {
		if strings.Contains(strings.ToLower(out.String()), leak) {
			t.Errorf("a format prints %q:\n%s", leak, out.String())
		}
	}
	if s.Reveal() != word {
		t.Errorf("Reveal() = %q, want %q", s.Reveal(), word)
	}
}

func TestASecretEqualsOnlyItself(t *testing.T) {
	s := conf.NewSecret("correct-horse")
	for given, want := range map[string]bool{"correct-horse": true, "correct-hors": false, "correct-horse ": false, "": false} {
		if got := s.Equal(given); got != want {
			t.Errorf("Equal(%q) = %v, want %v", given, got, want)
		}
	}
	if (conf.Secret{}).Equal("") {
		t.Error("a secret that is not set equals the empty word")
	}
}

func TestASecretFile(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(p, mode); err != nil { // whatever the umask
			t.Fatal(err)
		}
		return p
	}
	for _, tt := range []struct {
		name, path, want, refused string
	}{
		{"one newline is not part of it", write("a", "word\n", 0o600), "word", ""},
		{"a second one is", write("b", "word\n\n", 0o600), "word\n", ""},
		{"white space is", write("c", " word ", 0o440), " word ", ""},
		{"a line end of another system is not", write("d", "word\r\n", 0o400), "word", ""},
		{"readable by everybody", write("e", "word", 0o644), "", "everybody on this machine may use it (mode 0644)"},
		{"empty", write("f", "\n", 0o600), "", "is empty"},
		{"far too large", write("g", strings.Repeat("x", 70<<10), 0o600), "", "over 65536 bytes"},
		{"absent", filepath.Join(dir, "h"), "", "no such file"},
		{"a directory", dir, "", "is a directory"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := conf.ReadSecret(tt.path)
			switch {
			case tt.refused == "" && (err != nil || s.Reveal() != tt.want):
				t.Errorf("ReadSecret = %q, %v, want %q", s.Reveal(), err, tt.want)
			case tt.refused != "" && (err == nil || !strings.Contains(err.Error(), tt.refused)):
				t.Errorf("ReadSecret = %v, want it refused: %s", err, tt.refused)
			}
			if err != nil && strings.Contains(err.Error(), "word") {
				t.Errorf("the error holds the secret: %v", err)
			}
		})
	}
}

func TestAFileThatRepeatsItselfIsRefused(t *testing.T) {
	// Each alias is nine of the one before: 9^12 values in a kilobyte.
	var b strings.Builder
	b.WriteString("inner: &a0 {tags: [x, x, x, x, x, x, x, x, x]}\n")
	for i := range 12 {
		fmt.Fprintf(&b, "k%d: &a%d [%s]\n", i, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i), 9), ", "))
	}
	if _, err := decode(b.String()); err == nil {
		t.Error("Decode takes it")
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		"", "a: 1", "limit: 60m\nlist:\n  - name: x\n", "a: &x [*x]", "<<: {count: 1}", "inner: &i {name: a}\nlist: [*i, *i]",
		"? [a]\n: b\n", "count: 010", "a: 1\na: 2", "---\n---\n", "\xff\xfe", "list: [[[[[[[[[[", "!!binary x: y", "counts: {<<: {a: 1}}",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c := config{}
		err := conf.Decode("f.yaml", []byte(text), &c)
		if err != nil && err.Error() == "" {
			t.Errorf("Decode(%q) is refused without a word", text)
		}
	})
}
