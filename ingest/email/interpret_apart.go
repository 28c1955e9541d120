package email

import (
	"slices"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/said"
)

// apart reads forms that ask for the date and for the time of day in two fields:
// where the sender fills in just one of each for a milestone they are one time.
// It returns which of found it has read.
func (t *teller) apart(found []labelled) (read map[int]bool) {
	type halves struct{ dates, times []int }
	by := map[incident.Milestone]*halves{}
	for i, l := range found {
		to := milestoneOf(l.field)
		if to == "" || l.quoted {
			continue
		}
		h := by[to]
		if h == nil {
			h = &halves{}
			by[to] = h
		}
		_, flags, _, err := t.m.label(l.value, t.anchor)
		_, _, _, dated := said.Label(l.value, t.anchor.Receipt)
		switch {
		case err == nil && slices.Contains(flags, incident.FlagDateOnly):
			h.dates = append(h.dates, i)
		case err == nil && dated != nil && !slices.Contains(flags, incident.FlagAgo):
			h.times = append(h.times, i)
		default:
			h.dates = append(h.dates, i, i) // a time of its own: nothing is put together
		}
	}
	read = map[int]bool{}
	for _, h := range by {
		if len(h.dates) != 1 || len(h.times) != 1 {
			continue
		}
		date, time := found[h.dates[0]], found[h.times[0]]
		whole := date
		whole.value = date.value + " " + time.value
		in, flags, words, err := t.m.label(whole.value, t.anchor)
		if err != nil || slices.Contains(flags, incident.FlagDateOnly) || words[1] <= len(date.value) {
			continue
		}
		whole.at, whole.value = time.at, time.value
		t.state(whole, in, flags, [2]int{0, len(time.value)})
		read[h.dates[0]], read[h.times[0]] = true, true
	}
	return read
}
