package main

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A tracedCall is a system call as strace saw it. strace holds a thread when it
// enters a call and again when it leaves it, and writes the lines in that order;
// so a call whose end stands before the beginning of another was over before
// that one began.
type tracedCall struct {
	Name       string
	On         string // what the file descriptor is: a path, or socket:[number]
	Data       string // what was written
	Begun, End int    // numbers of lines; End is math.MaxInt for a call that never ended
	OK         bool   // it ended without an error
}

var (
	tracedLine  = regexp.MustCompile(`^(\d+) +[\d.]+ (.*)$`)
	resumedLine = regexp.MustCompile(`^<\.\.\. (\w+) resumed>`)
	begunLine   = regexp.MustCompile(`^(\w+)\(\d+<([^>]*)>`)
	endedPart   = regexp.MustCompile(`\)\s+= (-?\d+|\?)[^"]*$`)
)

// parseTrace reads what `strace -f -ttt -y` wrote. It refuses a trace in which a
// string was cut.
func parseTrace(r io.Reader) ([]tracedCall, error) {
	var calls []tracedCall
	open := map[string]int{} // thread to the index of its call
	s := bufio.NewScanner(r)
	s.Buffer(nil, 16<<20)
	for n := 1; s.Scan(); n++ {
		m := tracedLine.FindStringSubmatch(s.Text())
		if m == nil {
			return nil, fmt.Errorf("line %d is not one of strace -f -ttt: %.80q", n, s.Text())
		}
		thread, text := m[1], m[2]
		if strings.HasPrefix(text, "---") || strings.HasPrefix(text, "+++") {
			continue // a signal, an end
		}
		if r := resumedLine.FindStringSubmatch(text); r != nil {
			i, ok := open[thread]
			if !ok || calls[i].Name != r[1] {
				return nil, fmt.Errorf("line %d resumes a call that did not begin", n)
			}
			delete(open, thread)
			calls[i].end(n, text)
			continue
		}
		b := begunLine.FindStringSubmatch(text)
		if b == nil {
			return nil, fmt.Errorf("line %d is no call on a file: %.80q", n, text)
		}
		c := tracedCall{Name: b[1], On: b[2], Begun: n, End: math.MaxInt}
		var err error
		if c.Data, err = quoted(text[len(b[0]):]); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if strings.HasSuffix(text, "<unfinished ...>") {
			open[thread] = len(calls)
		} else {
			c.end(n, text)
		}
		calls = append(calls, c)
	}
	return calls, s.Err()
}

func (c *tracedCall) end(line int, text string) {
	m := endedPart.FindStringSubmatch(text)
	c.End, c.OK = line, m != nil && m[1] != "?" && !strings.HasPrefix(m[1], "-")
}

// quoted returns the strings in s, one after the other, as the bytes they were.
func quoted(s string) (string, error) {
	var b strings.Builder
	for {
		at := strings.IndexByte(s, '"')
		if at < 0 {
			return b.String(), nil
		}
		s = s[at+1:]
		for len(s) > 0 && s[0] != '"' {
			if s[0] != '\\' {
				b.WriteByte(s[0])
				s = s[1:]
				continue
			}
			if len(s) < 2 {
				return "", fmt.Errorf("a string ends in its escape")
			}
			if i := strings.IndexByte(`nrtvf"\`, s[1]); i >= 0 {
				b.WriteByte("\n\r\t\v\f\"\\"[i])
				s = s[2:]
				continue
			}
			n := 1
			for n < 4 && n < len(s) && s[n] >= '0' && s[n] <= '7' {
				n++
			}
			v, err := strconv.ParseUint(s[1:n], 8, 8)
			if err != nil {
				return "", fmt.Errorf("escape %.4q", s)
			}
			b.WriteByte(byte(v))
			s = s[n:]
		}
		if s == "" {
			return "", fmt.Errorf("a string has no end")
		}
		if s = s[1:]; strings.HasPrefix(s, "...") {
			return "", fmt.Errorf("a string was cut: strace -s must be larger")
		}
	}
}

func TestATraceIsReadAsStraceWroteIt(t *testing.T) {
	const text = `71 1.000001 pwrite64(11</srv/x/1.blk>, "\215\2\0001\33\"\\\r\n(5) = 7", 9, 0) = 9
72 1.000002 fsync(11</srv/x/1.blk> <unfinished ...>
71 1.000003 --- SIGURG {si_signo=SIGURG, si_code=SI_TKILL, si_pid=70, si_uid=0} ---
71 1.000004 write(18<socket:[785301]>, "HTTP/1.1 202 Accepted\r\n", 23 <unfinished ...>
72 1.000005 <... fsync resumed>)          = 0
71 1.000006 <... write resumed>)         = -1 EPIPE (Broken pipe)
73 1.000007 writev(18<socket:[785301]>, [{iov_base="a", iov_len=1}, {iov_base="b", iov_len=1}], 2) = 2
73 1.000008 fsync(12</srv/x/2.blk>)           = -1 EIO (Input/output error)
74 1.000009 fsync(12</srv/x/2.blk> <unfinished ...>
70 1.000010 +++ exited with 0 +++
`
	got, err := parseTrace(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	want := []tracedCall{
		{Name: "pwrite64", On: "/srv/x/1.blk", Data: "\x8d\x02\x001\x1b\"\\\r\n(5) = 7", Begun: 1, End: 1, OK: true},
		{Name: "fsync", On: "/srv/x/1.blk", Begun: 2, End: 5, OK: true},
		{Name: "write", On: "socket:[785301]", Data: "HTTP/1.1 202 Accepted\r\n", Begun: 4, End: 6},
		{Name: "writev", On: "socket:[785301]", Data: "ab", Begun: 7, End: 7, OK: true},
		{Name: "fsync", On: "/srv/x/2.blk", Begun: 8, End: 8},
		{Name: "fsync", On: "/srv/x/2.blk", Begun: 9, End: math.MaxInt},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("parseTrace (-want +got):\n%s", d)
	}
	for _, bad := range []string{
		`no line of strace`,
		`71 1.0 <... fsync resumed>) = 0`,
		`71 1.0 write(1</x>, "cut"..., 900) = 900`,
		`71 1.0 write(1</x>, "no end`,
	} {
		if _, err := parseTrace(strings.NewReader(bad)); err == nil {
			t.Errorf("parseTrace took %q", bad)
		}
	}
}

// readTrace reads a trace file.
func readTrace(t *testing.T, path string) []tracedCall {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	calls, err := parseTrace(f)
	if err != nil {
		t.Fatalf("read %s: %v", path, err)
	}
	return calls
}
