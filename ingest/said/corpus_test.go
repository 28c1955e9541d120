package said_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/said"
)

// atLeast is how many cases the corpus holds, so that a lost file cannot pass.
const atLeast = 600

// The corpus is written from how people write; testdata/corpus/README.txt says
// how to read it.
func TestProseReadsTheCorpus(t *testing.T) {
	cases := corpus(t)
	if len(cases) < atLeast {
		t.Fatalf("the corpus holds %d cases, want at least %d", len(cases), atLeast)
	}
	for _, c := range cases {
		t.Run(c.name(), func(t *testing.T) {
			got := said.Prose(c.text, c.anchor)
			var faults []string
			fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
			c.hold(got, fault)
			c.compare(got, fault)
			if faults == nil {
				return
			}
			t.Errorf("%s:%d\n%s\n  receipt %s, sent %s\n%s\n  got %s", c.file, c.line, indent(c.text),
				civil(c.anchor.Receipt), c.anchor.Sent.Format(time.RFC3339), indent(strings.Join(faults, "\n")), shown(c.text, got))
		})
	}
}

// milestones is what may stand before the colon, and of what it is.
var milestones = map[string]incident.Milestone{
	"detected": incident.Detected, "occurred": incident.Occurred, "reported": incident.Reported, "offered": "",
}

// A testCase is one text of the corpus and what must come out of it.
type testCase struct {
	file     string
	line     int
	text     string
	anchor   said.Anchor
	wants    map[incident.Milestone][]want // a milestone that is not in it may be anything
	none     bool                          // nothing at all
	words    string
	fidelity said.Fidelity
}

// A want is one time that must come out.
type want struct {
	line    string
	absent  bool // it may also be missing
	exactly incident.Interval
	holds   []time.Time // instead of exactly
	oneOf   bool
	width   time.Duration // zero: any
	from    time.Time
	until   time.Time
	flags   []incident.Flag
	flagged bool
	plain   bool
}

func (c testCase) name() string {
	text := strings.Join(strings.Fields(c.text), " ")
	if r := []rune(text); len(r) > 60 {
		text = string(r[:60])
	}
	return fmt.Sprintf("%s:%d %s", strings.TrimSuffix(c.file, ".txt"), c.line, strings.ReplaceAll(text, "/", "-"))
}

// hold reports what must be true of any text's sayings and is not.
func (c testCase) hold(got []said.Saying, fault func(string, ...any)) {
	begin := 0
	for _, s := range got {
		switch {
		case s.Words[0] < 0 || s.Words[0] >= s.Words[1] || s.Words[1] > len(c.text):
			fault("words %v are not within the text", s.Words)
			return
		case s.Words[0] < begin:
			fault("words %v stand before those of the saying before", s.Words)
		}
		begin = s.Words[0]
		if !s.Interval.Closed() || !s.Interval.Valid() {
			fault("%s is no closed interval", s.Interval)
		}
		if s.Interval.Latest.After(c.anchor.Receipt) && len(s.Flags) == 0 {
			fault("%s reaches beyond the receipt without a flag", s.Interval)
		}
		if s.Interval.Earliest.After(c.anchor.Sent) && c.anchor.Sent.Before(c.anchor.Receipt) && !c.anchor.Sent.IsZero() && len(s.Flags) == 0 {
			fault("%s begins after the sending without a flag", s.Interval)
		}
		for _, f := range s.Flags {
			if !slices.Contains(incident.Flags(), f) {
				fault("flag %q is not of the closed set", f)
			}
		}
	}
}

// compare reports what the case expects and got does not give.
func (c testCase) compare(got []said.Saying, fault func(string, ...any)) {
	if c.none && len(got) > 0 {
		fault("want no time at all")
		return
	}
	var first *said.Saying
	for _, key := range slices.Sorted(maps.Keys(milestones)) {
		m := milestones[key]
		var of []said.Saying
		for i, s := range got {
			if s.Milestone != m {
				continue
			}
			if first == nil && m == incident.Detected {
				first = &got[i]
			}
			of = append(of, s)
		}
		wants, ok := c.wants[m]
		if (ok || m == incident.Detected) && !matches(wants, of) {
			if len(wants) == 0 {
				fault("want %s: none", key)
			}
			for _, w := range wants {
				fault("want %s: %s", key, w.line)
			}
		}
	}
	if c.fidelity != "" && (first == nil || first.Fidelity != c.fidelity) {
		fault("want the fidelity %s", c.fidelity)
	}
	if c.words != "" && (first == nil || !strings.Contains(c.text[first.Words[0]:first.Words[1]], c.words)) {
		fault("want the words %q", c.words)
	}
}

// matches reports whether got is wants in their order.
func matches(wants []want, got []said.Saying) bool {
	switch {
	case len(wants) == 0:
		return len(got) == 0
	case len(got) > 0 && wants[0].fits(got[0]) && matches(wants[1:], got[1:]):
		return true
	default:
		return wants[0].absent && matches(wants[1:], got)
	}
}

