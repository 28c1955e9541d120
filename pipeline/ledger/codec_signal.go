package ledger

import "github.com/ministryofjustice/incident-promptness/incident"

func (c *coder) signal(s *incident.SignalRecord) {
	c.begin()
	c.must("id")
	c.mark(&s.Mark)
	c.must("commit")
	c.digest(&s.Commit)
	c.must("pos")
	c.pos(&s.Pos)
	c.must("source")
	name(c, &s.Source, slug)
	c.must("channel")
	word(c, &s.Channel, c.words.channels)
	if c.may("part", s.Part == 0) {
		c.int(&s.Part)
		c.full(s.Part == 0)
	}
	c.must("received")
	c.instant(&s.Received)
	c.must("receipt")
	c.instant(&s.Receipt)
	c.must("interpreter")
	if !c.empty(s.Interpreter == "") { // nothing was read, for want of a rule of its source
		name(c, &s.Interpreter, interpreter)
	}
	if c.may("opening", s.Opening == "") {
		word(c, &s.Opening, c.words.openings)
	}
	if c.may("trust", s.Trust == "") {
		word(c, &s.Trust, c.words.trusts)
	}
	c.mayMark("observer", &s.Observer)
	if c.may("route", s.Route == "") {
		word(c, &s.Route, c.words.routes)
	}
	list(c, "keys", &s.Keys, &c.scratch.keys, (*coder).sealedKey)
	if c.may("more_keys", s.MoreKeys == 0) {
		c.int(&s.MoreKeys)
		c.full(s.MoreKeys == 0)
	}
	list(c, "claims", &s.Claims, &c.scratch.claims, (*coder).sealedClaim)
	c.mayAttributes("attrs", &s.Attrs)
	pointer(c, "act", &s.Act, (*coder).act)
	c.flags(&s.Flags)
	c.end()
}

func (c *coder) mayMark(key string, m *incident.Mark) {
	if c.may(key, m.IsZero()) {
		c.mark(m)
		c.full(m.IsZero())
	}
}

func (c *coder) flags(p *[]incident.Flag) {
	list(c, "flags", p, &c.scratch.flags, (*coder).flag)
}

func (c *coder) flag(f *incident.Flag) { word(c, f, c.words.flags) }

// milestone is a known milestone, or another name that a policy gives one.
func (c *coder) milestone(m *incident.Milestone) { name(c, m, snake) }

func (c *coder) sealedKey(k *incident.SealedKey) {
	c.begin()
	c.must("k")
	word(c, &k.Kind, c.words.keyKinds)
	c.mayMark("m", &k.Mark)
	if c.may("ref", k.Ref == "") {
		name(c, &k.Ref, reference)
	}
	if c.may("weak", !k.Weak) {
		c.yes(&k.Weak)
	}
	c.end()
}

func (c *coder) sealedClaim(k *incident.SealedClaim) {
	c.begin()
	c.must("m")
	c.milestone(&k.Milestone)
	c.must("i")
	c.interval(&k.Interval)
	c.must("basis")
	word(c, &k.Basis, c.words.bases)
	c.mayMark("observer", &k.Observer)
	if c.may("receiver", !k.Receiver) {
		c.yes(&k.Receiver)
	}
	if c.may("weak", !k.Weak) {
		c.yes(&k.Weak)
	}
	if c.may("void", k.Void == "") {
		word(c, &k.Void, c.words.voids)
	}
	c.flags(&k.Flags)
	if zero := [2]int{}; c.may("words", k.Words == zero) {
		c.pair(&k.Words)
		c.full(k.Words == zero)
	}
	c.end()
}

func (c *coder) mayAttributes(key string, a *incident.Attributes) {
	if c.may(key, noAttributes(a)) {
		c.attributes(a)
		c.full(noAttributes(a))
	}
}

// noAttributes reports whether nothing is said.
func noAttributes(a *incident.Attributes) bool {
	return len(a.NotNotifiable) == 0 && a.Organisation == "" && a.Impact == "" && a.Personal == "" &&
		a.Disposition == "" && !a.Restricted && !a.Canary
}

func (c *coder) attributes(a *incident.Attributes) {
	c.begin()
	if c.may("organisation", a.Organisation == "") {
		name(c, &a.Organisation, slug)
	}
	if c.may("impact", a.Impact == "") {
		word(c, &a.Impact, c.words.impacts)
	}
	if c.may("personal", a.Personal == "") {
		word(c, &a.Personal, c.words.personals)
	}
	if c.may("disposition", a.Disposition == "") {
		word(c, &a.Disposition, c.words.dispositions)
	}
	if c.may("restricted", !a.Restricted) {
		c.yes(&a.Restricted)
	}
	if c.may("canary", !a.Canary) {
		c.yes(&a.Canary)
	}
	list(c, "not_notifiable", &a.NotNotifiable, &c.scratch.policies, (*coder).policy)
	c.end()
}

func (c *coder) policy(p *incident.PolicyID) { name(c, p, slug) }

func (c *coder) act(a *incident.Act) {
	c.begin()
	c.must("kind")
	word(c, &a.Kind, c.words.acts)
	c.must("author")
	name(c, &a.Author, staff)
	c.must("role")
	word(c, &a.Role, c.words.roles)
	if c.may("ref", a.Ref == "") {
		name(c, &a.Ref, reference)
	}
	if c.may("other", a.Other == "") {
		name(c, &a.Other, reference)
	}
	if c.may("signal", a.Signal == 0) {
		c.uint(&a.Signal)
		c.full(a.Signal == 0)
	}
	if c.may("upon", a.Upon == 0) {
		c.uint(&a.Upon)
		c.full(a.Upon == 0)
	}
	if c.may("milestone", a.Milestone == "") {
		c.milestone(&a.Milestone)
	}
	c.mayInterval("interval", &a.Interval)
	if c.may("reason", a.Reason == "") {
		word(c, &a.Reason, c.words.reasons)
	}
	if c.may("impact", a.Impact == "") {
		word(c, &a.Impact, c.words.impacts)
	}
	if c.may("personal", a.Personal == "") {
		word(c, &a.Personal, c.words.personals)
	}
	if c.may("disposition", a.Disposition == "") {
		word(c, &a.Disposition, c.words.dispositions)
	}
	if c.may("organisation", a.Org == "") {
		name(c, &a.Org, slug)
	}
	if c.may("policy", a.Policy == "") {
		c.policy(&a.Policy)
	}
	if c.may("off", !a.Off) {
		c.yes(&a.Off)
	}
	c.end()
}
