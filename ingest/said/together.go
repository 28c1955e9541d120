package said

import (
	"strings"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// together lets a day and a time of day that belong to one event be one time:
// "Yesterday I noticed at 9:15". A day with which a sentence begins is also
// that of the times behind it.
func (p *prose) together(ties []tie) {
	for k := range p.times {
		w := &p.times[k]
		if !w.timed || w.ago || w.day.kind != noDay || w.part != noPart || w.toward != nil {
			continue
		}
		for i := range p.times {
			d := &p.times[i]
			coarse := d.day.kind == weekend || d.day.kind == thisWeek || d.day.kind == vague || d.ago && d.most >= 24*time.Hour
			if i != k && coarse && !d.timed && (ties[i].event == ties[k].event || i < k && d.from <= 1) {
				ties[k].drop = true // at 9.15 of which of those days?
				break
			}
			if i == k || d.timed || d.ago || d.later || d.day.kind == noDay || d.toward != nil || d.bound != closed || ties[i].drop || d.day.kind == weekend || d.day.kind == thisWeek {
				continue
			}
			switch {
			case ties[i].event == ties[k].event:
				w.day, w.part, w.monthFirst = d.day, d.part, d.monthFirst
				ties[i].drop = true
				ties[k].carried = i > k && d.from-w.end > 3
			case i < k && d.from <= 1:
				w.day, w.part, w.monthFirst = d.day, d.part, d.monthFirst
				ties[k].carried = true
			default:
				continue
			}
			if w.part != noPart && !(w.start.either || fits(w.part, w.start)) {
				w.part = noPart
			}
			break
		}
	}
}

// oneEach leaves an event with one time of day: that directly behind it, or
// else the first. "Start: 11:00 Detected: 11:10 End: 11:45".
func (p *prose) oneEach(s *scan, ties []tie) {
	for k := range p.times {
		w := &p.times[k]
		if ties[k].event < 0 || !w.timed {
			continue
		}
		e := &p.happened[ties[k].event]
		for i := k + 1; i < len(p.times); i++ {
			v := &p.times[i]
			if ties[i].event != ties[k].event || !v.timed {
				continue
			}
			if w.begin < e.at && v.begin >= e.end && v.begin <= e.end+2 {
				ties[k] = tie{event: -1}
				break
			}
			for j := w.end; j < v.from; j++ {
				if t := s.at(j); t.kind == aWord && t.lex.is&(joins|roughly) == 0 && !t.is("then", "again", "at", "on", "later") {
					ties[i] = tie{event: -1}
					break
				}
			}
		}
	}
}

// fronted knows "at 9.40 the phone rang and I was made aware".
func (p *prose) fronted(s *scan, ties []tie, k int, e *event) {
	for i := range p.happened {
		d := &p.happened[i]
		if d.of != incident.Detected || d.at < e.at || d.denied || d.unasked {
			continue
		}
		for n := range ties {
			if n != k && ties[n].event == i {
				return
			}
		}
		for j := e.at; j < d.at; j++ {
			if t := s.at(j); t.lex.is&joins != 0 && !t.is("and", "when") || t.is(";", ":") {
				return
			}
		}
		ties[k].of = incident.Detected
		return
	}
}

// secondHand knows "she told me at 9.40 that she had noticed at 9.15": the
// telling is not the noticing.
func (p *prose) secondHand(ties []tie, k int, e *event) {
	for i := range p.happened {
		d := &p.happened[i]
		if d.of != incident.Detected || d.told || d.at < e.at || d.denied || d.unasked {
			continue
		}
		for n := range ties {
			if n != k && ties[n].event == i {
				ties[k].of = ""
				return
			}
		}
	}
}

// onArrival knows "when I came in at nine I noticed", and "I checked at nine
// and found". It is only so where the noticing has no time of its own.
func (p *prose) onArrival(s *scan, ties []tie, k int, e *event) {
	w, t := &p.times[k], &ties[k]
	when, and := strings.HasSuffix(s.at(e.at).text, "ing"), false // "staff arriving at 9 found"
	for j := min(e.at, w.from) - 1; j >= 0 && j >= e.at-7; j-- {
		if s.at(j).is("when", "as", "on", "upon", "after", "once", "while") {
			when = true
			break
		}
		if s.at(j).lex.is&joins != 0 {
			break
		}
	}
	for i := range p.happened {
		d := &p.happened[i]
		if d.of != incident.Detected || d.denied || d.unasked {
			continue
		}
		for n := range ties {
			if n != k && ties[n].event == i && p.times[n].timed {
				return
			}
		}
		and = (s.at(w.end).text == "and" || s.at(d.at-1).text == "to") && d.at > w.end && d.at <= w.end+3
		if when || and {
			t.of, t.soon = incident.Detected, e.arrives && w.timed
		}
		return
	}
}
