package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// A Sheet is a part of a report in words: what every form that people read is
// made of. Nothing is computed behind it.
type Sheet struct {
	Heading string
	Level   int      // 1 for the report, 2 for a policy, 3 for a figure
	Text    []string // paragraphs
	Table   *Table   // nil where there is none
	List    []string
	// Foot says what the figure is and how it is counted.
	Foot []string
}

// A Table has a head and rows of as many cells. Numbers are text already.
type Table struct {
	Caption string
	Head    []string
	Rows    [][]string
}

// MonthWords returns m as people write it. Example: "November 2026"
func MonthWords(m incident.Month) string {
	from, _ := m.Bounds()
	return from.In(incident.London()).Format("January 2006")
}

// Sheets returns the report in words, times in London. outside says that it is
// meant to leave the department: then a number under five is "fewer than 5", and
// no incident is named.
func (r *Report) Sheets(outside bool) []Sheet {
	w := wording{r: r, outside: outside}
	w.cover()
	for i := range r.Policies {
		w.policy(&r.Policies[i])
	}
	w.data()
	return w.sheets
}

// A wording puts figures into words.
type wording struct {
	r       *Report
	outside bool
	sheets  []Sheet
}

func (w *wording) add(s Sheet) { w.sheets = append(w.sheets, s) }

// number returns n as it may be told.
func (w *wording) number(n int) string {
	if w.outside && n < fewestOutside {
		return fewer
	}
	return thousands(n)
}

// fewestOutside is the least number that leaves the department as it is.
const (
	fewestOutside = 5
	fewer         = "fewer than 5"
)

// thousands returns n with commas. Example: "12,400"
func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func percent(x float64) string {
	return strings.TrimSuffix(fmt.Sprintf("%.1f", 100*x), ".0") + "%"
}

