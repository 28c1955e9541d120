package soak_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// The sources of the load: a tool that detects, and the team's own desk, where
// arrival is the report.
const (
	toolSource = "edr"
	deskSource = "desk"
)

// limit and its thresholds are those of the short policy of a run; see
// world.configure.
const (
	quickPolicy = "quick"
	quickLimit  = 20 * time.Second
	quickWarn   = 8 * time.Second
	quickRemind = 10 * time.Second
)

// A signal is one that the load sends, once or more.
type signal struct {
	At     time.Duration // of its first delivery
	Source string
	Keys   []string
	// Detected is how long before At's story it was detected; none for a tool
	// that does not say, and for the desk.
	Detected time.Duration
	Says     bool
	Number   int // makes its bytes its own
	// Deliveries are all of them, by when and to which ingest.
	Deliveries []delivery
}

type delivery struct {
	At     time.Duration
	Ingest int
}

// body returns what is posted, when the run began at start.
func (s signal) body(start time.Time) []byte {
	p := payload{Number: s.Number, Keys: s.Keys}
	if s.Says {
		t := start.Add(s.Detected).UTC().Truncate(time.Millisecond)
		p.Detected = &t
	}
	b, err := json.Marshal(p)
	if err != nil {
		panic(err)
	}
	return b
}

// id returns what a 202 must name.
func (s signal) id(start time.Time) incident.SignalID {
	return incident.NewSignalID(incident.SourceName(s.Source), s.body(start))
}

type payload struct {
	Number   int        `json:"number"`
	Keys     []string   `json:"keys"`
	Detected *time.Time `json:"detected,omitempty"`
}

// load returns the signals of a run whose load ends at end, in the order of their
// first delivery. It is a function of its arguments alone.
//
// It tells stories: some tools see something, some of them the same thing by the
// same key, now and then one sees that two are the same; the desk is told in
// time, late, or never. Some signals come twice, some through both ways in, and
// all in an order of their own.
func load(seed uint64, end time.Duration, perSecond float64) []signal {
	rnd := rand.New(rand.NewPCG(seed, 2))
	between := func(from, to time.Duration) time.Duration { return from + time.Duration(rnd.Int64N(int64(to-from))) }
	var all []signal
	add := func(s signal) {
		s.Number = len(all)
		s.Deliveries = []delivery{{At: s.At, Ingest: rnd.IntN(2)}}
		switch rnd.IntN(6) {
		case 0: // at the same moment, to the other
			s.Deliveries = append(s.Deliveries, delivery{At: s.At, Ingest: 1 - s.Deliveries[0].Ingest})
		case 1: // later, to any
			s.Deliveries = append(s.Deliveries, delivery{At: s.At + between(0, 20*time.Second), Ingest: rnd.IntN(2)})
		}
		all = append(all, s)
	}
	var keys []string // of all stories so far
	story := 0
	for at := time.Duration(0); at < end; at += time.Duration(rnd.ExpFloat64() / perSecond * float64(time.Second)) {
		story++
		began := at - between(0, 3*time.Second)
		if rnd.IntN(25) == 0 {
			began = at - 2*time.Hour - between(0, time.Minute) // found long after
		}
		own := []string{fmt.Sprintf("k%d", story)}
		if rnd.IntN(4) == 0 {
			own = append(own, fmt.Sprintf("k%d-b", story))
		}
		if rnd.IntN(12) == 0 && len(keys) > 0 {
			// Of the last minute: the same hand is seen again.
			own[0] = keys[max(0, len(keys)-1-rnd.IntN(min(len(keys), 60)))]
		}
		keys = append(keys, own...)
		for n := range 1 + rnd.IntN(3) {
			s := signal{At: at + between(0, 2*time.Second), Source: toolSource, Detected: began + between(0, time.Second), Says: rnd.IntN(12) > 0}
			s.Keys = []string{own[n%len(own)]}
			add(s)
		}
		if len(own) > 1 && rnd.IntN(3) > 0 { // the bridge
			add(signal{At: at + between(0, 12*time.Second), Source: toolSource, Keys: slices.Clone(own), Detected: began + time.Second, Says: true})
		}
		var told time.Duration
		switch rnd.IntN(8) {
		case 0, 1, 2: // in time
			told = between(time.Second, quickLimit-4*time.Second)
		case 3: // about the limit
			told = between(quickLimit-2*time.Second, quickLimit+2*time.Second)
		case 4, 5: // late
			told = between(quickLimit+3*time.Second, quickLimit+15*time.Second)
		default: // never
			continue
		}
		add(signal{At: at + told, Source: deskSource, Keys: []string{own[rnd.IntN(len(own))]}})
	}
	slices.SortStableFunc(all, func(a, b signal) int { return int(a.At - b.At) })
	return slices.DeleteFunc(all, func(s signal) bool { return s.At > end })
}
