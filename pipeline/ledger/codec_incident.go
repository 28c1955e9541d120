package ledger

import "github.com/ministryofjustice/incident-promptness/incident"

func (c *coder) incident(r *incident.IncidentRecord) {
	c.begin()
	c.must("ref")
	c.ref(&r.Ref)
	c.must("status")
	word(c, &r.Open, c.words.statuses)
	if c.may("into", r.Into == "") {
		c.ref(&r.Into)
	}
	c.mayAttributes("attrs", &r.Attrs)
	c.must("signals")
	c.int(&r.Signals)
	if c.may("leaves", r.Leaves == 0) {
		c.int(&r.Leaves)
		c.full(r.Leaves == 0)
	}
	c.must("first")
	c.instant(&r.First)
	c.must("evidence")
	c.uint(&r.Evidence)
	if c.may("route", r.Route == "") {
		word(c, &r.Route, c.words.routes)
	}
	c.must("source")
	c.source(&r.Source)
	list(c, "times", &r.Times, &c.scratch.times, (*coder).time)
	list(c, "clocks", &r.Clocks, &c.scratch.clocks, (*coder).clock)
	list(c, "links", &r.Links, &c.scratch.links, (*coder).link)
	list(c, "cuts", &r.Cuts, &c.scratch.refs, (*coder).ref)
	list(c, "decide", &r.Decide, &c.scratch.decisions, (*coder).decision)
	list(c, "reasons", &r.Reasons, &c.scratch.reasons, (*coder).reason)
	list(c, "impacts", &r.Impacts, &c.scratch.impacts, (*coder).impactAt)
	if c.may("quiet", !r.Quiet) {
		c.yes(&r.Quiet)
	}
	c.end()
}

func (c *coder) ref(r *incident.Ref)           { name(c, r, reference) }
func (c *coder) source(s *incident.SourceName) { name(c, s, slug) }
func (c *coder) reason(r *incident.Reason)     { word(c, r, c.words.reasons) }

func (c *coder) impactAt(i *incident.ImpactAt) {
	c.begin()
	c.must("at")
	c.instant(&i.At)
	c.must("impact")
	if !c.empty(i.Impact == "") { // set back to not known
		word(c, &i.Impact, c.words.impacts)
	}
	c.end()
}

func (c *coder) time(t *incident.Time) {
	c.begin()
	c.must("m")
	c.milestone(&t.Milestone)
	c.must("i")
	c.interval(&t.Interval)
	if c.may("basis", t.Basis == "") {
		word(c, &t.Basis, c.words.bases)
	}
	if c.may("weak", !t.Weak) {
		c.yes(&t.Weak)
	}
	c.mayInterval("bound", &t.Bound)
	if zero := [2]uint64{}; c.may("by", t.By == zero) {
		c.pairOfEntries(&t.By)
		c.full(t.By == zero)
	}
	c.flags(&t.Flags)
	c.end()
}

func (c *coder) clock(k *incident.Clock) {
	c.begin()
	c.must("policy")
	c.policy(&k.Policy)
	if c.may("version", k.Version == "") {
		name(c, &k.Version, date)
	}
	c.must("state")
	word(c, &k.State, c.words.states)
	if c.may("doubt", k.Doubt == "") {
		word(c, &k.Doubt, c.words.doubts)
	}
	c.flags(&k.Flags)
	if c.may("would", k.Would == "") {
		word(c, &k.Would, c.words.states)
	}
	c.must("limit")
	c.span(&k.Limit)
	c.mayInterval("start", &k.Start)
	c.mayInterval("stop", &k.Stop)
	list(c, "crossed", &k.Bars, &c.scratch.crossings, (*coder).crossing)
	c.maySpan("shortest", &k.Shortest)
	c.maySpan("longest", &k.Longest)
	c.end()
}

func (c *coder) maySpan(key string, s *incident.Span) {
	if c.may(key, *s == 0) {
		c.span(s)
		c.full(*s == 0)
	}
}

func (c *coder) crossing(x *incident.Crossing) {
	c.begin()
	c.must("t")
	name(c, &x.Threshold, slug)
	c.must("g")
	c.int(&x.G)
	c.must("due")
	c.instant(&x.Due)
	c.must("at")
	c.instant(&x.At)
	c.must("state")
	word(c, &x.State, c.words.alertStates)
	if c.may("why", x.Why == "") {
		word(c, &x.Why, c.words.whys)
	}
	if c.may("late", !x.Late) {
		c.yes(&x.Late)
	}
	list(c, "unread", &x.Unread, &c.scratch.sources, (*coder).source)
	c.end()
}

func (c *coder) link(l *incident.Link) {
	c.begin()
	c.must("to")
	c.ref(&l.To)
	c.must("why")
	word(c, &l.Why, c.words.linkWhys)
	c.must("state")
	word(c, &l.State, c.words.linkStates)
	c.must("since")
	c.instant(&l.Since)
	c.end()
}

func (c *coder) decision(d *incident.Decision) {
	c.begin()
	c.must("kind")
	word(c, &d.Kind, c.words.decisions)
	c.must("since")
	c.instant(&d.Since)
	if c.may("entry", d.Entry == 0) {
		c.uint(&d.Entry)
		c.full(d.Entry == 0)
	}
	if c.may("policy", d.Policy == "") {
		c.policy(&d.Policy)
	}
	if c.may("other", d.Other == "") {
		c.ref(&d.Other)
	}
	c.end()
}
