package soak_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// A deed is what is done to a party of the cluster.
type deed string

// The deeds. Each is undone after a while: what was killed is started again,
// what was stopped goes on, links heal, the disk has room.
const (
	kill  deed = "kill"  // SIGKILL
	halt  deed = "stop"  // SIGSTOP
	cut   deed = "cut"   // its links are silent
	sever deed = "sever" // its links are reset and refused
	term  deed = "term"  // SIGTERM, as an operator would
	fill  deed = "fill"  // its disk is full
)

// A fault is one line of the script.
type fault struct {
	At, Lasts time.Duration
	Deed      deed
	// Party is a process by its name, or one by what it is when the fault comes:
	// "holder of alert", "leader of LEDGER_moj".
	Party string
	// Probe: nothing else is wrong meanwhile, so what takes over must do it in time.
	Probe bool
}

func (f fault) String() string {
	probe := ""
	if f.Probe {
		probe = ", a probe"
	}
	return fmt.Sprintf("%8s %-5s %s for %s%s", f.At.Round(time.Millisecond), f.Deed, f.Party, f.Lasts.Round(time.Millisecond), probe)
}

// The parties.
var (
	servers   = []string{"nats-0", "nats-1", "nats-2"}
	processes = []string{"ingest-0", "ingest-1", "process-0", "process-1", "alert-0", "alert-1"}
)

// smallDisk is the server whose store stands on a disk that can be full.
const smallDisk = "nats-0"

const (
	holderOfProcessor = "holder of processor"
	holderOfAlert     = "holder of alert"
	leaderOfLedger    = "leader of LEDGER_moj"
	leaderOfSignals   = "leader of SIGNALS_moj"
)

const (
	// settle is the quiet before the first fault: all take up their work.
	settle = 12 * time.Second
	// tail is the quiet at the end: all heals, and the last clocks run out.
	tail = 50 * time.Second
)

// script returns the faults of a run of length d, in the order of their time. It
// is a function of its arguments alone.
func script(seed uint64, d time.Duration) []fault {
	s := scripter{rnd: rand.New(rand.NewPCG(seed, 1)), at: settle, end: d - tail}
	// Every run, however short, sees a holder that is stopped and wakes up as a
	// stale one; a long one sees every pair.
	probes := s.probes()
	for k := 0; s.at < s.end; k++ {
		if k%2 == 0 {
			s.probe(probes[k/2%len(probes)])
		} else {
			s.storm()
		}
	}
	slices.SortStableFunc(s.faults, func(a, b fault) int { return int(a.At - b.At) })
	return s.faults
}

type scripter struct {
	rnd     *rand.Rand
	at, end time.Duration
	faults  []fault
}

func (s *scripter) between(from, to time.Duration) time.Duration {
	return from + time.Duration(s.rnd.Int64N(int64(to-from)))
}

func (s *scripter) add(f fault) {
	if f.At+f.Lasts < s.end {
		s.faults = append(s.faults, f)
	}
}

func (s *scripter) probes() []fault {
	var rest []fault
	for _, what := range []deed{kill, halt, cut, sever, term} {
		for _, who := range []string{holderOfProcessor, holderOfAlert} {
			rest = append(rest, fault{Deed: what, Party: who, Probe: true})
		}
	}
	s.rnd.Shuffle(len(rest), func(i, j int) { rest[i], rest[j] = rest[j], rest[i] })
	first := fault{Deed: halt, Party: holderOfProcessor, Probe: true}
	rest = slices.DeleteFunc(rest, func(f fault) bool { return f == first })
	return append([]fault{first}, rest...)
}

// probe hits a holder alone, long enough for the other to take over.
func (s *scripter) probe(f fault) {
	f.At, f.Lasts = s.at, s.between(12*time.Second, 14*time.Second)
	s.add(f)
	s.at += f.Lasts + s.between(2*time.Second, 4*time.Second)
}

// storm hits several at once: at most one server of three, but for a few seconds
// now and then, and any of the processes.
func (s *scripter) storm() {
	length := s.between(8*time.Second, 14*time.Second)
	until := s.at + length
	switch r := s.rnd.IntN(20); {
	case r < 2: // a majority is gone for a moment
		two := s.rnd.Perm(len(servers))[:2]
		for _, i := range two {
			s.add(fault{At: s.at + s.between(0, 500*time.Millisecond), Lasts: s.between(2*time.Second, 6*time.Second), Deed: s.one(kill, halt, cut), Party: servers[i]})
		}
	case r < 3: // the power fails
		for _, name := range servers {
			s.add(fault{At: s.at, Lasts: s.between(time.Second, 4*time.Second), Deed: kill, Party: name})
		}
	default:
		for at := s.at; at < until; {
			f := s.server(at)
			s.add(f)
			at += f.Lasts + s.between(2*time.Second, 5*time.Second) // time to catch up
		}
	}
	for _, name := range processes {
		if s.rnd.IntN(3) > 0 {
			continue
		}
		s.add(fault{
			At: s.at + s.between(0, length), Lasts: s.between(500*time.Millisecond, 8*time.Second),
			Deed: s.one(kill, kill, halt, cut, sever, term), Party: name,
		})
	}
	s.at = until + s.between(10*time.Second, 12*time.Second)
}

// server is a fault of one server.
func (s *scripter) server(at time.Duration) fault {
	f := fault{At: at, Lasts: s.between(time.Second, 8*time.Second), Deed: s.one(kill, kill, halt, cut, sever, term, fill)}
	switch {
	case f.Deed == fill:
		f.Party, f.Lasts = smallDisk, s.between(5*time.Second, 10*time.Second)
	case s.rnd.IntN(2) == 0:
		f.Party = [...]string{leaderOfLedger, leaderOfSignals}[s.rnd.IntN(2)]
	default:
		f.Party = servers[s.rnd.IntN(len(servers))]
	}
	return f
}

func (s *scripter) one(of ...deed) deed { return of[s.rnd.IntN(len(of))] }

// printed returns the script for people.
func printed(faults []fault) string {
	var b strings.Builder
	for _, f := range faults {
		fmt.Fprintf(&b, "%s\n", f)
	}
	return b.String()
}