// fits reports whether s is what w asks for.
func (w want) fits(s said.Saying) bool {
	for _, f := range w.flags {
		if !slices.Contains(s.Flags, f) {
			return false
		}
	}
	if w.flagged && len(s.Flags) == 0 || w.plain && len(s.Flags) > 0 {
		return false
	}
	if w.holds == nil {
		return s.Interval == w.exactly
	}
	held := 0
	for _, t := range w.holds {
		if s.Interval.Contains(incident.At(t)) {
			held++
		}
	}
	if held == 0 || held < len(w.holds) && !w.oneOf {
		return false
	}
	if width, closed := s.Interval.Width(); !closed || w.width > 0 && width > w.width {
		return false
	}
	return !s.Interval.Earliest.Before(w.from) && (w.until.IsZero() || !s.Interval.Latest.After(w.until))
}

// corpus reads all cases, and fails the test if a line cannot be read.
func corpus(t *testing.T) []testCase {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "corpus", "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var all []testCase
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		r := reader{file: filepath.Base(path)}
		for line := range strings.SplitSeq(string(b), "\n") {
			r.line++
			if err := r.take(line); err != nil {
				t.Fatalf("%s:%d: %v", r.file, r.line, err)
			}
		}
		if err := r.end(); err != nil {
			t.Fatalf("%s:%d: %v", r.file, r.line, err)
		}
		all = append(all, r.cases...)
	}
	return all
}

// A reader reads one file of the corpus line by line.
type reader struct {
	file  string
	line  int
	mail  said.Anchor // of the blocks that set none
	begun bool        // within a block
	lines []string    // the text of the block
	wants []string    // its expectations, read when receipt and sent are known
	block testCase
	cases []testCase
}

func (r *reader) take(line string) error {
	if strings.HasPrefix(line, "#") {
		return nil
	}
	if line == "" {
		return r.end()
	}
	if !r.begun {
		r.begun, r.lines, r.wants = true, nil, nil
		r.block = testCase{file: r.file, line: r.line, anchor: r.mail, wants: map[incident.Milestone][]want{}}
	}
	key, value, _ := strings.Cut(line, ":")
	value = strings.TrimPrefix(value, " ")
	switch _, ok := milestones[key]; {
	case key == "text":
		r.lines = append(r.lines, value)
	case key == "receipt":
		at, err := weekday(value)
		r.block.anchor = said.Anchor{Receipt: at}
		return err
	case key == "sent":
		return r.sent(value)
	case key == "words":
		r.block.words = value
	case key == "fidelity":
		r.block.fidelity = said.Fidelity(value)
	case line == "none":
		r.block.none = true
	case ok:
		r.wants = append(r.wants, line)
	default:
		return fmt.Errorf("unknown key %q", key)
	}
	return nil
}

// sent reads the Date header, which gives the sender's zone as well.
func (r *reader) sent(value string) error {
	if value == "none" {
		return nil
	}
	at, err := time.Parse("Mon 2006-01-02 15:04:05 -0700", value)
	if err != nil {
		return err
	}
	if at.Format("Mon") != value[:3] {
		return fmt.Errorf("%s is a %s", value, at.Format("Mon"))
	}
	_, offset := at.Zone()
	r.block.anchor.Sent, r.block.anchor.Zoned = at.UTC(), true
	r.block.anchor.Offset = time.Duration(offset) * time.Second
	return nil
}

// end ends the block.
func (r *reader) end() error {
	if !r.begun {
		return nil
	}
	r.begun = false
	c := &r.block
	if r.lines == nil {
		r.mail = c.anchor
		if r.wants != nil || c.none {
			return fmt.Errorf("a block without a text expects something")
		}
		return nil
	}
	c.text = strings.Join(r.lines, "\n")
	switch {
	case c.anchor.Receipt.IsZero():
		return fmt.Errorf("no receipt is set")
	case c.none == (r.wants != nil):
		return fmt.Errorf("want either none or what comes out")
	case !strings.Contains(c.text, c.words):
		return fmt.Errorf("the words do not stand in the text")
	}
	for _, line := range r.wants {
		key, value, _ := strings.Cut(line, ": ")
		m := milestones[key]
		if value == "none" {
			if c.wants[m] != nil {
				return fmt.Errorf("%s: none, and something", key)
			}
			c.wants[m] = []want{}
			continue
		}
		w, err := c.want(value)
		if err != nil {
			return err
		}
		c.wants[m] = append(c.wants[m], w)
	}
	r.cases = append(r.cases, *c)
	return nil
}

// brackets are the flags at the end of an expectation.
var brackets = regexp.MustCompile(` \[([a-z_, ]+)\]$`)

// want reads what stands behind the colon of an expectation.
func (c testCase) want(value string) (w want, err error) {
	w.line = value
	if m := brackets.FindStringSubmatch(value); m != nil {
		value = strings.TrimSuffix(value, m[0])
		for f := range strings.SplitSeq(m[1], ", ") {
			switch {
			case f == "flagged":
				w.flagged = true
			case f == "plain":
				w.plain = true
			case slices.Contains(incident.Flags(), incident.Flag(f)):
				w.flags = append(w.flags, incident.Flag(f))
			default:
				return w, fmt.Errorf("flag %q is not of the closed set", f)
			}
		}
	}
	value, w.absent = strings.CutPrefix(value, "absent or ")
	if instants, ok := strings.CutPrefix(value, "holds "); ok {
		return w, c.holds(&w, instants)
	}
	from, to, ok := strings.Cut(value, " to ")
	if w.exactly, err = c.span(from); err != nil || !ok {
		return w, err
	}
	end, err := c.span(to)
	w.exactly.Latest = end.Latest
	if err == nil && (!w.exactly.Valid() || w.exactly.Latest.After(c.anchor.Receipt)) {
		err = fmt.Errorf("%s does not end before the receipt, or before it begins", value)
	}
	return w, err
}

