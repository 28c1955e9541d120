package said

import (
	"regexp"
	"strings"
	"sync"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// The bounds of what is read of a text.
const (
	MaxProse   = 256 << 10 // bytes
	MaxSayings = 64
)

// A Fidelity says how exactly a time was written.
type Fidelity string

// The fidelities, the most exact first.
const (
	ToSecond    Fidelity = "second"
	ToMinute    Fidelity = "minute"
	ToHour      Fidelity = "hour"
	ToPartOfDay Fidelity = "part_of_day"
	ToDay       Fidelity = "day"
	ToDays      Fidelity = "days"
)

// A Saying is one time that a text speaks of.
type Saying struct {
	Milestone incident.Milestone // Detected, Occurred or Reported; "" where no word says which
	Interval  incident.Interval  // closed, UTC
	Flags     []incident.Flag
	Fidelity  Fidelity
	Words     [2]int // byte range in the text of the time's words
}

var thin = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)\b(noticed|spotted|discovered|found|became aware|realised)\b[^.!?\n]{0,80}?\bat (\d{1,2}:\d{2})\b`)
})

// Prose reads the times of a text, in the order of the text.
func Prose(text string, a Anchor) []Saying {
	var all []Saying
	for _, m := range thin().FindAllStringSubmatchIndex(text[:min(len(text), MaxProse)], MaxSayings) {
		day := a.Receipt.In(incident.London()).Format("02/01/2006 ")
		in, flags, _, err := Label(day+text[m[4]:m[5]], a.Receipt)
		if err != nil {
			continue
		}
		all = append(all, Saying{incident.Detected, in, flags, ToMinute, [2]int{m[4], m[5]}})
	}
	return all
}

// Detects reports whether a sentence of text says that something was
// detected, with or without a time.
func Detects(text string) bool {
	text = strings.ToLower(text[:min(len(text), MaxProse)])
	for _, w := range []string{"noticed", "spotted", "discovered", "became aware", "realised"} {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}
