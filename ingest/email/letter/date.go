package letter

import (
	"strings"
	"time"
)

// A Dated is a date and time of day as a mail program shows it.
type Dated struct {
	year         int
	month        time.Month
	day          int
	hour, minute int
	second       int
	seconds      bool // a second is written
	zone         time.Duration
	zoned        bool
}

// civilDate reads what stands behind Sent: or in "On … wrote:", for example
// "23 November 2026 09:15", "Monday, November 23, 2026 9:15 AM", "Lundi 23
// novembre 2026 09:15" or "2026-11-23 09:15". A date of figures in which day and
// month can be changed over is not read.
func civilDate(s string) (d Dated, ok bool) {
	if len(s) > 200 {
		return d, false
	}
	clock, half := false, ""
	for _, w := range dateWords(s) {
		w = strings.Trim(w, ".")
		switch {
		case d.month == 0 && monthName(w) != 0:
			d.month = monthName(w)
		case !clock && clockWord(w, &d, &half):
			clock = true
		case clock && half == "" && (w == "am" || w == "pm" || w == "a.m" || w == "p.m"):
			half = w[:1]
		case clock && !d.zoned && zoneWord(w):
			d.zone, d.zoned = zoneOffset(w)
		case d.day == 0 && d.month == 0 && figures(w, &d):
		case d.day == 0 && smallNumber(w) > 0:
			d.day = smallNumber(w)
		case d.year == 0 && len(w) == 4 && strings.Trim(w, "0123456789") == "":
			d.year = atoi(w)
		}
	}
	switch {
	case half == "p" && d.hour < 12:
		d.hour += 12
	case half == "a" && d.hour == 12:
		d.hour = 0
	}
	t := time.Date(d.year, d.month, d.day, d.hour, d.minute, d.second, 0, time.UTC)
	ok = clock && d.year >= 1970 && d.year < 2100 && d.month > 0 && d.day > 0 && t.Day() == d.day && t.Month() == d.month
	return d, ok
}

// clockWord reads 9:15, 09:15:00, 9.15, 9h15 and 9:15am.
func clockWord(w string, d *Dated, half *string) bool {
	if rest, ok := strings.CutSuffix(w, "am"); ok {
		w, *half = rest, "a"
	} else if rest, ok := strings.CutSuffix(w, "pm"); ok {
		w, *half = rest, "p"
	}
	if i := strings.IndexByte(w, 't'); i == 10 { // 2026-11-23T09:15
		if !figures(w[:i], d) {
			return false
		}
		w = w[i+1:]
		if z, ok := strings.CutSuffix(w, "z"); ok {
			w, d.zoned = z, true
		}
	}
	w = strings.NewReplacer(".", ":", "h", ":").Replace(w)
	parts := strings.Split(w, ":")
	if len(parts) < 2 || len(parts) > 3 || strings.Trim(w, "0123456789:") != "" {
		*half = ""
		return false
	}
	for i, p := range parts {
		if len(p) == 0 || len(p) > 2 || i > 0 && len(p) != 2 {
			*half = ""
			return false
		}
	}
	d.hour, d.minute = atoi(parts[0]), atoi(parts[1])
	if len(parts) == 3 {
		d.second, d.seconds = atoi(parts[2]), true
	}
	return d.hour < 24 && d.minute < 60 && d.second < 60
}

// figures reads 23/11/2026, 23.11.2026 and 2026-11-23.
func figures(w string, d *Dated) bool {
	parts := strings.FieldsFunc(w, func(r rune) bool { return r == '/' || r == '.' || r == '-' })
	if len(parts) != 3 || strings.Trim(w, "0123456789/.-") != "" {
		return false
	}
	a, b, c := atoi(parts[0]), atoi(parts[1]), atoi(parts[2])
	switch {
	case len(parts[0]) == 4 && b <= 12:
		d.year, d.month, d.day = a, time.Month(b), c
	case len(parts[2]) != 4:
		return false
	case a > 12 && b <= 12, a == b, strings.Contains(w, ".") && b <= 12: // with points the day comes first
		d.year, d.month, d.day = c, time.Month(b), a
	case b > 12 && a <= 12:
		d.year, d.month, d.day = c, time.Month(a), b
	default:
		return false
	}
	return true
}

// smallNumber reads the number of a day: 23, 23rd, 1er.
func smallNumber(w string) int {
	n := 0
	for n < len(w) && digit(w[n]) {
		n++
	}
	if n == 0 || n > 2 {
		return 0
	}
	switch w[n:] {
	case "", "st", "nd", "rd", "th", "er", "º":
		if v := atoi(w[:n]); v <= 31 {
			return v
		}
	}
	return 0
}

// monthName knows the months of the languages of headWord, in full and short.
func monthName(w string) time.Month {
	if len(w) < 3 {
		return 0
	}
	for i, names := range [...][]string{
		{"jan", "january", "januar", "janvier", "janv", "enero", "ene", "gennaio", "gen", "januari", "janeiro", "ionawr", "ion", "styczeń", "stycznia", "januari"},
		{"feb", "february", "februar", "février", "févr", "fév", "febrero", "febbraio", "februari", "fevereiro", "fev", "chwefror", "chwe", "luty", "lutego"},
		{"mar", "march", "märz", "mär", "mars", "marzo", "maart", "mrt", "março", "mawrth", "maw", "marzec", "marca", "marts"},
		{"apr", "april", "avril", "avr", "abril", "abr", "aprile", "ebrill", "ebr", "kwiecień", "kwietnia"},
		{"may", "mai", "mayo", "maggio", "mag", "mei", "maio", "maj", "maja"},
		{"jun", "june", "juni", "juin", "junio", "giugno", "giu", "junho", "mehefin", "meh", "czerwiec", "czerwca"},
		{"jul", "july", "juli", "juillet", "juil", "julio", "luglio", "lug", "julho", "gorffennaf", "gorff", "lipiec", "lipca"},
		{"aug", "august", "août", "agosto", "ago", "augustus", "awst", "sierpień", "sierpnia", "augusti"},
		{"sep", "sept", "september", "septembre", "septiembre", "settembre", "set", "setembro", "medi", "wrzesień", "września"},
		{"oct", "october", "oktober", "okt", "octobre", "octubre", "ottobre", "ott", "outubro", "out", "hydref", "hyd", "październik", "października"},
		{"nov", "november", "novembre", "noviembre", "novembro", "tachwedd", "tach", "listopad", "listopada"},
		{"dec", "december", "dezember", "dez", "décembre", "déc", "diciembre", "dic", "dicembre", "dezembro", "rhagfyr", "rhag", "grudzień", "grudnia"},
	} {
		for _, n := range names {
			if w == n {
				return time.Month(i + 1)
			}
		}
	}
	return 0
}
