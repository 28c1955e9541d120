package report

import (
	"slices"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// A calendar finds the month of an instant. It remembers the months it has
// found: asking the zone for every clock of every entry would be most of the
// work of following the record.
type calendar struct{ pages []page } // ascending

type page struct {
	from, until time.Time
	month       incident.Month
}

func (c *calendar) month(t time.Time) incident.Month {
	i := len(c.pages) - 1 // most entries are of the latest month
	for i >= 0 && t.Before(c.pages[i].from) {
		i--
	}
	if i >= 0 && t.Before(c.pages[i].until) {
		return c.pages[i].month
	}
	m := incident.MonthOf(t)
	from, until := m.Bounds()
	if len(c.pages) < maxPages {
		c.pages = slices.Insert(c.pages, i+1, page{from, until, m})
	}
	return m
}

// maxPages bounds the memory; a claim may name any month there is.
const maxPages = 240
