package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/said"
	"github.com/ministryofjustice/incident-promptness/internal/say"
)

const timeHint = `write a time as 09:15 (today), "23/11/2026 09:15", "2026-11-23 09:15" or 2026-11-23T09:15:00Z, and a range as 09:15..09:45; London time unless it says BST, GMT or an offset`

// parseTime reads a time or a range as a person types it, at the instant now.
// A time to the minute is that whole minute, a time of day alone is today in
// London. What could mean two instants is an error: a person is there to ask.
func parseTime(text string, now time.Time) (incident.Interval, error) {
	typed := strings.Join(strings.Fields(text), " ")
	text = typed
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return incident.At(t), nil
	}
	if from, to, ok := cutRange(text); ok {
		if a, err := time.Parse(time.RFC3339Nano, from); err == nil {
			b, err := time.Parse(time.RFC3339Nano, to)
			if err != nil {
				return incident.Interval{}, timeError(typed, errors.New("the second time is not like the first"))
			}
			return ordered(typed, incident.Interval{Earliest: a.UTC(), Latest: b.UTC()})
		}
		text = from + " to " + to
	}
	today := false
	if timeOfDay.MatchString(text) {
		text, today = now.In(incident.London()).Format("02/01/2006")+" "+text, true
	}
	in, flags, words, err := said.Label(text, time.Time{})
	switch {
	case err != nil:
		return incident.Interval{}, timeError(typed, err)
	case words[1] < len(text):
		return incident.Interval{}, timeError(typed, fmt.Errorf("%q is left over", text[words[1]:]))
	case slices.Contains(flags, incident.FlagHourTwice):
		return incident.Interval{}, say.WithHint(
			fmt.Errorf("read time %q: the clocks go back, and this hour is there twice", typed), "write BST for the first, GMT for the second")
	case slices.Contains(flags, incident.FlagHourMissing):
		return incident.Interval{}, say.WithHint(
			fmt.Errorf("read time %q: the clocks go forward, and this hour is not there", typed), "write GMT for the time before, BST for the time after")
	case slices.Contains(flags, incident.FlagMonthFirst):
		return incident.Interval{}, timeError(typed, errors.New("there is no such month; the day comes first"))
	case today && in.Earliest.After(now):
		return incident.Interval{}, say.WithHint(
			fmt.Errorf("read time %q: today it is not that late yet", typed), "write the date, too")
	}
	return ordered(typed, in)
}

var (
	timeOfDay = regexp.MustCompile(`(?i)^(at |about |around |c\. ?)?\d{1,2}([:.]\d{2}){0,2} ?(am|pm)?\b( ?(BST|GMT|UTC|Z|[-+]\d{2}:?\d{2}))?( ?(to|-|–|until|and) ?\d{1,2}([:.]\d{2}){0,2} ?(am|pm)?( ?(BST|GMT|UTC|Z))?)?$`)
	rangeDots = regexp.MustCompile(`^(.+?) ?\.\.+ ?(.+)$`)
	rangeWord = regexp.MustCompile(`(?i)^(.+) to (.+)$`)
)

func cutRange(text string) (from, to string, ok bool) {
	m := rangeDots.FindStringSubmatch(text)
	if m == nil {
		m = rangeWord.FindStringSubmatch(text)
	}
	if m == nil {
		return "", "", false
	}
	return m[1], m[2], true
}

func ordered(text string, in incident.Interval) (incident.Interval, error) {
	if !in.Valid() {
		return incident.Interval{}, timeError(text, errors.New("it ends before it begins"))
	}
	return in, nil
}

func timeError(text string, err error) error {
	return &say.UsageError{
		Err: fmt.Errorf("read time %q: %s", text, strings.TrimPrefix(err.Error(), "read time: ")),
		Do:  timeHint,
	}
}
