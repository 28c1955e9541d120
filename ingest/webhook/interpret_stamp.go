package webhook

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// The years in which a machine's time is believed at all. Below lies the zero
// of many formats, above what the record cannot write.
const (
	minYear = 1971
	maxYear = 2199
)

var (
	errNoZone   = errors.New("has no zone; where it is known to be UTC, add \" UTC\" in the mapping")
	errNotATime = errors.New("is not a time, for example 2026-11-24T09:15:00Z")
	errYear     = fmt.Errorf("is not between the years %d and %d", minYear, maxYear)
)

// ParseStamp reads a time that a machine wrote, as the instant it is: RFC 3339
// with any fraction, also with a space for the T, an offset without a colon
// (+0000) or of hours only (+00), UTC, GMT or Z after a space; or a number
// since 1970 in seconds, milliseconds, microseconds or nanoseconds, told apart
// by its size. It refuses a time without a zone, a day without a time, and
// years outside 1971 to 2199. The answer is UTC.
func ParseStamp(s string) (time.Time, error) {
	t, err := parseStamp(s)
	if err != nil {
		return time.Time{}, fmt.Errorf("read time %.40q: %w", s, err)
	}
	return t, nil
}

func parseStamp(s string) (time.Time, error) {
	s = strings.TrimSpace(s)
	if isNumber(s) {
		return parseEpoch(s, "")
	}
	if len(s) < len("2006-01-02T15:04:05") || len(s) > 64 {
		return time.Time{}, errNotATime
	}
	if c := s[10]; c == ' ' || c == 't' {
		s = s[:10] + "T" + s[11:]
	}
	date, zone := s[:19], s[19:]
	if i := strings.IndexFunc(zone, func(r rune) bool { return r != '.' && (r < '0' || r > '9') }); i >= 0 {
		date, zone = date+zone[:i], strings.TrimSpace(zone[i:])
	} else {
		date, zone = s, ""
	}
	layout := ""
	switch {
	case zone == "":
		if _, err := time.Parse("2006-01-02T15:04:05", date); err != nil {
			return time.Time{}, errNotATime
		}
		return time.Time{}, errNoZone
	case zone == "z" || zone == "UTC" || zone == "GMT":
		zone, layout = "Z", "Z07:00"
	case zone == "Z" || len(zone) == len("+00:00"):
		layout = "Z07:00"
	case len(zone) == len("+0000"):
		layout = "-0700"
	case len(zone) == len("+00"):
		layout = "-07"
	default:
		return time.Time{}, errNotATime
	}
	t, err := time.Parse("2006-01-02T15:04:05"+layout, date+zone)
	if err != nil {
		return time.Time{}, errNotATime
	}
	if _, off := t.Zone(); off < -14*3600 || off > 14*3600 {
		return time.Time{}, errors.New("has an offset of more than 14 hours")
	}
	return believed(t)
}

func believed(t time.Time) (time.Time, error) {
	t = t.UTC()
	if t.Year() < minYear || t.Year() > maxYear {
		return time.Time{}, errYear
	}
	return t, nil
}

// scaleOf returns how many nanoseconds a unit of numbers that are times has; 0
// for none, whose numbers are told apart by their size.
func scaleOf(unit string) (int64, bool) {
	switch unit {
	case "":
		return 0, true
	case "s":
		return 1e9, true
	case "ms":
		return 1e6, true
	case "us":
		return 1e3, true
	case "ns":
		return 1, true
	default:
		return 0, false
	}
}

// isNumber reports whether s is a number written with digits and at most one
// point.
func isNumber(s string) bool {
	points := 0
	for i := range len(s) {
		switch {
		case s[i] == '.' && i > 0:
			points++
		case s[i] < '0' || s[i] > '9':
			return false
		}
	}
	return s != "" && points <= 1
}

// parseEpoch reads a number since 1970 without losing a digit. An empty unit
// is told by the size: from 1973 to 5138 no number is a time in two of them.
func parseEpoch(s, unit string) (time.Time, error) {
	whole, fraction, _ := strings.Cut(s, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return time.Time{}, errNotATime
	}
	scale, ok := scaleOf(unit)
	if !ok {
		return time.Time{}, fmt.Errorf("has an unknown unit %q", unit)
	}
	if unit == "" {
		switch {
		case n < 1e8:
			return time.Time{}, errors.New("is too small a number to be a time; say its epoch_unit if it is one")
		case n < 1e11:
			scale = 1e9
		case n < 1e14:
			scale = 1e6
		case n < 1e17:
			scale = 1e3
		default:
			scale = 1
		}
	}
	perSecond := int64(1e9) / scale
	seconds, rest := n/perSecond, n%perSecond*scale
	// A fraction counts to the nanosecond; digits beyond are cut off.
	for place := scale / 10; place > 0 && fraction != ""; place /= 10 {
		rest += int64(fraction[0]-'0') * place
		fraction = fraction[1:]
	}
	if seconds > math.MaxInt64/2 {
		return time.Time{}, errYear
	}
	return believed(time.Unix(seconds, rest))
}

// timeOf reads what an expression gives for a time; the zero time without an
// error means that it gives none.
func timeOf(v any, unit string) (time.Time, error) {
	var t time.Time
	var err error
	switch v := v.(type) {
	case nil:
		return time.Time{}, nil
	case time.Time:
		t, err = believed(v)
	case string:
		switch s := strings.TrimSpace(v); {
		case s == "":
			return time.Time{}, nil
		case isNumber(s):
			t, err = parseEpoch(s, unit)
		default:
			t, err = parseStamp(s)
		}
	case int64:
		t, err = parseNumber(strconv.FormatInt(v, 10), unit)
	case uint64:
		t, err = parseNumber(strconv.FormatUint(v, 10), unit)
	case float64:
		// A double holds microseconds of seconds since 1970, no more.
		t, err = parseNumber(strconv.FormatFloat(v, 'f', 6, 64), unit)
	default:
		err = fmt.Errorf("a %T", v)
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("%.40q %w", fmt.Sprint(v), err)
	}
	return t, nil
}

func parseNumber(s, unit string) (time.Time, error) {
	if !isNumber(s) {
		return time.Time{}, errNotATime
	}
	return parseEpoch(s, unit)
}
