package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ministryofjustice/incident-promptness/incident"
)

func (w *wording) late(p *PolicyMonth) {
	v := &p.Late.Value
	s := Sheet{Heading: "Late reports and their reasons", Level: 3, Foot: foot(&p.Late)}
	if v.Cases == 0 && !w.outside {
		s.Text = append(s.Text, "None is late for certain.")
		w.add(s)
		return
	}
	s.Text = append(s.Text, fmt.Sprintf("%s late for certain; nobody has given a reason for %s of them.",
		capital(countOf(w, v.Cases, "incident is", "incidents are")), w.number(v.WithoutReason)))
	var why []string
	for _, r := range incident.Reasons() {
		if n := v.Reasons[r]; n > 0 {
			why = append(why, w.number(n)+" "+words(r))
		}
	}
	if len(why) > 0 {
		s.Text = append(s.Text, "Reasons: "+strings.Join(why, ", ")+".")
	}
	if w.outside {
		w.add(s)
		return
	}
	if v.Restricted > 0 {
		s.Text = append(s.Text, countOf(w, v.Restricted, "is restricted and not listed.", "are restricted and not listed."))
	}
	if v.More > 0 {
		s.Text = append(s.Text, fmt.Sprintf("%d more are in the CSV.", v.More))
	}
	if len(v.Listed) > 0 {
		s.Table = &Table{Caption: "Late incidents", Head: []string{"Incident", "State", "Start, at the latest", "Took", "Reasons"}}
	}
	for i := range v.Listed {
		l := &v.Listed[i]
		reasons := make([]string, len(l.Reasons))
		for k, r := range l.Reasons {
			reasons[k] = words(r)
		}
		if len(reasons) == 0 {
			reasons = []string{"none given"}
		}
		took := "not ended"
		if l.Shortest != nil || l.Longest != nil {
			took = spanBrief(l.Shortest, l.Longest)
		}
		s.Table.Rows = append(s.Table.Rows, []string{string(l.Ref), words(l.State), at(l.Start.Latest), took, strings.Join(reasons, ", ")})
	}
	w.add(s)
}

// spanBrief returns the bounds of a delay for a table.
func spanBrief(shortest, longest *incident.Span) string {
	return between(&RowClock{Shortest: shortest, Longest: longest})
}

func (w *wording) known(p *PolicyMonth) {
	s := Sheet{Heading: "How the start was known", Level: 3, Foot: foot(&p.Known)}
	if len(p.Known.Value) == 0 {
		s.Text = append(s.Text, "No incident to tell it of.")
	} else {
		s.Table = &Table{Caption: s.Heading, Head: []string{"Known by", "Author", "Weak", "Incidents"}}
	}
	for _, k := range p.Known.Value {
		s.Table.Rows = append(s.Table.Rows, []string{k.Basis, k.Trust, yesNo(k.Weak), w.number(k.Count)})
	}
	w.add(s)
}

func (w *wording) hands(p *PolicyMonth) {
	h, l := &p.Hands.Value, &p.Linked.Value
	w.add(Sheet{
		Heading: "Changed by hand", Level: 3, Foot: foot(&p.Hands),
		Text: []string{
			fmt.Sprintf("%s a corrected start or stop, %s a report that was entered late by hand. Without them %s another state.",
				capital(countOf(w, h.Corrected, "incident has", "incidents have")), countOf(w, h.LateByHand, "has", "have"),
				countOf(w, h.Changed, "incident would have", "incidents would have")),
			"Within the limit: " + w.shareWords(h.Share) + ".",
			"Without what was changed by hand: " + w.shareWords(h.Without) + ".",
		},
	})
	links := Sheet{Heading: "If suggested links were joined", Level: 3, Foot: foot(&p.Linked)}
	if l.Groups == 0 && !w.outside {
		links.Text = []string{"No link waits for a decision."}
	} else {
		links.Text = []string{
			fmt.Sprintf("%s would become %s.", countOf(w, l.Incidents, "incident", "incidents"), w.number(l.Groups)),
			"Within the limit: " + w.shareWords(l.Share) + ".",
			"If they were joined: " + w.shareWords(l.Joined) + ".",
		}
	}
	w.add(links)
}

func (w *wording) thresholds(p *PolicyMonth) {
	s := Sheet{Heading: "Alerts", Level: 3, Foot: foot(&p.Thresholds)}
	s.Table = &Table{Caption: "Thresholds", Head: []string{"Threshold", "Due", "In time", "Late", "Retracted", "Read late", "Not told"}}
	if w.outside {
		s.Table.Head = s.Table.Head[:5]
	}
	for _, t := range p.Thresholds.Value {
		not := t.Held
		for _, n := range t.NotTold {
			not += n
		}
		row := []string{string(t.Threshold), w.number(t.Due), w.number(t.InTime), w.number(t.Late), w.number(t.Retracted), w.number(t.ReadLate), w.number(not)}
		s.Table.Rows = append(s.Table.Rows, row[:len(s.Table.Head)])
	}
	s.Text = []string{"Not delivered: " + NotMeasuredYet + "."}
	w.add(s)
}

