package report

import (
	"fmt"
	"io"
	"strings"
)

// WriteWhy prints a derivation: what was claimed and why it belongs here, which
// claim gave each bound, the verdict, and the steps to it.
func WriteWhy(w io.Writer, d *Derivation) error {
	var t text
	t.heading(&d.Incident, d.Asked)
	t.gap("1. What was said, by entry of the record")
	for i := range d.Signals {
		t.signal(&d.Signals[i])
	}
	t.gap("2. The time of each milestone")
	for i := range d.Times {
		x := &d.Times[i]
		t.say(2, "%s", timeWords(&x.Time))
		t.say(4, "not before: %s", gaveWords(x.Earliest))
		t.say(4, "not after: %s", gaveWords(x.Latest))
	}
	for i := range d.Incident.Legs {
		t.say(2, "%s", legWords(&d.Incident.Legs[i]))
	}
	t.gap("3. The clocks")
	if len(d.Clocks) == 0 {
		t.say(2, "none runs: nobody has opened it")
	}
	for i := range d.Clocks {
		t.clock(&d.Clocks[i])
	}
	t.gap("4. Step by step")
	for i := range d.Steps {
		t.step(&d.Steps[i])
	}
	return t.to(w)
}

func (t *text) signal(s *WhySignal) {
	t.raw("")
	what := string(s.Channel)
	if s.Act != nil {
		what = "act " + words(s.Act.Kind)
	}
	head := fmt.Sprintf("#%d  %s, %s", s.Entry, s.Source, what)
	if s.Part > 0 {
		head += fmt.Sprintf(", part %d", s.Part+1)
	}
	t.say(2, "%s", head)
	t.say(4, "receipt %s; trust %s; observer %s; read by %s", on(s.Receipt), trustWords(s), orNone(s.Observer), s.Interpreter)
	t.say(4, "%s", belongs(s))
	if s.Act != nil {
		t.say(4, "%s", actWords(s.Act))
	}
	if s.Withdrawn {
		t.say(4, "taken back: nothing of it counts")
	}
	for _, f := range s.Flags {
		t.say(4, "note: %s", words(f))
	}
	for i := range s.Claims {
		t.say(4, "%s", claimWords(&s.Claims[i]))
	}
}

func trustWords(s *WhySignal) string {
	if s.Arrived != "" {
		return fmt.Sprintf("%s (came as %s)", s.Trust, s.Arrived)
	}
	return orNone(string(s.Trust))
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// belongs says why a signal is in the incident.
func belongs(s *WhySignal) string {
	text := words(s.Kind)
	if s.Why != "" {
		text += ": " + words(s.Why)
	}
	var shares []string
	for _, k := range s.Shares {
		switch {
		case k.Ref != "":
			shares = append(shares, fmt.Sprintf("names %s", k.Ref))
		default:
			shares = append(shares, fmt.Sprintf("shares %s with %s", words(k.Kind), numbers(k.With)))
		}
	}
	if len(shares) > 0 {
		text += "; " + strings.Join(shares, ", ")
	}
	if s.Moved != 0 {
		text += fmt.Sprintf("; came from %s by entry %d", s.From, s.Moved)
	}
	return text
}

// numbers lists entries, of many only the first few.
func numbers(of []uint64) string {
	const most = 6
	var s []string
	for i, n := range of {
		if i == most {
			s = append(s, fmt.Sprintf("%d more", len(of)-most))
			break
		}
		s = append(s, fmt.Sprintf("#%d", n))
	}
	return strings.Join(s, ", ")
}

func actWords(a *WhyAct) string {
	s := fmt.Sprintf("by %s (%s)", a.Author, a.Role)
	if a.Signal != 0 {
		s += fmt.Sprintf(", upon #%d", a.Signal)
	}
	if a.Other != "" {
		s += ", with " + string(a.Other)
	}
	if a.Milestone != "" {
		s += ", " + words(a.Milestone)
	}
	if a.Interval.Known() {
		s += " " + span(a.Interval)
	}
	if a.Reason != "" {
		s += ", reason " + words(a.Reason)
	}
	return s
}

func claimWords(c *WhyClaim) string {
	s := fmt.Sprintf("claims %s %s: %s", words(c.Milestone), span(c.Interval), c.Basis)
	if c.Receiver {
		s += " by the receiver"
	}
	if c.Observer != "" {
		s += " by observer " + c.Observer
	}
	if c.Words != [2]int{} {
		s += fmt.Sprintf(", bytes %d to %d", c.Words[0], c.Words[1])
	}
	switch {
	case c.Void != "":
		s += "; does not count: " + words(c.Void)
	case c.SetAside != "":
		s += "; set aside: " + words(c.SetAside)
	default:
		s += "; " + string(c.Weight)
	}
	switch c.Gives {
	case "both":
		s += ", gives both bounds"
	case "earliest", "latest":
		s += ", gives the " + c.Gives + " bound"
	}
	for _, f := range c.Flags {
		s += "; " + words(f)
	}
	return s
}

func gaveWords(b WhyBound) string {
	switch b.Gave {
	case gaveOpen:
		return "not known"
	case gaveTold:
		return fmt.Sprintf("%s, because #%d tells of it, and nobody tells of what nobody detected", on(b.At), b.Entry)
	case gaveCorrection:
		return fmt.Sprintf("%s, corrected by #%d", on(b.At), b.Entry)
	case gaveDetected:
		return on(b.At) + ", because nobody is aware before detection"
	default:
		if b.Entry == 0 {
			return on(b.At)
		}
		return fmt.Sprintf("%s, claimed by #%d", on(b.At), b.Entry)
	}
}

func (t *text) clock(c *WhyClock) {
	t.raw("")
	head := clockHeading(&c.RowClock)
	if c.Version != "" {
		head += ", version from " + string(c.Version)
	}
	t.say(2, "%s", head)
	if c.From != "" {
		t.say(4, "from %s to %s within %s", words(c.From), words(c.To), length(c.Limit.D()))
	}
	t.say(4, "start %s", span(c.Start))
	t.say(4, "stop %s", span(c.Stop))
	if c.Shortest != nil {
		t.say(4, "shortest %s", length(c.Shortest.D()))
	}
	if c.Longest != nil {
		t.say(4, "longest %s", length(c.Longest.D()))
	}
	t.say(4, "%s: %s", words(c.Row), c.Because)
	t.limits(4, &c.RowClock)
	t.alerts(4, &c.RowClock)
	if c.Legal != "" {
		t.say(4, "source: %s", c.Legal)
	}
}

func (t *text) step(s *WhyStep) {
	line := fmt.Sprintf("#%d  %s  %s", s.Entry, on(s.At), words(s.Kind))
	if s.Why != "" {
		line += ", " + words(s.Why)
	}
	if s.Ref != "" {
		line += ", " + string(s.Ref)
	}
	if s.From != "" {
		line += ", from " + string(s.From)
	}
	t.say(2, "%s", line)
	for _, x := range s.States {
		from := "new"
		if x.From != "" {
			from = words(x.From)
		}
		doubt := ""
		if x.Doubt != "" {
			doubt = " (" + words(x.Doubt) + ")"
		}
		t.say(6, "%s: %s, now %s%s", shown(x.Policy), from, words(x.To), doubt)
	}
	for _, a := range s.Alerts {
		why := ""
		if a.Why != "" && string(a.Why) != string(a.State) {
			why = " (" + words(a.Why) + ")"
		}
		t.say(6, "alert %s %s%s", a.ID, words(a.State), why)
	}
}
