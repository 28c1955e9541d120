package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/say"
)

// A screen shows the demo's incidents: on a terminal a table that is drawn anew
// each second, elsewhere one line for each change.
type screen struct {
	d      *demo
	out    io.Writer // nil with --json: stdout is for the result alone
	live   bool
	quit   chan struct{}
	done   sync.WaitGroup
	height int
	said   map[incident.Ref]string
}

func startScreen(d *demo, o DemoOptions, dir string, stdout, stderr io.Writer) *screen {
	s := &screen{d: d, out: stdout, quit: make(chan struct{}), said: map[incident.Ref]string{}}
	if o.JSON {
		s.out = stderr
	}
	s.live = say.Terminal(s.out)
	fmt.Fprintf(s.out, "promptness demo: the whole program, on signals made up for you, in\n%s\n\n", dir)
	fmt.Fprintf(s.out, "  webhooks  %s/in/%s\n  admin     %s   (/metrics, /healthz, /readyz, /v1/)\n  mailbox   imap://%s\n", d.webhooks, localSource, d.admin, d.box.Addr)
	fmt.Fprintf(s.out, "  yours     export PROMPTNESS_SERVER=%s\n            export PROMPTNESS_TOKEN_FILE=%s/secrets/me.token\n            go run ./cmd/promptness incidents\n\n", d.admin, dir)
	s.done.Go(s.run)
	return s
}

func (s *screen) run() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		s.show()
		select {
		case <-tick.C:
		case <-s.quit:
			s.show()
			return
		}
	}
}

func (s *screen) stop() {
	close(s.quit)
	s.done.Wait()
}

func (s *screen) show() {
	rows := s.d.rows(time.Now())
	if !s.live {
		for _, r := range rows {
			if line := r.line(); s.said[r.ref] != r.state {
				s.said[r.ref] = r.state
				fmt.Fprintln(s.out, line)
			}
		}
		return
	}
	var b strings.Builder
	if s.height > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\x1b[J", s.height)
	}
	fmt.Fprintf(&b, "%-9s %-26s %-25s %s\n", "INCIDENT", "STORY", "POL.IMP.002", "TIME")
	for _, r := range rows {
		b.WriteString(r.line() + "\n")
	}
	s.height = len(rows) + 1
	io.WriteString(s.out, b.String())
}

func (s *screen) final(r DemoResult) {
	count := map[incident.State]int{}
	for _, i := range r.Incidents {
		for _, v := range i.Verdicts {
			count[v]++
		}
	}
	var parts []string
	for _, st := range incident.States() {
		if count[st] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", count[st], st))
		}
	}
	fmt.Fprintf(s.out, "\n%d signals sent: %d stored (%d quarantined), %d known already\n", r.Signals.Sent, r.Signals.Stored, r.Signals.Quarantined, r.Signals.Duplicate)
	fmt.Fprintf(s.out, "%d incidents: %s\n", len(r.Incidents), strings.Join(parts[:min(4, len(parts))], ", "))
	if len(parts) > 4 {
		fmt.Fprintf(s.out, "  %s\n", strings.Join(parts[4:], ", "))
	}
	fmt.Fprintf(s.out, "%d alerts told; %d entries in the record, verified\n", len(r.Alerts), r.Ledger.Entries)
}

type demoRow struct {
	ref                incident.Ref
	story, state, time string
}

func (r demoRow) line() string {
	return strings.TrimRight(fmt.Sprintf("%-9s %-26.26s %-25.25s %.16s", r.ref, r.story, r.state, r.time), " ")
}

// rows returns the present state of every incident, oldest first.
func (d *demo) rows(now time.Time) []demoRow {
	d.mu.Lock()
	last := map[incident.Ref]*incident.IncidentRecord{}
	for _, e := range d.entries {
		if e.Incident != nil {
			last[e.Incident.Ref] = e.Incident
		}
	}
	stories := map[incident.Ref]string{}
	for story, ref := range d.stories {
		stories[ref] = story
	}
	d.mu.Unlock()
	var rows []demoRow
	for ref, rec := range last {
		r := demoRow{ref: ref, story: stories[ref]}
		switch {
		case rec.Open == incident.StatusMerged:
			r.state = "part of " + string(rec.Into)
		case len(rec.Clocks) == 0:
			r.state = string(rec.Open)
		default:
			r.state, r.time = clockWords(rec.Clocks[0], now)
		}
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(a, b demoRow) int {
		x, _ := a.ref.Number()
		y, _ := b.ref.Number()
		return int(x) - int(y)
	})
	return rows
}

func clockWords(c incident.Clock, now time.Time) (state, when string) {
	state = string(c.State)
	switch {
	case c.Doubt == incident.DoubtSecondPerson:
		state += " (2nd person)"
	case c.Doubt != "":
		state += " (" + string(c.Doubt) + ")"
	case c.Would != "":
		state += " (else " + string(c.Would) + ")"
	}
	switch {
	case c.State == incident.Running && !c.Due().IsZero():
		return state, "due in " + mmss(c.Due().Sub(now))
	case c.State == incident.Overdue:
		return state, mmss(now.Sub(c.Due())) + " over"
	case c.Shortest == 0 && c.Longest == 0:
		return state, ""
	case c.Longest == 0:
		return state, "over " + mmss(c.Shortest.D())
	case c.Longest.D()-c.Shortest.D() <= time.Minute:
		return state, mmss(c.Longest.D())
	default:
		return state, mmss(c.Shortest.D()) + " to " + mmss(c.Longest.D())
	}
}

func mmss(d time.Duration) string {
	d = d.Round(time.Second)
	if d >= time.Hour {
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
}
