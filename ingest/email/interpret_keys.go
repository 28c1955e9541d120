package email

import (
	"regexp"
	"strings"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/email/letter"
)

// keys returns what the mail shares with others, the most telling first: the
// record keeps the first incident.MaxKeys.
func (m *mailing) keys(own, quoted string, found []labelled) (keys []incident.Key) {
	seen := map[incident.Key]bool{}
	add := func(kind incident.KeyKind, value string, weak bool) {
		strong := incident.Key{Kind: kind, Value: value}
		k := incident.Key{Kind: kind, Value: value, Weak: weak}
		if value == "" || seen[k] || seen[strong] {
			return
		}
		seen[k] = true
		keys = append(keys, k)
	}
	for _, ref := range findRefs(own) {
		add(incident.KeyOwn, string(ref), false)
	}
	thread := func(name string) []string {
		var ids []string
		for _, f := range m.Fields {
			if f.Name == name {
				ids = append(ids, letter.MessageIDs(f.Value)...)
			}
		}
		return ids
	}
	for _, name := range []string{"message-id", "in-reply-to"} {
		for _, id := range thread(name) {
			add(incident.KeyMail, id, false)
		}
	}
	m.tickets(own, found, add)
	for _, id := range m.InnerIDs {
		add(incident.KeyMail, id, false)
	}
	// The root of the thread, then from the newest back.
	if refs := thread("references"); len(refs) > 0 {
		add(incident.KeyMail, refs[0], false)
		for i := len(refs) - 1; i > 0; i-- {
			add(incident.KeyMail, refs[i], false)
		}
	}
	for _, ref := range findRefs(quoted) {
		add(incident.KeyOwn, string(ref), true)
	}
	for _, re := range m.referencesIn(quoted) {
		for _, s := range re.FindAllString(quoted, incident.MaxKeys) {
			add(incident.KeyTicket, ticket(s), true)
		}
	}
	return keys
}

// findRefs is incident.FindRefs for texts of which most hold none.
func findRefs(text string) []incident.Ref {
	if !strings.Contains(text, "p-") && !strings.Contains(text, "P-") {
		return nil
	}
	return incident.FindRefs(text)
}

// referencesIn returns the patterns to look for in text: all, or none where none
// of them is there.
func (r *rules) referencesIn(text string) []*regexp.Regexp {
	if r.anyOf == nil || !r.anyOf.MatchString(text) {
		return nil
	}
	return r.references
}

// tickets adds the references of ticket systems in the sender's own words:
// strong in a labelled line or as the only one of its kind, else weak.
func (m *mailing) tickets(own string, found []labelled, add func(incident.KeyKind, string, bool)) {
	for _, l := range found {
		if l.field != labelReference || l.quoted {
			continue
		}
		known := false
		for _, re := range m.references {
			for _, s := range re.FindAllString(l.value, incident.MaxKeys) {
				add(incident.KeyTicket, ticket(s), false)
				known = true
			}
		}
		// A reference of a system that no pattern knows is kept as a weak key:
		// "n/a" in two mails must not join them.
		if !known && len(l.value) <= 64 && strings.ContainsAny(l.value, "0123456789") && len(incident.FindRefs(l.value)) == 0 {
			add(incident.KeyTicket, ticket(l.value), true)
		}
	}
	for _, re := range m.referencesIn(own) {
		all := map[string]bool{}
		found := re.FindAllString(own, incident.MaxKeys)
		for _, s := range found {
			all[ticket(s)] = true
		}
		for _, s := range found {
			add(incident.KeyTicket, ticket(s), len(all) > 1)
		}
	}
}

// ticket is a ticket reference as it is compared.
func ticket(s string) string {
	return strings.ToUpper(strings.Join(strings.Fields(s), ""))
}
