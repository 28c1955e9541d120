package webhook

import (
	"encoding/json"
	"strings"
	"testing"
)

// documents are seeds: what is a document, and what is nearly one.
func documents() []string {
	return []string{
		`{}`, `[]`, `""`, `0`, `-0`, `-0.5e+10`, `1E9`, `true`, `false`, `null`, ` {"a" : [1, {"b":"\u00e9\n\\\""}, null] } `, "\"\xff\"",
		``, ` `, `{`, `}`, `[,]`, `[1,]`, `{,}`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{a:1}`, `{"a":1 "b":2}`, `[1 2]`, `01`, `-`, `1.`, `.5`, `1e`, `1e+`, `+1`,
		`"`, `"\`, `"\u12`, `"\u12g4"`, `"\x"`, "\"\x01\"", `tru`, `truex`, `nul`, `{}{}`, `[]]`, "\x00", "[1]\x00", "\ufeff{}",
	}
}

func TestADocumentIsWhatTheStandardLibraryTakes(t *testing.T) {
	for _, s := range documents() {
		if got, deep := check([]byte(s), 10); got != json.Valid([]byte(s)) || deep {
			t.Errorf("check(%q) = %v, deep %v, want %v", s, got, deep, json.Valid([]byte(s)))
		}
	}
}

func TestDepthIsCounted(t *testing.T) {
	for _, tt := range []struct {
		s        string
		ok, deep bool
	}{
		{strings.Repeat("[", 10) + strings.Repeat("]", 10), true, false},
		{strings.Repeat("[", 11) + strings.Repeat("]", 11), false, true},
		{strings.Repeat(`{"a":`, 11) + "1" + strings.Repeat("}", 11), false, true},
		{"[" + strings.Repeat("[[[]]],", 50) + "{}]", true, false},
		{`"` + strings.Repeat("[", 50) + `"`, true, false},
	} {
		if ok, deep := check([]byte(tt.s), 10); ok != tt.ok || deep != tt.deep {
			t.Errorf("check(%.40q) = %v, %v, want %v, %v", tt.s, ok, deep, tt.ok, tt.deep)
		}
	}
}

func FuzzCheck(f *testing.F) {
	for _, s := range documents() {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		ok, deep := check(b, 50)
		if deep {
			if ok {
				t.Errorf("check(%q) = true and too deep", b)
			}
			return
		}
		if want := json.Valid(b); ok != want {
			t.Errorf("check(%q) = %v, encoding/json says %v", b, ok, want)
		}
		if !ok {
			return
		}
		// What is a document can be walked to its end.
		c := cursor{b: b}
		c.skip()
		if c.space() != 0 || c.i != len(b) {
			t.Errorf("skip stopped at %d of %q", c.i, b)
		}
	})
}
