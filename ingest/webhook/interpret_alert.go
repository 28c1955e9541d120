package webhook

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// alert is one alert of an Alertmanager delivery, as its webhook_config sends
// it (version 4; https://prometheus.io/docs/alerting/latest/configuration/).
// Fields that are not known are passed over: each release adds some.
type alert struct {
	status       string
	labels       []pair // sorted by name, each once
	annotations  []pair
	startsAt     string
	words        [2]int // of startsAt
	endsAt       string
	generatorURL string
	fingerprint  string
}

type pair struct{ name, value string }

func (a *alert) label(name string) string { return find(a.labels, name) }

func find(in []pair, name string) string {
	i, ok := slices.BinarySearchFunc(in, name, func(p pair, n string) int { return cmp.Compare(p.name, n) })
	if !ok {
		return ""
	}
	return in[i].value
}

// alertmanager reads a delivery of Alertmanager: one part for each alert.
func (r *reading) alertmanager(body []byte) {
	shift := len(r.s.Raw) - len(body) // a byte order mark was cut off
	c := &cursor{b: body}
	if c.space() != '{' {
		r.quarantine(incident.WhyMalformed, errors.New("the body is not an object"))
		return
	}
	c.i++
	alerts, bad, more, found, truncated := []alert(nil), 0, 0, false, ""
	for c.more() {
		switch string(c.name()) {
		case "alerts":
			alerts, bad, more, found = c.alerts(shift, r.c.conditions())
		case "truncatedAlerts":
			if b := c.space(); b == '"' || b == '{' || b == '[' {
				c.skip()
				continue
			}
			truncated = c.scalar()
		default:
			c.skip()
		}
	}
	if !found {
		r.quarantine(incident.WhyMalformed, errors.New("the body has no list of alerts"))
		return
	}
	for i := range alerts {
		r.alert(&alerts[i])
	}
	if bad > 0 {
		r.quarantine(incident.WhyMalformed, fmt.Errorf("%d elements of alerts are no alerts", bad))
	}
	if more > 0 {
		r.quarantine(incident.WhyTooManyParts, fmt.Errorf(
			"%d alerts are over the %d that are read of one delivery; set max_alerts: %d and group less at the sender",
			more, incident.MaxParts, incident.MaxParts))
	}
	if n, err := strconv.ParseInt(truncated, 10, 64); err == nil && n > 0 {
		// The alerts that it left out never come again: a person must look.
		r.quarantine(incident.WhyTruncated, fmt.Errorf("the sender left %d alerts out; group less, or raise its max_alerts", n))
	}
	if len(alerts) == 0 && r.out.Quarantine == "" {
		f := r.facts()
		f.Opening = incident.NotRelated
		r.finish(&f)
	}
}

// alerts reads the list of alerts: at most incident.MaxParts of them, how many
// elements are no alerts, how many alerts are over the bound, and whether it is
// a list at all. whole asks also for what only conditions look at.
func (c *cursor) alerts(shift int, whole bool) (all []alert, bad, more int, ok bool) {
	if !c.open('[') {
		return nil, 0, 0, false
	}
	for c.more() {
		if c.space() != '{' {
			c.skip()
			bad++
			continue
		}
		if len(all) == incident.MaxParts {
			c.skip()
			more++
			continue
		}
		a := c.alert(whole)
		a.words[0] += shift
		a.words[1] += shift
		if len(a.labels) == 0 && a.fingerprint == "" {
			bad++ // nothing says which alert it is
			continue
		}
		all = append(all, a)
	}
	return all, bad, more, true
}

func (c *cursor) alert(whole bool) alert {
	var a alert
	c.i++
	for c.more() {
		name := c.name()
		switch string(name) {
		case "status":
			a.status, _, _ = c.text()
		case "labels":
			a.labels = c.pairs()
		case "annotations":
			a.annotations = c.pairs()
		case "startsAt":
			a.startsAt, a.words, _ = c.text()
		case "fingerprint":
			a.fingerprint, _, _ = c.text()
		case "endsAt":
			if whole {
				a.endsAt, _, _ = c.text()
				continue
			}
			c.skip()
		case "generatorURL":
			if whole {
				a.generatorURL, _, _ = c.text()
				continue
			}
			c.skip()
		default:
			c.skip()
		}
	}
	return a
}

// pairs reads an object of strings; members of another type are passed over,
// and of two with one name the last counts.
func (c *cursor) pairs() []pair {
	if !c.open('{') {
		return nil
	}
	var all []pair
	for c.more() {
		name := c.name()
		if value, _, ok := c.text(); ok {
			if all == nil {
				all = make([]pair, 0, 8)
			}
			all = append(all, pair{strings.ToValidUTF8(string(name), "\ufffd"), value})
		}
	}
	ascending := true
	for i := 1; i < len(all); i++ {
		ascending = ascending && all[i-1].name < all[i].name
	}
	if ascending {
		return all // as Alertmanager writes it
	}
	slices.Reverse(all)
	slices.SortStableFunc(all, func(a, b pair) int { return cmp.Compare(a.name, b.name) })
	return slices.CompactFunc(all, func(a, b pair) bool { return a.name == b.name })
}

