package report

import (
	_ "embed" // the list of bank holidays
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

//go:embed holidays.json
var holidaysFile []byte

// A Holidays is the bank holidays of England and Wales, as gov.uk publishes
// them. They only divide the figures: no clock ever stops for one.
type Holidays struct {
	Division string `json:"division"`
	// AsOf is the day whose list this is.
	AsOf incident.Date `json:"as_of"`
	// From and Until are the first and the last day for which the list speaks.
	From  incident.Date `json:"from"`
	Until incident.Date `json:"until"`
	// Added and Removed are the days by which the list was changed, sorted.
	Added   []incident.Date `json:"added,omitempty"`
	Removed []incident.Date `json:"removed,omitempty"`

	days map[incident.Date]bool
}

// NewHolidays returns the bank holidays of England and Wales, with the days
// added that a list cannot know beforehand, and others removed.
func NewHolidays(added, removed []incident.Date) (*Holidays, error) {
	var file struct {
		Holidays
		Events []struct {
			Date incident.Date `json:"date"`
		} `json:"events"`
	}
	if err := json.Unmarshal(holidaysFile, &file); err != nil {
		return nil, fmt.Errorf("read the list of bank holidays: %w", err)
	}
	h := file.Holidays
	h.days = make(map[incident.Date]bool, len(file.Events)+len(added))
	for _, e := range file.Events {
		h.days[e.Date] = true
	}
	for _, d := range slices.Concat(added, removed) {
		if _, err := d.Start(); err != nil {
			return nil, fmt.Errorf("change the list of bank holidays: %w", err)
		}
	}
	h.Added, h.Removed = sortedDates(added), sortedDates(removed)
	for _, d := range h.Added {
		h.days[d] = true
	}
	for _, d := range h.Removed {
		delete(h.days, d)
	}
	return &h, nil
}

func sortedDates(ds []incident.Date) []incident.Date {
	return slices.Compact(slices.Sorted(slices.Values(ds)))
}

// Is reports whether d is a bank holiday.
func (h *Holidays) Is(d incident.Date) bool { return h.days[d] }

// Covers reports whether the list speaks for all days of m.
func (h *Holidays) Covers(m incident.Month) bool {
	return string(m) >= string(h.From)[:len(m)] && string(m) <= string(h.Until)[:len(m)]
}

// Office hours, in London, on Monday to Friday but bank holidays.
const (
	officeFrom  = 9 // o'clock
	officeUntil = 17
)

// InOffice reports whether t lies in office hours: 9am to 5pm in London, Monday
// to Friday, but for bank holidays. 5pm itself does not.
func (h *Holidays) InOffice(t time.Time) bool {
	l := t.In(incident.London())
	if l.Weekday() == time.Saturday || l.Weekday() == time.Sunday || l.Hour() < officeFrom || l.Hour() >= officeUntil {
		return false
	}
	return !h.Is(incident.Date(l.Format(time.DateOnly)))
}