// foot returns what stands under a figure.
func foot[T any](f *Figure[T]) []string {
	out := []string{"What it is: " + f.Definition, "How it is counted: " + f.Counting}
	if f.Policy != "" && len(f.Versions) > 0 {
		var from []string
		for _, v := range f.Versions {
			from = append(from, dayWords(v))
		}
		out = append(out, "Policy "+shown(f.Policy)+", "+plural(len(from), "version", "versions")+" from "+and(from)+".")
	}
	return out
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

func and(s []string) string {
	if len(s) < 2 {
		return strings.Join(s, "")
	}
	return strings.Join(s[:len(s)-1], ", ") + " and " + s[len(s)-1]
}

func dayWords(d incident.Date) string {
	t, err := d.Start()
	if err != nil {
		return string(d)
	}
	return t.In(incident.London()).Format("2 January 2006")
}

func (w *wording) cover() {
	r := w.r
	s := Sheet{Heading: "How promptly incidents were reported, " + MonthWords(r.Month), Level: 1}
	if r.KnownAt.IsZero() {
		s.Text = append(s.Text, "Nothing is on record.")
	} else {
		s.Text = append(s.Text, fmt.Sprintf("By what was known at %s, after %s.", on(r.KnownAt), count(int(r.Entries), "entry", "entries")))
	}
	standing := "Provisional: this month has not been published."
	if !r.Over {
		standing = "Provisional: by what was known, this month was not over."
	}
	s.Text = append(s.Text, standing)
	s.Text = append(s.Text, r.Statements...)
	w.add(s)
}

func (w *wording) policy(p *PolicyMonth) {
	s := Sheet{Heading: shown(p.Policy), Level: 2}
	if p.Title != "" && p.Title != shown(p.Policy) {
		s.Heading += ": " + p.Title
	}
	for _, v := range p.Versions {
		line := fmt.Sprintf("From %s: %s from %s to %s.", dayWords(v.From), length(v.Limit.D()), words(v.Start), words(v.Stop))
		if v.Legal != "" {
			line += " Source: " + v.Legal + "."
		}
		s.Text = append(s.Text, line)
	}
	w.add(s)
	w.counts(p)
	w.share(p)
	w.delays(p)
	w.legs(p)
	w.parts(p)
	w.earlier(p)
	w.late(p)
	w.known(p)
	w.hands(p)
	w.thresholds(p)
	w.questions(p)
}

func (w *wording) counts(p *PolicyMonth) {
	c := &p.Counts.Value
	t := &Table{Caption: "Incidents by state", Head: []string{"State", "Incidents", "Of these"}}
	for _, s := range []incident.State{incident.Met, incident.Breached, incident.Overdue, incident.Undetermined,
		incident.Unmeasured, incident.Waiting, incident.Running, incident.Excluded} {
		var of []string
		switch s {
		case incident.Undetermined:
			for _, d := range append(Doubts(), DoubtMayBeOver) {
				if n := c.Doubts[d]; n > 0 {
					of = append(of, w.number(n)+" "+doubtWords(d))
				}
			}
		case incident.Excluded:
			for _, would := range incident.States() {
				if n := c.Would[would]; n > 0 {
					of = append(of, w.number(n)+" would be "+words(would))
				}
			}
		default:
		}
		t.Rows = append(t.Rows, []string{words(s), w.number(c.States[s]), strings.Join(of, ", ")})
	}
	t.Rows = append(t.Rows, []string{"candidates", w.number(w.r.Candidates.Value), "nobody has judged them; no clock runs"})
	w.add(Sheet{Heading: "Incidents", Level: 3, Table: t, Foot: foot(&p.Counts)})
}

func doubtWords(d incident.Doubt) string {
	switch d {
	case incident.DoubtStraddles:
		return "limit within the bounds"
	case incident.DoubtWeak:
		return "weak time"
	case incident.DoubtSecondPerson:
		return "waits for a second person"
	case DoubtUnconfirmed:
		return "report unconfirmed"
	case DoubtMayBeOver:
		return "runs and may be over"
	default:
		return words(d)
	}
}

// shareWords says a share. Example: "between 90% (18 of 20) and 95% (19 of 20)"
func (w *wording) shareWords(s MonthShare) string {
	switch {
	case s.N == 0:
		return "no incident to tell it of"
	case w.outside:
		return w.shortShare(s)
	}
	low, high := fmt.Sprintf("%s of %s", thousands(s.Met), thousands(s.N)), fmt.Sprintf("%s of %s", thousands(s.Met+s.Undetermined), thousands(s.N))
	if s.From != nil {
		low, high = percent(*s.From)+" ("+low+")", percent(*s.To)+" ("+high+")"
	}
	if low == high {
		return low
	}
	return "between " + low + " and " + high
}

// outsideShare says a share so that no number under five can be reckoned from it.
func (w *wording) outsideShare(s MonthShare) string {
	whole := func(x float64) string { return fmt.Sprintf("%.0f%%", 100*x) }
	switch of := " of " + w.number(s.N); {
	case s.N < fewestOutside || s.Met < fewestOutside:
		return fewer + of
	case s.N-s.Met < fewestOutside:
		return "all but " + fewer + of
	case s.From == nil:
		return "not told of so few"
	case s.Undetermined < fewestOutside || s.N-s.Met-s.Undetermined < fewestOutside:
		return "at least " + whole(*s.From) + of
	default:
		return whole(*s.From) + " to " + whole(*s.To) + of
	}
}

func (w *wording) share(p *PolicyMonth) {
	v := p.Share.Value
	s := Sheet{Heading: "Reported within the limit", Level: 3, Foot: foot(&p.Share)}
	s.Text = append(s.Text, capital(w.shareWords(v))+".")
	switch {
	case v.From == nil && v.N > 0:
		s.Text = append(s.Text, fmt.Sprintf("N is under %d: a number, not a rate.", FewestForRate))
	case v.From != nil && !w.outside:
		text := fmt.Sprintf("Interval at 95%%: %s to %s", percent(v.FromInterval[0]), percent(v.FromInterval[1]))
		if v.Undetermined > 0 {
			text += fmt.Sprintf(" for the lower end, %s to %s for the upper", percent(v.ToInterval[0]), percent(v.ToInterval[1]))
		}
		s.Text = append(s.Text, text+".")
	}
	c := p.Counts.Value.States
	s.Text = append(s.Text, fmt.Sprintf("Beside them: %s unmeasured, %s waiting, %s running, %s excluded, %s candidates.", w.number(c[incident.Unmeasured]),
		w.number(c[incident.Waiting]), w.number(c[incident.Running]), w.number(c[incident.Excluded]), w.number(w.r.Candidates.Value)))
	w.add(s)
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// rangeWords says a range to the minute: its lower bound rounded down, its upper
// one up, so that both stay true. Example: "between 20 minutes and 25 minutes"
func rangeWords(r *Range) string {
	if r == nil {
		return "not told of so few"
	}
	from := r.From.D().Truncate(time.Minute)
	switch {
	case r.To == nil && from == 0:
		return "not known"
	case r.To == nil:
		return "at least " + length(from)
	case *r.To == r.From && from == r.From.D():
		return length(from)
	}
	to := r.To.D().Truncate(time.Minute)
	if to < r.To.D() {
		to += time.Minute
	}
	return "between " + length(from) + " and " + length(to)
}

func spreadRows(name string, s *Spread) [][]string {
	if s.N == 0 {
		return nil
	}
	return [][]string{
		{name + "median", rangeWords(s.Median)},
		{name + "90th percentile", rangeWords(s.P90)},
		{name + "longest", rangeWords(s.Longest)},
	}
}

func (w *wording) delays(p *PolicyMonth) {
	s := Sheet{Heading: "How long it took", Level: 3, Foot: foot(&p.Delays)}
	v := &p.Delays.Value
	if v.N == 0 {
		s.Text = append(s.Text, "No incident to tell it of.")
		w.add(s)
		return
	}
	s.Table = &Table{Caption: "Delays of " + w.number(v.N) + " incidents", Head: []string{"Of " + w.number(v.N), "Delay"}, Rows: spreadRows("", v)}
	w.add(s)
	d := Sheet{Heading: "How many within which time", Level: 3, Foot: foot(&p.Distribution)}
	d.Table = &Table{Caption: "Incidents within a time", Head: []string{"Within", "Surely", "Possibly"}}
	for _, x := range p.Distribution.Value {
		d.Table.Rows = append(d.Table.Rows, []string{length(x.After.D()), w.number(x.Surely), w.number(x.Possibly)})
	}
	w.add(d)
}

func (w *wording) legs(p *PolicyMonth) {
	if p.Legs == nil {
		return
	}
	v := &p.Legs.Value
	s := Sheet{Heading: "By way of the service desk", Level: 3, Foot: foot(p.Legs)}
	if v.Desk.N == 0 && !w.outside {
		s.Text = append(s.Text, "No report came by way of the desk with a time that the desk recorded.")
	} else {
		s.Text = append(s.Text, fmt.Sprintf("%s came by way of the desk.", capital(countOf(w, v.Desk.N, "report", "reports"))))
		s.Table = &Table{Caption: "Legs", Head: []string{"Leg", "Delay"},
			Rows: append(spreadRows("to the desk, ", &v.Desk), spreadRows("desk to team, ", &v.Team)...)}
	}
	s.Text = append(s.Text, "First told anyone within the limit: "+w.shareWords(v.FirstTold)+".")
	w.add(s)
}

func countOf(w *wording, n int, one, many string) string {
	return w.number(n) + " " + plural(n, one, many)
}

func (w *wording) parts(p *PolicyMonth) {
	for i := range p.Parts {
		f := &p.Parts[i]
		s := Sheet{Heading: "By " + propertyWords(f.Value.Property), Level: 3}
		if len(f.Value.Parts) == 0 {
			s.Text = append(s.Text, "No incident to tell it of.")
		} else {
			s.Table = &Table{Caption: s.Heading, Head: []string{capital(propertyWords(f.Value.Property)), "Met", "Late", "Undet.", "Other", "Within the limit"}}
			if w.outside {
				s.Table.Head = slices.Delete(s.Table.Head, 3, 5)
			}
		}
		for _, x := range f.Value.Parts {
			late := x.States[incident.Breached] + x.States[incident.Overdue]
			other := x.States[incident.Unmeasured] + x.States[incident.Waiting] + x.States[incident.Running] + x.States[incident.Excluded]
			row := []string{x.Value, w.number(x.States[incident.Met]), w.number(late),
				w.number(x.States[incident.Undetermined]), w.number(other), w.shortShare(x.Share)}
			if w.outside { // two columns less: the words take their room
				row = slices.Delete(row, 3, 5)
			}
			s.Table.Rows = append(s.Table.Rows, row)
		}
		if i == len(p.Parts)-1 {
			s.Foot = append(foot(f), w.holidays())
		}
		w.add(s)
	}
}

// shortShare says a share in a cell. Example: "90% to 95% of 20"
func (w *wording) shortShare(s MonthShare) string {
	switch {
	case s.N == 0 && !w.outside:
		return "none"
	case w.outside:
		return w.outsideShare(s)
	case s.From == nil && s.Undetermined == 0:
		return fmt.Sprintf("%d of %d", s.Met, s.N)
	case s.From == nil:
		return fmt.Sprintf("%d to %d of %d", s.Met, s.Met+s.Undetermined, s.N)
	case *s.From == *s.To:
		return percent(*s.From) + " of " + thousands(s.N)
	default:
		return percent(*s.From) + " to " + percent(*s.To) + " of " + thousands(s.N)
	}
}

func propertyWords(p string) string {
	if p == "hours" {
		return "office hours"
	}
	return p
}

func (w *wording) holidays() string {
	h := w.r.Holidays
	s := "Bank holidays by the list of gov.uk of " + dayWords(h.AsOf)
	list := func(ds []incident.Date) string {
		var days []string
		for _, d := range ds {
			days = append(days, dayWords(d))
		}
		return and(days)
	}
	if len(h.Added) > 0 {
		s += ", with " + list(h.Added)
	}
	if len(h.Removed) > 0 {
		s += ", without " + list(h.Removed)
	}
	if !h.Covers(w.r.Month) {
		s += "; the list does not speak of this month"
	}
	return s + "."
}

func (w *wording) earlier(p *PolicyMonth) {
	t := &Table{Caption: "The twelve months before", Head: []string{"Month", "As first published", "As known now", "Beside them"}}
	for _, m := range slices.Backward(p.Earlier.Value) {
		published := "not published"
		if m.FirstPublished != nil {
			published = w.shortShare(*m.FirstPublished)
		}
		beside := m.States[incident.Unmeasured] + m.States[incident.Waiting] + m.States[incident.Running] + m.States[incident.Excluded]
		t.Rows = append(t.Rows, []string{MonthWords(m.Month), published, w.shortShare(m.Now), w.number(beside)})
	}
	w.add(Sheet{Heading: "The twelve months before", Level: 3, Table: t, Foot: foot(&p.Earlier)})
}

// at returns t for a table. Example: "2 Nov 5:30pm"
func at(t time.Time) string {
	if t.IsZero() {
		return "not known"
	}
	return t.In(incident.London()).Format("2 Jan ") + timeOfDay(t)
}
