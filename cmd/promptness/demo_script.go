package main

import (
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// A demoSignal is one thing that happens in the demo. Times are how long ago,
// counted from the start of the demo. Each goes through the true ingestor of
// its road; the outcome is what the program makes of it.
type demoSignal struct {
	story string // the incident that it tells of, for the reader
	by    road

	// A tool's alert: when it began to fire.
	started time.Duration

	// A mail: when our server stamped it, when the sender says it was noticed
	// (to, where that is a range).
	received      time.Duration
	noticed, to   time.Duration
	prose         string   // what the sender writes, in the place of a labelled line
	about         []string // stories whose references it quotes
	secret        bool
	unknownSender bool

	// A person's act upon the story, by the named token.
	act  incident.ActKind
	who  string
	time time.Duration // for a correction
}

type road int

const (
	byTool road = iota
	byMail
	byPerson
	onceMore // the signal before it, delivered once more
)

const noTime = time.Duration(0)

// demoScript is a day at the desk. The order is the order of arrival.
func demoScript() []demoSignal {
	const h, m = time.Hour, time.Minute
	return []demoSignal{
		// Reported by mail alone, with the time at which it was noticed.
		{story: "laptop left on a train", by: byMail, noticed: 5 * h, received: 5*h - 25*m},
		{story: "payroll sent to the wrong address", by: byMail, noticed: 7 * h, received: 5*h + 20*m},
		{story: "odd log-in, noticed between two times", by: byMail, noticed: 4*h + 30*m, to: 4 * h, received: 3*h + 20*m},
		{story: "work phone left in a taxi", by: byMail, prose: "We noticed about 20 minutes ago that it was gone.", received: 2*h + 30*m},
		{story: "phishing, no time given", by: byMail, noticed: noTime, received: 3 * h},

		// The mail comes first, the tool's detection is heard of late.
		{story: "malware on a server", by: byMail, noticed: noTime, received: 2*h + 5*m},
		{story: "malware on a server", by: byTool, started: 2*h + 40*m, about: []string{"malware on a server"}},

		// A typing error, corrected by a manager, confirmed by another person.
		{story: "folder shared with everyone", by: byMail, noticed: 6 * h, received: 4*h + 10*m},
		{story: "folder shared with everyone", by: byPerson, act: incident.ActCorrection, who: "me", time: 4*h + 50*m},
		{story: "folder shared with everyone", by: byPerson, act: incident.ActConfirm, who: "desk-1"},

		// A mail that may not be kept here, and one whose sender nobody knows.
		{story: "marked SECRET", by: byMail, received: 90 * m, secret: true},
		{story: "a stranger's report", by: byMail, noticed: 80 * m, received: 70 * m, unknownSender: true},

		// A false alarm, and one that nobody has reported.
		{story: "port scan that was a test", by: byTool, started: 95 * m},
		{story: "port scan that was a test", by: byPerson, act: incident.ActDisposition, who: "me"},
		{story: "backup server talks to a stranger", by: byTool, started: 3*h + 10*m},

		// Two tools see one incident; the report names both.
		{story: "stolen credentials, seen by the gateway", by: byTool, started: 45 * m},
		{story: "stolen credentials, seen by the directory", by: byTool, started: 40 * m},
		{
			story: "stolen credentials, seen by the gateway", by: byMail, noticed: 42 * m, received: 5 * m,
			about: []string{"stolen credentials, seen by the gateway", "stolen credentials, seen by the directory"},
		},

		// Running now; delivered twice. And one that breaches while you watch.
		{story: "unusual download", by: byTool, started: 20 * m},
		{story: "unusual download", by: onceMore},
		{story: "the one to watch", by: byTool, started: 59*m + 50*time.Second},
	}
}
