package report

import (
	"slices"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// A Row is an incident in a list.
type Row struct {
	Ref    incident.Ref    `json:"ref"`
	Status incident.Status `json:"status"`
	// Into is the incident that this one is part of now.
	Into incident.Ref `json:"into,omitempty"`
	// Restricted incidents are listed without attributes.
	Restricted   bool                  `json:"restricted,omitempty"`
	Organisation incident.Organisation `json:"organisation,omitempty"`
	Impact       incident.Impact       `json:"impact,omitempty"`
	Personal     incident.Personal     `json:"personal,omitempty"`
	Disposition  incident.Disposition  `json:"disposition,omitempty"`
	Canary       bool                  `json:"canary,omitempty"`
	Source       incident.SourceName   `json:"source"` // of its first signal
	First        time.Time             `json:"first"`  // receipt of its first signal
	Signals      int                   `json:"signals"`
	Leaves       int                   `json:"leaves,omitempty"` // signals that nobody vouches for, among them
	Waiting      int                   `json:"waiting,omitempty"`
	Clocks       []RowClock            `json:"clocks,omitempty"`
	// Legs are two for a report that reached the service desk first.
	Legs []Leg `json:"legs,omitempty"`
}

// A RowClock is a clock of an incident, as judged at its last entry.
type RowClock struct {
	Policy  incident.PolicyID `json:"policy"`
	Version incident.Date     `json:"version,omitempty"`
	State   incident.State    `json:"state"`
	Doubt   incident.Doubt    `json:"doubt,omitempty"`
	Flags   []incident.Flag   `json:"flags,omitempty"`
	Would   incident.State    `json:"would,omitempty"` // where it is excluded
	Limit   incident.Span     `json:"limit"`
	// Due is when the limit may be passed, Certain when it certainly is. Absent
	// where no bound on the start is known.
	Due     time.Time         `json:"due,omitzero"`
	Certain time.Time         `json:"certain,omitzero"`
	Start   incident.Interval `json:"start,omitzero"`
	Stop    incident.Interval `json:"stop,omitzero"`
	// Shortest and Longest bound the delay of a stopped clock; an open bound is
	// absent.
	Shortest *incident.Span `json:"shortest,omitempty"`
	Longest  *incident.Span `json:"longest,omitempty"`
	Alerts   []RowAlert     `json:"alerts,omitempty"`
}

// A RowAlert is one crossing of a threshold.
type RowAlert struct {
	ID     incident.AlertID      `json:"id"`
	State  incident.AlertState   `json:"state"`
	Why    incident.Why          `json:"why,omitempty"`
	Due    time.Time             `json:"due"`
	At     time.Time             `json:"at"` // when it was decided
	Late   bool                  `json:"late,omitempty"`
	Unread []incident.SourceName `json:"unread,omitempty"`
}

func newRow(rec *incident.IncidentRecord) Row {
	r := Row{
		Ref: rec.Ref, Status: rec.Open, Into: rec.Into, Restricted: rec.Attrs.Restricted,
		Source: rec.Source, First: rec.First, Signals: rec.Signals, Leaves: rec.Leaves,
		Waiting: len(rec.Decide), Canary: rec.Attrs.Canary, Legs: legs(rec.Times),
	}
	if !r.Restricted {
		r.Organisation, r.Impact = rec.Attrs.Organisation, rec.Attrs.Impact
		r.Personal, r.Disposition = rec.Attrs.Personal, rec.Attrs.Disposition
	}
	for i := range rec.Clocks {
		r.Clocks = append(r.Clocks, newRowClock(rec.Ref, &rec.Clocks[i]))
	}
	return r
}

func newRowClock(ref incident.Ref, c *incident.Clock) RowClock {
	rc := RowClock{
		Policy: c.Policy, Version: c.Version, State: c.State, Doubt: c.Doubt, Flags: c.Flags, Would: c.Would,
		Limit: c.Limit, Due: c.Due(), Certain: c.Certain(), Start: c.Start, Stop: c.Stop,
	}
	rc.Shortest, rc.Longest = bounds(c)
	for _, b := range c.Bars {
		rc.Alerts = append(rc.Alerts, RowAlert{
			ID: incident.NewAlertID(ref, c.Policy, b.Threshold, b.G), State: b.State, Why: b.Why,
			Due: b.Due, At: b.At, Late: b.Late, Unread: b.Unread,
		})
	}
	return rc
}

// bounds returns the bounds of the delay of c; nil for one that is open, and
// both for a clock whose stop does not count.
func bounds(c *incident.Clock) (shortest, longest *incident.Span) {
	state := c.State
	if state == incident.Excluded {
		state = c.Would
	}
	if !c.Stop.Known() || state == "" || state.Open() {
		return nil, nil
	}
	if !c.Start.Latest.IsZero() && !c.Stop.Earliest.IsZero() {
		s := c.Shortest
		shortest = &s
	}
	if !c.Start.Earliest.IsZero() && !c.Stop.Latest.IsZero() {
		l := c.Longest
		longest = &l
	}
	return shortest, longest
}

// A Filter says which incidents are listed. Empty fields ask for nothing.
type Filter struct {
	Policy       incident.PolicyID
	State        incident.State // of the policy's clock, or of any clock
	Organisation incident.Organisation
	Impact       incident.Impact
	Month        incident.Month  // of the policy's clock, or of any clock
	Status       incident.Status // by default those that are not part of another
	Waiting      bool            // something waits for a person
	// Limit bounds the list, newest first. 0 means DefaultLimit.
	Limit int
}

// DefaultLimit and MaxLimit bound a list of incidents.
const (
	DefaultLimit = 100
	MaxLimit     = 10_000
)

// Incidents returns the incidents that fit f, the latest opened first, and
// whether there are more.
func (b *Book) Incidents(f Filter) (rows []Row, more bool) {
	if f.Limit <= 0 {
		f.Limit = DefaultLimit
	}
	f.Limit = min(f.Limit, MaxLimit)
	b.mu.RLock()
	all := b.order // what is there of it never changes
	b.mu.RUnlock()
	for _, h := range slices.Backward(all) {
		rec := h.rec.Load()
		if rec == nil || !f.fits(rec) {
			continue
		}
		if len(rows) == f.Limit {
			return rows, true
		}
		rows = append(rows, newRow(rec))
	}
	return rows, false
}

func (f *Filter) fits(rec *incident.IncidentRecord) bool {
	if f.Status == "" && rec.Open == incident.StatusMerged || f.Status != "" && rec.Open != f.Status {
		return false
	}
	org, impact := shownOf(&rec.Attrs)
	if f.Organisation != "" && org != f.Organisation || f.Impact != "" && impact != f.Impact {
		return false
	}
	if f.Waiting && len(rec.Decide) == 0 {
		return false
	}
	if f.Policy == "" && f.State == "" && f.Month == "" {
		return true
	}
	for i := range rec.Clocks {
		c := &rec.Clocks[i]
		if (f.Policy == "" || c.Policy == f.Policy) && (f.State == "" || c.State == f.State) &&
			(f.Month == "" || f.Month.Contains(startOf(rec, c))) {
			return true
		}
	}
	return false
}

// A Detail is all that is known of one incident at its last entry.
type Detail struct {
	// Asked is the reference that was asked for, where it is part of another
	// incident now: that one is shown.
	Asked incident.Ref `json:"asked,omitempty"`
	Row
	// Evidence is the number of the last entry that changed what is known: a
	// correction is made upon it.
	Evidence uint64              `json:"evidence"`
	Times    []incident.Time     `json:"times,omitempty"`
	Links    []incident.Link     `json:"links,omitempty"`
	Cuts     []incident.Ref      `json:"cuts,omitempty"`
	Reasons  []incident.Reason   `json:"reasons,omitempty"`
	Impacts  []incident.ImpactAt `json:"impacts,omitempty"`
	Decide   []Waiting           `json:"decide,omitempty"`
	// History holds the numbers of its entries, and of those of incidents that
	// became part of it or of which it was part.
	History []uint64 `json:"history"`
}

// Incident returns the incident that ref names now, following merges, and
// whether there is one.
func (b *Book) Incident(ref incident.Ref) (Detail, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	h := b.live(ref)
	if h == nil {
		return Detail{}, false
	}
	rec := h.rec.Load()
	d := Detail{
		Row: newRow(rec), Evidence: rec.Evidence, Times: rec.Times, Links: rec.Links, Cuts: rec.Cuts,
		Reasons: rec.Reasons, History: b.history(rec.Ref),
	}
	if rec.Ref != ref {
		d.Asked = ref
	}
	if !d.Restricted {
		d.Impacts = rec.Impacts
	}
	for _, x := range rec.Decide {
		d.Decide = append(d.Decide, b.settling(rec, x))
	}
	return d, true
}

// Record returns the record of ref itself, nil if there is none.
func (b *Book) Record(ref incident.Ref) *incident.IncidentRecord {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if h := b.held[ref]; h != nil {
		return h.rec.Load()
	}
	return nil
}

// live follows merges. A record names its heir, which is never younger, so that
// this ends.
func (b *Book) live(ref incident.Ref) *held {
	for range maxMerges {
		h := b.held[ref]
		if h == nil {
			return nil
		}
		rec := h.rec.Load()
		if rec.Open != incident.StatusMerged || rec.Into == "" {
			return h
		}
		ref = rec.Into
	}
	return nil
}

// maxMerges bounds the walk along merges, should a record ever lead in circles.
const maxMerges = 10_000

// History returns the numbers of the entries from which the incident ref can be
// derived, ascending: its own, those of incidents that became part of it, and
// those of the one that it was divided from.
func (b *Book) History(ref incident.Ref) []uint64 {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.history(ref)
}

func (b *Book) history(ref incident.Ref) []uint64 {
	var all []uint64
	seen := map[incident.Ref]bool{ref: true}
	for todo := []incident.Ref{ref}; len(todo) > 0; {
		r := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if h := b.held[r]; h != nil {
			all = append(all, h.entries...)
		}
		for _, k := range b.kin[r] {
			if !seen[k] {
				seen[k] = true
				todo = append(todo, k)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