// alert reads one alert.
//
// Its keys are the fingerprint with the start, so that the next firing of the
// same rule is another incident (rules.md section 7), the fingerprint alone as
// a weak key, so that the two are offered as a link, and our own reference
// where one stands in its labels or annotations; of several, none is sure. A
// resolved alert only joins: a tool's "resolved" is no report, detects nothing
// and opens nothing. An alert of our own that came back joins too, and what it
// says of times is void.
func (r *reading) alert(a *alert) {
	f := r.facts()
	started, err := parseStamp(a.startsAt)
	start := "unknown" // keeps repeats of one alert together
	if err == nil {
		start = started.Format(time.RFC3339Nano)
	}
	mark := a.print()
	f.Keys = append(f.Keys,
		incident.Key{Kind: incident.KeyFingerprint, Value: mark + "/" + start},
		incident.Key{Kind: incident.KeyFingerprint, Value: mark, Weak: true})
	refs := a.refs()
	for _, ref := range refs {
		f.Keys = append(f.Keys, incident.Key{Kind: incident.KeyOwn, Value: string(ref), Weak: len(refs) > 1})
	}
	f.Attrs.Impact = r.impact(a.label(r.c.SeverityLabel))
	if name := a.label(r.c.OrganisationLabel); name != "" {
		f.Attrs.Organisation = r.c.Organisations[fold(name)]
	}
	ours := a.ours()
	if a.status == "resolved" || ours {
		f.Opening = incident.JoinsOnly
	} else if !r.open(&f, a.vars(r.c)) {
		r.finish(&f)
		return
	}
	switch {
	case err != nil:
		f.Flags = append(f.Flags, incident.FlagUnreadTime)
		r.problems = append(r.problems, fmt.Errorf("startsAt: %w", err))
	case a.status != "resolved":
		r.claim(&f, incident.Detected, started, a.words)
	}
	if ours {
		for i := range f.Claims {
			f.Claims[i].Void = incident.VoidOurs
		}
	}
	if f.Opening == incident.JoinsOnly {
		r.out.Parts = append(r.out.Parts, f) // its arrival reports nothing
		return
	}
	r.finish(&f)
}

// print returns the sender's fingerprint of an alert. Releases before 0.16 send
// none: there it is made as Prometheus makes it, FNV-1a over the sorted labels.
func (a *alert) print() string {
	if a.fingerprint != "" && len(a.fingerprint) <= maxKey {
		return a.fingerprint
	}
	const offset, prime, separator = 14695981039346656037, 1099511628211, 0xff
	h := uint64(offset)
	add := func(s string) {
		for i := range len(s) {
			h = (h ^ uint64(s[i])) * prime
		}
		h = (h ^ separator) * prime
	}
	for _, l := range a.labels {
		add(l.name)
		add(l.value)
	}
	return fmt.Sprintf("%016x", h)
}

// refs returns our own references in an alert, each once.
func (a *alert) refs() []incident.Ref {
	var refs []incident.Ref
	for _, in := range [...][]pair{a.labels, a.annotations} {
		for _, p := range in {
			if !strings.Contains(p.value, "p-") && !strings.Contains(p.value, "P-") {
				continue
			}
			for _, ref := range incident.FindRefs(p.value) {
				if !slices.Contains(refs, ref) && len(refs) < incident.MaxKeys-1 {
					refs = append(refs, ref)
				}
			}
		}
	}
	return refs
}

// ours reports whether this is an alert that this program sent, which a route
// led back to it: those have the labels incident, policy and threshold.
func (a *alert) ours() bool {
	if a.label("policy") == "" || a.label("threshold") == "" {
		return false
	}
	_, err := incident.ParseRef(a.label("incident"))
	return err == nil
}

// vars returns what conditions are written over; nil where there are none.
func (a *alert) vars(c *compiled) map[string]any {
	if !c.conditions() {
		return nil
	}
	labels, annotations := asMap(a.labels), asMap(a.annotations)
	return map[string]any{
		"labels": labels, "annotations": annotations, "status": a.status,
		"alert": map[string]any{
			"status": a.status, "labels": labels, "annotations": annotations,
			"startsAt": a.startsAt, "endsAt": a.endsAt,
			"generatorURL": a.generatorURL, "fingerprint": a.fingerprint,
		},
	}
}

func asMap(in []pair) map[string]string {
	m := make(map[string]string, len(in))
	for _, p := range in {
		m[p.name] = p.value
	}
	return m
}
