package fold_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/pipeline/fold"
)

// An ear is a state that is ticked, with a copy that follows its entries.
type ear struct {
	t     *testing.T
	s     *fold.State
	rules *incident.Rules
	log   []incident.Entry
	marks map[incident.SourceName]time.Time
	seq   uint64
}

func noon(d time.Duration) time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC).Add(d) }

func listen(t *testing.T, sources ...incident.SourceRule) *ear {
	t.Helper()
	x := &ear{t: t, s: fold.New(compile), marks: map[incident.SourceName]time.Time{}}
	x.setRules(0, sources...)
	x.take(x.s.Note(noon(0), incident.Note{Code: incident.NoteStarted}))
	return x
}

func (x *ear) setRules(at time.Duration, sources ...incident.SourceRule) {
	x.t.Helper()
	x.rules = &incident.Rules{Sources: sources}
	made, err := x.s.SetRules(noon(at), x.rules)
	if err != nil {
		x.t.Fatalf("SetRules: %v", err)
	}
	x.take(made...)
}

func (x *ear) take(made ...incident.Entry) {
	x.t.Helper()
	x.log = append(x.log, made...)
	again := fold.New(compile)
	for _, e := range x.log {
		if err := again.Restore(e); err != nil {
			x.t.Fatalf("Restore: %v", err)
		}
	}
	if got, want := again.Dump(), x.s.Dump(); got != want {
		x.t.Errorf("restored:\n%s\nwant:\n%s", got, want)
	}
}

func (x *ear) come(from incident.SourceName, ch incident.Channel, at time.Duration) {
	x.t.Helper()
	x.seq++
	raw := fmt.Appendf(nil, "signal %d", x.seq)
	st := incident.Stored{
		Signal: incident.Signal{ID: incident.NewSignalID(from, raw), Source: from, Channel: ch, Received: noon(at)},
		Pos:    incident.Pos{Seq: x.seq},
	}
	facts := incident.Facts{Opening: incident.NotRelated, Trust: incident.Aligned, Receipt: noon(at), Route: incident.RoutePerson}
	x.take(x.s.Signal(noon(at), fold.NewInput(pepper(), st, incident.Reading{Interpreter: "test/1", Parts: []incident.Facts{facts}}, 0))...)
}

// at ticks and returns what the record says of sources, as "code source from until".
func (x *ear) at(d time.Duration) []string {
	x.t.Helper()
	made := x.s.Tick(fold.Tick{At: noon(d), Read: func(n incident.SourceName) time.Time { return x.marks[n] }}, 100)
	x.take(made...)
	var out []string
	since := func(t time.Time) string {
		if t.IsZero() {
			return "-"
		}
		return t.Sub(noon(0)).String()
	}
	for _, e := range made {
		out = append(out, fmt.Sprintf("%s %s %s %s", e.Note.Code, e.Note.Source, since(e.Note.From), since(e.Note.Until)))
	}
	return out
}

func (x *ear) want(d time.Duration, want ...string) {
	x.t.Helper()
	if got := x.at(d); !slices.Equal(got, want) {
		x.t.Errorf("at %s the record says %q, want %q", d, got, want)
	}
}

const minute = time.Minute

func TestAMailboxThatIsNotReadIsAGapOnRecord(t *testing.T) {
	x := listen(t, incident.SourceRule{Name: "mailbox", Channel: incident.ChannelEmail, Polled: true})
	x.want(10 * minute) // ten minutes is not longer than ten minutes
	x.marks["mailbox"] = noon(9 * minute)
	x.want(19 * minute)
	x.want(19*minute+1, "source_unread mailbox 9m0s -")
	x.want(60 * minute) // said once
	x.marks["mailbox"] = noon(30 * minute)
	x.want(60 * minute) // read on, and still not up to the present
	x.marks["mailbox"] = noon(61 * minute)
	x.want(61*minute+1, "source_read mailbox 9m0s 1h1m0s")
	x.want(71*minute, []string{}...)
	x.want(72*minute, "source_unread mailbox 1h1m0s -")
}

func TestAMailboxThatWasNeverReadIsUnreadSinceTheRunBegan(t *testing.T) {
	x := listen(t, incident.SourceRule{Name: "mailbox", Channel: incident.ChannelEmail, Polled: true, UnreadAfter: incident.Span(2 * minute)})
	x.want(3*minute, "source_unread mailbox 0s -")
	// A new run has not read it either: it is the same gap.
	x.take(x.s.Note(noon(5*minute), incident.Note{Code: incident.NoteStarted}))
	x.want(8 * minute)
	x.marks["mailbox"] = noon(9 * minute)
	x.want(9*minute, "source_read mailbox 0s 9m0s")
}

func TestARestartIsNoGapWhileTheMailboxIsReadSoonAfter(t *testing.T) {
	x := listen(t, incident.SourceRule{Name: "mailbox", Channel: incident.ChannelEmail, Polled: true})
	x.marks["mailbox"] = noon(minute)
	x.want(2 * minute)
	delete(x.marks, "mailbox") // a process that has just begun knows no mark
	x.take(x.s.Note(noon(3*time.Hour), incident.Note{Code: incident.NoteStarted}))
	x.want(3*time.Hour + 9*minute)
	x.marks["mailbox"] = noon(3*time.Hour + 9*minute)
	x.want(3*time.Hour + 10*minute)
}

func TestASourceFromWhichNothingComesIsSilent(t *testing.T) {
	day := incident.Span(24 * time.Hour)
	x := listen(t,
		incident.SourceRule{Name: "mailbox", Channel: incident.ChannelEmail, Polled: true, UnreadAfter: incident.Span(1000 * time.Hour), ExpectEvery: day},
		incident.SourceRule{Name: "siem", Channel: incident.ChannelWebhook, ExpectEvery: day},
		incident.SourceRule{Name: "quiet", Channel: incident.ChannelWebhook})
	x.come("mailbox", incident.ChannelEmail, time.Hour)
	x.come("siem", incident.ChannelWebhook, 2*time.Hour)
	x.want(25*time.Hour + 1) // of the mailbox nothing is known: it was not read
	x.marks["mailbox"] = noon(25*time.Hour + 1)
	x.want(25*time.Hour+1, "source_silent mailbox 1h0m0s -")
	x.want(26 * time.Hour)
	x.want(27*time.Hour, "source_silent siem 2h0m0s -")
	x.come("siem", incident.ChannelWebhook, 28*time.Hour)
	x.want(28*time.Hour, "source_heard siem 2h0m0s 28h0m0s")
	// What nobody expects any more is not silent.
	x.setRules(29*time.Hour, incident.SourceRule{Name: "siem", Channel: incident.ChannelWebhook, ExpectEvery: day})
	x.want(29*time.Hour, "source_heard mailbox 1h0m0s 29h0m0s")
	// While we were down a source that calls us could not be heard.
	x.take(x.s.Note(noon(60*time.Hour), incident.Note{Code: incident.NoteStarted}))
	x.want(61 * time.Hour)
	x.want(85*time.Hour, "source_silent siem 28h0m0s -")
}
