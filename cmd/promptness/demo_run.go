package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/memimap"
)

// A demo sends a script of signals through the ingestors of a running program
// and watches the record for what becomes of them.
type demo struct {
	now    time.Time // the instant from which the script counts back
	script []demoSignal

	webhooks, admin string            // base URLs
	tokens          map[string]string // of the local source, and of people by staff number
	box             *memimap.Server

	mu       sync.Mutex
	entries  []incident.Entry
	changed  chan struct{} // closed and made anew at each entry
	stories  map[string]incident.Ref
	sent     int
	lastSent []byte // for a delivery that comes twice
}

func newDemo(now time.Time, script []demoSignal) *demo {
	return &demo{now: now, script: script, changed: make(chan struct{}), stories: map[string]incident.Ref{}}
}

// follow takes committed entries in order.
func (d *demo) follow(es []incident.Entry) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.entries = append(d.entries, es...)
	close(d.changed)
	d.changed = make(chan struct{})
}

// await waits for the first entry from index from on that ok accepts.
func (d *demo) await(ctx context.Context, from int, what string, ok func(incident.Entry) bool) (incident.Entry, error) {
	ctx, cancel := context.WithTimeout(ctx, demoPatience)
	defer cancel()
	for {
		d.mu.Lock()
		changed := d.changed
		for _, e := range d.entries[from:] {
			if ok(e) {
				d.mu.Unlock()
				return e, nil
			}
		}
		from = len(d.entries)
		d.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return incident.Entry{}, fmt.Errorf("wait for %s to be folded: %w", what, ctx.Err())
		}
	}
}

// demoPatience bounds the wait for one signal of the demo.
const demoPatience = 30 * time.Second

func (d *demo) seen() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.entries)
}

// record returns the present record of the story's incident.
func (d *demo) record(story string) *incident.IncidentRecord {
	d.mu.Lock()
	defer d.mu.Unlock()
	ref := d.stories[story]
	last := map[incident.Ref]*incident.IncidentRecord{}
	for _, e := range d.entries {
		if e.Incident != nil {
			last[e.Incident.Ref] = e.Incident
		}
	}
	for last[ref] != nil && last[ref].Into != "" {
		ref = last[ref].Into
	}
	return last[ref]
}

// send sends the whole script, each signal after the one before it was folded.
func (d *demo) send(ctx context.Context) error {
	for n, s := range d.script {
		from := d.seen()
		source, err := d.deliver(ctx, n, s)
		if err != nil {
			return fmt.Errorf("send %q: %w", s.story, err)
		}
		d.sent++
		if s.by == onceMore {
			continue // known to the vault: it makes no entry
		}
		e, err := d.await(ctx, from, s.story, func(e incident.Entry) bool {
			return e.Signal != nil && e.Signal.Source == source && e.Kind != incident.KindMerged
		})
		if err != nil {
			return err
		}
		if e.Kind == incident.KindRefused {
			return fmt.Errorf("send %q: refused: %s", s.story, e.Why)
		}
		if e.Incident != nil && e.Kind == incident.KindOpened {
			d.mu.Lock()
			d.stories[s.story] = e.Incident.Ref
			d.mu.Unlock()
		}
	}
	return nil
}

func (d *demo) deliver(ctx context.Context, n int, s demoSignal) (incident.SourceName, error) {
	var refs []incident.Ref
	for _, story := range s.about {
		if r := d.record(story); r != nil {
			refs = append(refs, r.Ref)
		}
	}
	switch s.by {
	case byMail:
		raw, stamped := demoMail(s, n, d.now, refs)
		return demoMailbox, d.box.Deliver(raw, stamped)
	case byTool:
		d.lastSent = demoAlert(s, d.now, refs)
		_, err := post(ctx, d.webhooks+"/in/"+string(localSource), d.tokens[string(localSource)], d.lastSent)
		return localSource, err
	case onceMore:
		_, err := post(ctx, d.webhooks+"/in/"+string(localSource), d.tokens[string(localSource)], d.lastSent)
		return localSource, err
	case byPerson:
		rec := d.record(s.story)
		if rec == nil {
			return "", fmt.Errorf("no incident of that story is known")
		}
		body, err := demoAct(s, d.now, rec)
		if err != nil {
			return "", err
		}
		_, err = post(ctx, d.admin+"/v1/acts", d.tokens[s.who], body)
		return "manual", err
	default:
		panic(fmt.Sprintf("unreachable unless a road was added without a sender: %d", s.by))
	}
}

// demoMailbox is the name of the demo's mailbox.
const demoMailbox incident.SourceName = "mailbox"

// demoWatched is the story whose clock breaches while you watch.
const demoWatched = "the one to watch"

// watched waits until the clock that breaches while you watch is overdue.
func (d *demo) watched(ctx context.Context) error {
	ref := d.record(demoWatched)
	if ref == nil {
		return fmt.Errorf("watch %q: no incident of that story is known", demoWatched)
	}
	_, err := d.await(ctx, 0, demoWatched+" to breach", func(e incident.Entry) bool {
		if e.Incident == nil || e.Incident.Ref != ref.Ref || len(e.Incident.Clocks) == 0 {
			return false
		}
		bar, ok := e.Incident.Clocks[0].Find(incident.Deadline)
		return ok && bar.State == incident.AlertActive && e.Incident.Clocks[0].State == incident.Overdue
	})
	return err
}

// demoSecrets writes the password of the demo's mailbox.
func demoSecrets(dir string) (passwordFile, password string, err error) {
	path := filepath.Join(dir, "secrets", "mailbox.password")
	if _, err := makeSecret(path); err != nil {
		return "", "", err
	}
	b, err := os.ReadFile(path)
	return path, strings.TrimSpace(string(b)), err
}
