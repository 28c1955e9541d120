package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/pipeline/ledger"
)

// A page is docs/verify.md as an outsider uses it.
type page struct {
	text string
	bin  string // all the programs that there are
}

func verifyPage(t *testing.T) page {
	t.Helper()
	b, err := os.ReadFile("../../docs/verify.md")
	if err != nil {
		t.Fatal(err)
	}
	return page{string(b), coreutilsAndPython(t)}
}

// coreutilsAndPython makes a directory with the programs that the page asks for
// and no other.
func coreutilsAndPython(t *testing.T) string {
	t.Helper()
	bin := t.TempDir()
	python, err := exec.CommandContext(t.Context(), "python3", "-c", "import sys; print(sys.executable)").Output()
	if err != nil {
		t.Fatalf("find python3, which deploy/test/install.sh installs: %v", err)
	}
	programs := map[string]string{"python3": strings.TrimSpace(string(python))}
	for _, name := range []string{"sha256sum", "head", "tail", "tr", "cut", "cat", "basenc", "printf"} {
		if programs[name], err = exec.LookPath(name); err != nil {
			t.Fatal(err)
		}
	}
	for name, path := range programs {
		if err := os.Symlink(path, filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	return bin
}

// blocks returns what stands between the fences of a language, in order.
func (p page) blocks(language string) []string {
	var all []string
	rest := p.text
	for {
		_, after, ok := strings.Cut(rest, "\n```"+language+"\n")
		if !ok {
			return all
		}
		block, more, _ := strings.Cut(after, "\n```")
		all, rest = append(all, block+"\n"), more
	}
}

// block returns the one block of a language that has a word.
func (p page) block(t *testing.T, language, word string) string {
	t.Helper()
	var found []string
	for _, b := range p.blocks(language) {
		if strings.Contains(b, word) {
			found = append(found, b)
		}
	}
	if len(found) != 1 {
		t.Fatalf("the page has %d blocks of %s with %q, want one", len(found), language, word)
	}
	return found[0]
}

// run runs a block in dir, with nothing but these variables and the programs.
func (p page) run(t *testing.T, dir, block string, env ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-eu", "-c", block)
	cmd.Dir = dir
	cmd.Env = append(env, "PATH="+p.bin)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestTheScriptHasAtMostTwentyLines(t *testing.T) {
	t.Parallel() // it mostly waits
	script := verifyPage(t).block(t, "python", "hashlib")
	if n := strings.Count(script, "\n"); n > 20 {
		t.Errorf("it has %d lines, want at most 20", n)
	}
}

// TestAnOutsiderVerifiesAnExport does what docs/verify.md says, in an empty
// directory, with nothing but coreutils and python3, to an export of a real
// store and to ones that were tampered with.
func TestAnOutsiderVerifiesAnExport(t *testing.T) {
	t.Parallel() // it mostly waits
	p := verifyPage(t)
	from, _ := runsOf(t, 300*time.Millisecond)
	dir := t.TempDir()
	_, words, err := prompt(t, from, "export", "-o", filepath.Join(dir, "record.jsonl"))
	if err != nil {
		t.Fatalf("export: %v\n%s", err, words)
	}
	var n, hash string
	if _, err := fmt.Sscanf(strings.ReplaceAll(words, ";", ""), "exported %s entries the last has hash %s", &n, &hash); err != nil {
		t.Fatalf("export says %q: %v", words, err)
	}
	good, err := os.ReadFile(filepath.Join(dir, "record.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "verify.py"), []byte(p.block(t, "python", "hashlib")), 0o600); err != nil {
		t.Fatal(err)
	}
	command := p.block(t, "sh", "verify.py")
	head := []string{"N=" + n, "HASH=" + hash}
	if out, err := p.run(t, dir, command, head...); err != nil || out != fmt.Sprintf("%s entries; the last has hash %s\n", n, hash) {
		t.Fatalf("of the export as it is: %v\n%s", err, out)
	}
	lines := bytes.SplitAfter(good, []byte("\n"))
	lines = lines[:len(lines)-1]

	t.Run("an older head is verified too", func(t *testing.T) {
		k := len(lines) / 2
		sum := incident.HashOf(bytes.TrimSuffix(lines[k-1], []byte("\n")))
		if out, err := p.run(t, dir, command, fmt.Sprintf("N=%d", k), "HASH="+sum.String()); err != nil {
			t.Errorf("with the head of entry %d: %v\n%s", k, err, out)
		}
	})
	t.Run("one link by hand", func(t *testing.T) {
		for _, k := range []int{1, 2, len(lines) - 1} {
			out, err := p.run(t, dir, p.block(t, "sh", "$K"), fmt.Sprintf("K=%d", k))
			if two := strings.Fields(out); err != nil || len(two) != 2 || two[0] != two[1] || len(two[0]) != 64 {
				t.Errorf("line %d: %v\n%s", k, err, out)
			}
		}
		out, err := p.run(t, dir, p.block(t, "sh", "tail -n 1 record.jsonl | tr"))
		if err != nil || strings.TrimSpace(out) != hash {
			t.Errorf("the last line: %v, %s, want %s", err, out, hash)
		}
	})
	t.Run("what was tampered with", func(t *testing.T) {
		// The first entries are an export too, with the head that there was then.
		some := lines[:60]
		sum := incident.HashOf(bytes.TrimSuffix(some[len(some)-1], []byte("\n")))
		v := verifier{t: t, page: p, dir: t.TempDir(), env: []string{fmt.Sprintf("N=%d", len(some)), "HASH=" + sum.String()}}
		v.tamper(some, otherRecord(t))
		v.settle(dir, command)
	})
}

// otherRecord is the export of another store.
func otherRecord(t *testing.T) [][]byte {
	t.Helper()
	s := newShelf(t)
	s.fill(30)
	var b bytes.Buffer
	if _, err := exportStore(t.Context(), s.store, &b); err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(b.Bytes(), []byte("\n"))
	return lines[:len(lines)-1]
}

// A verifier collects exports that should not verify, and runs the page's
// command on some and its script on all.
type verifier struct {
	t    *testing.T
	page page
	env  []string // what the command is run with
	dir  string   // holds a file for each
	what []string
}

func (v *verifier) fails(what string, export []byte) {
	v.t.Helper()
	if err := os.WriteFile(filepath.Join(v.dir, fmt.Sprintf("%04d", len(v.what))), export, 0o600); err != nil {
		v.t.Fatal(err)
	}
	v.what = append(v.what, what)
}

// allInOne runs a script on every file of a directory in one process: to start
// Python takes longer than the script.
const allInOne = `
import contextlib, io, os, runpy, sys
script, directory, n, hash = sys.argv[1:]
for name in sorted(os.listdir(directory)):
    sys.argv = [script, os.path.join(directory, name), n, hash]
    code = 0
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            runpy.run_path(script, run_name="__main__")
    except SystemExit as e:
        code = 1 if isinstance(e.code, str) else e.code
    except Exception as e:
        code = repr(e)
    print(name, code)
`

// settle runs them.
func (v *verifier) settle(dir, command string) {
	v.t.Helper()
	var want strings.Builder
	for i, what := range v.what {
		fmt.Fprintf(&want, "%04d 1\n", i)
		if i%20 != 0 {
			continue
		}
		export, err := os.ReadFile(filepath.Join(v.dir, fmt.Sprintf("%04d", i)))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "record.jsonl"), export, 0o600)
		}
		if err != nil {
			v.t.Fatal(err)
		}
		out, err := v.page.run(v.t, dir, command, v.env...)
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok || exit.ExitCode() != 1 || strings.Contains(out, "Traceback") {
			v.t.Errorf("%s: the command says %v\n%s", what, err, out)
		}
	}
	args := []string{"-c", allInOne, filepath.Join(dir, "verify.py"), v.dir}
	for _, e := range v.env {
		_, value, _ := strings.Cut(e, "=")
		args = append(args, value)
	}
	out, err := exec.CommandContext(v.t.Context(), filepath.Join(v.page.bin, "python3"), args...).CombinedOutput()
	if err != nil {
		v.t.Fatalf("run the script: %v\n%s", err, out)
	}
	got := strings.Split(string(out), "\n")
	for i, line := range strings.Split(want.String(), "\n") {
		if i >= len(got) || got[i] != line {
			v.t.Errorf("%s: the script ends with %q, want %q", v.what[min(i, len(v.what)-1)], got[min(i, len(got)-1)], line)
		}
	}
}

// tamper changes the record in every way that the page speaks of.
func (v *verifier) tamper(lines, other [][]byte) {
	v.t.Helper()
	seed := uint64(time.Now().UnixNano())
	v.t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	with := func(change func(ls [][]byte) [][]byte) []byte {
		ls := make([][]byte, len(lines))
		for i := range lines {
			ls[i] = bytes.Clone(lines[i])
		}
		return bytes.Join(change(ls), nil)
	}
	flip := func(i, at int, bit byte) {
		v.fails(fmt.Sprintf("line %d of %d, byte %d of %d flipped by %#x", i+1, len(lines), at, len(lines[i]), bit),
			with(func(ls [][]byte) [][]byte { ls[i][at] ^= bit; return ls }))
	}
	// Each field of the first, the second and the last entry, at its name and
	// in its value; then bytes anywhere.
	for _, i := range []int{0, 1, len(lines) - 1} {
		for at, c := range lines[i] {
			if c == ':' {
				flip(i, at-2, 1)
				flip(i, at+2, 1)
			}
		}
		flip(i, len(lines[i])-1, 1) // its newline
	}
	for range 300 {
		i := r.IntN(len(lines))
		flip(i, r.IntN(len(lines[i])), 1<<r.IntN(8))
	}
	for range 10 {
		i, k := r.IntN(len(lines)), r.IntN(len(lines)-1)
		v.fails(fmt.Sprintf("line %d removed", i+1), with(func(ls [][]byte) [][]byte { return append(ls[:i], ls[i+1:]...) }))
		v.fails(fmt.Sprintf("line %d doubled", i+1), with(func(ls [][]byte) [][]byte {
			return append(append(bytesOf(ls[:i+1]), ls[i]), ls[i+1:]...)
		}))
		v.fails(fmt.Sprintf("lines %d and %d swapped", k+1, k+2), with(func(ls [][]byte) [][]byte {
			ls[k], ls[k+1] = ls[k+1], ls[k]
			return ls
		}))
		v.fails(fmt.Sprintf("line %d of another record", k%len(other)+1), with(func(ls [][]byte) [][]byte {
			ls[k%len(other)] = other[k%len(other)]
			return ls
		}))
	}
	v.fails("another record", bytes.Join(other, nil))
	v.fails("another record, then this", append(bytes.Join(other, nil), bytes.Join(lines, nil)...))
	v.fails("this record's end after another's beginning", with(func(ls [][]byte) [][]byte { copy(ls, other); return ls }))
	v.fails("the last line cut off", with(func(ls [][]byte) [][]byte { return ls[:len(ls)-1] }))
	v.fails("half of it cut off", with(func(ls [][]byte) [][]byte { return ls[:len(ls)/2] }))
	v.fails("nothing", nil)
	v.fails("no newline at its end", bytes.TrimSuffix(bytes.Join(lines, nil), []byte("\n")))
	v.fails("made anew without its second entry", remade(v.t, lines))
	v.t.Logf("%d exports that were tampered with", len(v.what))
}

func bytesOf(ls [][]byte) [][]byte { return append([][]byte(nil), ls...) }

// remade is the record with its second entry left out and all after it chained
// anew, as whoever can write the whole of it could.
func remade(t *testing.T, lines [][]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	var prev incident.Hash
	n := uint64(0)
	for i, line := range lines {
		if i == 1 {
			continue
		}
		e, err := ledger.Decode(bytes.TrimSuffix(line, []byte("\n")))
		if err != nil {
			t.Fatal(err)
		}
		n++
		e.N, e.Prev = n, prev
		text := ledger.Encode(nil, &e)
		prev = incident.HashOf(text)
		out.Write(append(text, '\n'))
	}
	if r, err := ledger.VerifyLines(bytes.NewReader(out.Bytes())); err == nil && r.Entries != n {
		t.Fatalf("what was made anew has %d entries, want %d", r.Entries, n)
	}
	return out.Bytes()
}

// TestAnOutsiderVerifiesOneSignal does by hand what docs/verify.md says of one
// signal: from a backup, with what the export says of it.
func TestAnOutsiderVerifiesOneSignal(t *testing.T) {
	t.Parallel() // it mostly waits
	p := verifyPage(t)
	s := newShelf(t)
	s.fill(40)
	dir := t.TempDir()
	if _, err := backupStore(t.Context(), s.store, shelfOptions(s, filepath.Join(dir, "backup"))); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(
		os.Rename(filepath.Join(dir, "backup", "signals.messages"), filepath.Join(dir, "signals.messages")),
		os.WriteFile(filepath.Join(dir, "show.py"), []byte(p.block(t, "python", `open("salt"`)), 0o600),
	); err != nil {
		t.Fatal(err)
	}
	var record bytes.Buffer
	if _, err := exportStore(t.Context(), s.store, &record); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for i, line := range bytes.Split(bytes.TrimSpace(record.Bytes()), []byte("\n")) {
		var e struct {
			Signal struct {
				Commit string
				Pos    [2]int
			}
		}
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		if e.Signal.Commit == "" || i%7 != 0 {
			continue
		}
		seen++
		if out, err := p.run(t, dir, p.block(t, "sh", "show.py"), fmt.Sprintf("SEQ=%d", e.Signal.Pos[0]), fmt.Sprintf("INDEX=%d", e.Signal.Pos[1])); err != nil {
			t.Fatalf("show: %v\n%s", err, out)
		}
		raw, err := os.ReadFile(filepath.Join(dir, "raw"))
		if want := fmt.Sprintf("signal %d of the shelf", i); err != nil || string(raw) != want {
			t.Fatalf("entry %d: raw is %q, %v, want %q", i+1, raw, err, want)
		}
		out, err := p.run(t, dir, p.block(t, "sh", "$COMMIT"), "COMMIT="+e.Signal.Commit)
		if two := strings.Fields(out); err != nil || len(two) != 2 || two[0] != two[1] {
			t.Errorf("entry %d: %v\n%s", i+1, err, out)
		}
		if err := os.WriteFile(filepath.Join(dir, "raw"), append(raw, '.'), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err = p.run(t, dir, p.block(t, "sh", "$COMMIT"), "COMMIT="+e.Signal.Commit)
		if two := strings.Fields(out); err != nil || len(two) != 2 || two[0] == two[1] {
			t.Errorf("entry %d with other bytes: %v\n%s", i+1, err, out)
		}
	}
	if seen < 3 {
		t.Errorf("only %d signals were looked at", seen)
	}
}