// holds reads an expectation of bounds into w, and refuses one that nothing
// can fulfil.
func (c testCase) holds(w *want, value string) error {
	parts := strings.Split(value, "; ")
	instants, ok := strings.CutPrefix(parts[0], "one of ")
	w.oneOf = ok
	for s := range strings.SplitSeq(instants, ", ") {
		in, err := c.span(s)
		if err != nil {
			return err
		}
		w.holds = append(w.holds, in.Earliest)
	}
	wide := false
	for _, p := range parts[1:] {
		key, s, _ := strings.Cut(p, " ")
		var in incident.Interval
		var err error
		switch key {
		case "width":
			wide = true
			if s != "any" {
				w.width, err = time.ParseDuration(s)
			}
		case "from":
			in, err = c.span(s)
			w.from = in.Earliest
		case "until":
			in, err = c.span(s)
			w.until = in.Earliest
		default:
			err = fmt.Errorf("unknown bound %q", p)
		}
		if err != nil {
			return err
		}
	}
	least, most := slices.MinFunc(w.holds, time.Time.Compare), slices.MaxFunc(w.holds, time.Time.Compare)
	switch {
	case !wide:
		return fmt.Errorf("%s: no width", value)
	case !w.oneOf && w.width > 0 && most.Sub(least) > w.width:
		return fmt.Errorf("%s: no interval is that narrow", value)
	case least.Before(w.from) || !w.until.IsZero() && most.After(w.until):
		return fmt.Errorf("%s: beyond its own bounds", value)
	case !w.flagged && most.After(c.anchor.Receipt):
		return fmt.Errorf("%s: after the receipt", value)
	}
	return nil
}

// span is the interval that a time of the corpus stands for.
func (c testCase) span(s string) (incident.Interval, error) {
	switch s {
	case "receipt":
		return incident.At(c.anchor.Receipt), nil
	case "sent":
		return incident.At(c.anchor.Sent), nil
	}
	for _, form := range []struct {
		layout string
		unit   time.Duration
	}{{"2006-01-02", 0}, {"2006-01-02 15:04", time.Minute}, {"2006-01-02 15:04:05", time.Second}} {
		if at, err := time.Parse(form.layout+"Z07:00", s); err == nil && form.unit > 0 {
			at = at.UTC()
			return incident.Interval{Earliest: at, Latest: at.Add(max(form.unit-1, 0))}, nil
		}
		at, err := time.ParseInLocation(form.layout, s, incident.London())
		if err != nil {
			continue
		}
		if form.unit == 0 {
			return incident.Interval{Earliest: at.UTC(), Latest: at.AddDate(0, 0, 1).UTC().Add(-1)}, nil
		}
		if at.Format(form.layout) != s {
			return incident.Interval{}, fmt.Errorf("%s is not there in London: name the zone", s)
		}
		for _, d := range []time.Duration{-time.Hour, time.Hour} {
			if at.Add(d).Format(form.layout) == s {
				return incident.Interval{}, fmt.Errorf("%s is there twice in London: name the zone", s)
			}
		}
		return incident.Interval{Earliest: at.UTC(), Latest: at.UTC().Add(form.unit - 1)}, nil
	}
	return incident.Interval{}, fmt.Errorf("cannot read the time %q", s)
}

// weekday reads a time of London, or with its zone, after the name of its day.
func weekday(s string) (time.Time, error) {
	day, rest, _ := strings.Cut(s, " ")
	in, err := testCase{}.span(rest)
	if err == nil && in.Earliest.In(incident.London()).Format("Mon") != day {
		err = fmt.Errorf("%s is a %s", s, in.Earliest.In(incident.London()).Format("Mon"))
	}
	return in.Earliest, err
}

func civil(t time.Time) string {
	return t.In(incident.London()).Format("Mon 2006-01-02 15:04:05.999999999 MST")
}

func indent(s string) string { return "  | " + strings.ReplaceAll(s, "\n", "\n  | ") }

func shown(text string, all []said.Saying) string {
	if len(all) == 0 {
		return "nothing"
	}
	var b strings.Builder
	for _, s := range all {
		words := "?"
		if s.Words[0] >= 0 && s.Words[0] < s.Words[1] && s.Words[1] <= len(text) {
			words = text[s.Words[0]:s.Words[1]]
		}
		fmt.Fprintf(&b, "\n    %q %s to %s %q %s from %q", s.Milestone, civil(s.Interval.Earliest), civil(s.Interval.Latest), s.Flags, s.Fidelity, words)
	}
	return b.String()
}
