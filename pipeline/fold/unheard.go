package fold

import (
	"slices"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// A source is what the state knows of a way in: whether it could be heard.
type source struct {
	since time.Time // when the rules named it first
	heard time.Time // the latest receipt of what came from it
	// unread and silent are the beginnings of gaps that are not over; zero: none.
	unread, silent time.Time
}

// of returns what is known of the source n, which the rules name or named.
func (s *State) of(n incident.SourceName) *source {
	src := s.sources[n]
	if src == nil {
		src = &source{}
		s.sources[n] = src
	}
	return src
}

// named notes since when the rules in force name their sources.
func (s *State) named(at time.Time) {
	for _, r := range s.rules.Sources {
		if src := s.of(r.Name); src.since.IsZero() {
			src.since = at
		}
	}
}

// heardFrom notes that something came from a source. What people do about
// incidents is no sign of life.
func (s *State) heardFrom(r *incident.SignalRecord) {
	if r.Channel == incident.ChannelManual {
		return
	}
	if src := s.of(r.Source); r.Receipt.After(src.heard) {
		src.heard = r.Receipt
	}
}

// Listening reports whether passing time may show that a source is not heard.
// Then a tick is wanted each minute, since marks move between ticks.
func (s *State) Listening() bool {
	return slices.ContainsFunc(s.rules.Sources, func(r incident.SourceRule) bool { return r.Polled || r.ExpectEvery > 0 })
}

// unheard notes the gaps that began or ended by t.At: what was not read, or did
// not come, stands in the record beside the figures that it may have changed.
func (s *State) unheard(t Tick, limit int) []incident.Entry {
	var out []incident.Entry
	note := func(code incident.NoteCode, n incident.SourceName, from, until time.Time) {
		if len(out) < limit {
			out = append(out, s.Note(t.At, incident.Note{Code: code, Source: n, From: from, Until: until}))
		}
	}
	for _, r := range s.rules.Sources {
		var read time.Time
		if r.Polled && t.Read != nil {
			read = t.Read(r.Name)
			s.unreadGap(r, read, t.At, note)
		}
		s.silentGap(r, read, t.At, note)
	}
	for _, n := range s.forgotten() { // the rules no longer name it
		if from := s.sources[n].unread; !from.IsZero() {
			note(incident.NoteRead, n, from, t.At)
		}
		if from := s.sources[n].silent; !from.IsZero() {
			note(incident.NoteHeard, n, from, t.At)
		}
	}
	return out
}

type noting func(code incident.NoteCode, n incident.SourceName, from, until time.Time)

// unreadGap compares how far r was read with how far it ought to have been. A
// run that has not read it yet counts from its own beginning.
func (s *State) unreadGap(r incident.SourceRule, read, at time.Time, note noting) {
	src := s.of(r.Name)
	from := read
	if from.IsZero() {
		from = latest(src.since, s.begun)
	}
	late := at.Sub(latest(from, src.since, s.begun)) > r.Unread()
	switch {
	case src.unread.IsZero() && late:
		note(incident.NoteUnread, r.Name, from, time.Time{})
	case !src.unread.IsZero() && !late && read.After(src.unread):
		note(incident.NoteRead, r.Name, src.unread, read)
	}
}

// silentGap compares when something came from r last with how often something
// is expected. Of a polled source it is known only up to where it was read; one
// that calls us could not be heard while we were down.
func (s *State) silentGap(r incident.SourceRule, read, at time.Time, note noting) {
	src := s.of(r.Name)
	if !src.silent.IsZero() {
		switch {
		case src.heard.After(src.silent):
			note(incident.NoteHeard, r.Name, src.silent, src.heard)
		case r.ExpectEvery == 0:
			note(incident.NoteHeard, r.Name, src.silent, at)
		}
		return
	}
	last := latest(src.heard, src.since)
	from, known := last, at
	if r.Polled {
		known = read
	} else {
		from = latest(last, s.begun)
	}
	if r.ExpectEvery > 0 && known.Sub(from) > r.ExpectEvery.D() {
		note(incident.NoteSilent, r.Name, last, time.Time{})
	}
}

// forgotten returns the sources with an open gap that the rules do not name.
func (s *State) forgotten() []incident.SourceName {
	var names []incident.SourceName
	for n, src := range s.sources {
		open := !src.unread.IsZero() || !src.silent.IsZero()
		if open && !slices.ContainsFunc(s.rules.Sources, func(r incident.SourceRule) bool { return r.Name == n }) {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	return names
}

func latest(all ...time.Time) time.Time { return slices.MaxFunc(all, time.Time.Compare) }