func (w *wording) questions(p *PolicyMonth) {
	q := &p.Questions.Value
	s := Sheet{Heading: "Questions", Level: 3, Foot: foot(&p.Questions)}
	s.Text = []string{fmt.Sprintf("Of %s with both bounds: %s within 5 minutes before the limit, %s within 5 minutes after it, %s without delay. %s moved to a later time after the report had come.",
		countOf(w, q.N, "delay", "delays"), w.number(q.JustUnder), w.number(q.JustOver), w.number(q.NoDelay),
		capital(countOf(w, q.MovedLater, "start was", "starts were")))}
	if !w.outside {
		s.List = slices.Clone(q.Ask)
	}
	w.add(s)
}

// data says what is of all policies.
func (w *wording) data() {
	r := w.r
	w.add(Sheet{Heading: "The data", Level: 2})
	s := Sheet{Heading: "Sources that were not heard", Level: 3, Foot: foot(&r.Gaps)}
	if len(r.Gaps.Value) == 0 {
		s.Text = []string{"None is on record for this month."}
	} else {
		s.Table = &Table{Caption: s.Heading, Head: []string{"Source", "How", "From", "Until", "Incidents"}}
	}
	for i := range r.Gaps.Value {
		g := &r.Gaps.Value[i]
		until := "not over"
		if !g.Until.IsZero() {
			until = at(g.Until)
		}
		s.Table.Rows = append(s.Table.Rows, []string{string(g.Source), words(g.Kind), at(g.From), until, w.number(g.Incidents)})
		if len(g.Refs) > 0 && !w.outside {
			line := fmt.Sprintf("%s, from %s:", g.Source, at(g.From))
			for _, ref := range g.Refs {
				line += " " + string(ref)
			}
			if g.More > 0 {
				line += fmt.Sprintf(" and %d more", g.More)
			}
			s.List = append(s.List, line)
		}
	}
	w.add(s)
	w.add(Sheet{Heading: "Clocks that ran ahead", Level: 3, Foot: foot(&r.Skew), Text: []string{fmt.Sprintf("%s with a time that was clipped, %s with one that was set aside.",
		capital(countOf(w, r.Skew.Value.Clipped, "incident", "incidents")), w.number(r.Skew.Value.SetAside))}})
	w.add(Sheet{Heading: "Candidates", Level: 3, Foot: foot(&r.Candidates), Text: []string{
		capital(countOf(w, r.Candidates.Value, "candidate", "candidates")) + " of this month that nobody has judged."}})
	n := Sheet{Heading: "Not measured yet", Level: 3, Foot: foot(&r.NotMeasured)}
	for _, x := range r.NotMeasured.Value {
		n.List = append(n.List, x.What)
	}
	w.add(n)
}

// Text writes the report in words, 80 columns wide; outside is as in
// [Report.Sheets].
func (r *Report) Text(w io.Writer, outside bool) error {
	var t text
	for i, s := range r.Sheets(outside) {
		if i > 0 {
			t.raw("")
		}
		t.say(0, "%s", s.Heading)
		switch s.Level {
		case 1:
			t.raw(strings.Repeat("=", min(columns, len([]rune(s.Heading)))))
		case 2:
			t.raw(strings.Repeat("-", min(columns, len([]rune(s.Heading)))))
		default:
		}
		for _, p := range s.Text {
			t.say(2, "%s", p)
		}
		if s.Table != nil {
			t.aligned(s.Table)
		}
		for _, l := range s.List {
			t.say(2, "- %s", l)
		}
		for _, f := range s.Foot {
			t.say(4, "%s", f)
		}
	}
	return t.to(w)
}

// aligned writes a table, indented by two; the last column is broken between
// words where it does not fit, so that nothing is cut off.
func (t *text) aligned(of *Table) {
	width := make([]int, len(of.Head))
	rows := append([][]string{of.Head}, of.Rows...)
	for _, r := range rows {
		for i, c := range r {
			width[i] = max(width[i], len([]rune(c)))
		}
	}
	last := len(width) - 1
	others := 2 + 12 // and the least room of the last
	for _, n := range width[1:last] {
		others += n + 2
	}
	width[0] = max(8, min(width[0], columns-others-2))
	used := 2
	for _, n := range width[:last] {
		used += n + 2
	}
	for _, r := range rows {
		line := "  "
		for i, c := range r[:last] {
			line += fmt.Sprintf("%-*s  ", width[i], cut(c, width[i]))
		}
		room := max(columns-used, 12)
		rest := []string{""}
		for _, word := range strings.Fields(r[last]) {
			k := len(rest) - 1
			switch {
			case rest[k] == "":
				rest[k] = word
			case len([]rune(rest[k]))+1+len([]rune(word)) <= room:
				rest[k] += " " + word
			default:
				rest = append(rest, word)
			}
		}
		t.raw(line + rest[0])
		for _, more := range rest[1:] {
			t.raw(strings.Repeat(" ", used) + more)
		}
	}
}
