package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/email"
	"github.com/ministryofjustice/incident-promptness/report/board"
)

func TestSourcesSaysWhatBecameOfEveryMail(t *testing.T) {
	now := time.Date(2026, 11, 23, 19, 41, 0, 0, time.UTC)
	account := func(a email.Account) json.RawMessage {
		b, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	list := []board.Source{
		{
			Name: "reports", Kind: "imap", State: board.SourceRead, Watermark: now.Add(-20 * time.Second), Latest: now.Add(-3 * time.Minute),
			Account: account(email.Account{Mails: email.Mails{Seen: 4711, Stored: 4700, Known: 8, Unreadable: 2, Refused: 1}, Looked: now, UIDValidity: 7, Ranges: map[string]string{"unreadable": "17,4002"}}),
		},
		{
			Name: "desk-in-the-north-of-england", Kind: "imap", State: board.SourceUnread, Since: now.Add(-2 * time.Hour), Watermark: now.Add(-2 * time.Hour), Latest: now.AddDate(-1, 0, 0),
			Problem: "connect to imap.example.org:993: dial tcp 192.0.2.1:993: connect: no route to host\x1b[2J",
			Account: account(email.Account{Mails: email.Mails{Seen: 40, Stored: 20, BeforeStart: 10, Gone: 4}, Waiting: 1, Missing: 5, MissingUIDs: "12,20:23", Looked: now, UIDValidity: 7}),
		},
		{Name: "siem", Kind: "alertmanager", State: board.SourceSilent, Since: now.Add(-73 * time.Hour)},
	}
	var out strings.Builder
	if err := writeSources(&out, list, now); err != nil {
		t.Fatal(err)
	}
	want := `SOURCE                 KIND         STATE        READ UP TO     LATEST
reports                imap         read         23 Nov 7:40pm  23 Nov 7:38pm
  4711 seen = 4700 stored + 8 known + 2 unreadable + 1 refused
  unreadable: UID 17, 4002 of UIDVALIDITY 7
desk-in-the-north-of-england
                       imap         unread       23 Nov 5:41pm  23 Nov 2025
  40 seen = 20 stored + 0 known + 0 unreadable + 0 refused + 10 before the start
    + 4 gone + 1 waiting + 5 MISSING
  MISSING: UID 12, 20:23 of UIDVALIDITY 7
  unread since 23 Nov 5:41pm: what came since is in no figure
  last try: connect to imap.example.org:993: dial tcp 192.0.2.1:993: connect: no
    route to host[2J
siem                   alertmanager silent       -              -
  silent since 20 Nov 6:41pm: longer than is expected of it
`
	if d := cmp.Diff(want, out.String()); d != "" {
		t.Errorf("sources (-want +got):\n%s", d)
	}
	for l := range strings.Lines(out.String()) {
		if n := len([]rune(strings.TrimSuffix(l, "\n"))); n > 80 {
			t.Errorf("%d columns, want at most 80: %s", n, l)
		}
	}
}

func TestHowASourceIsHeard(t *testing.T) {
	now := time.Date(2026, 11, 23, 19, 41, 0, 0, time.UTC)
	polled := incident.SourceRule{Name: "reports", Polled: true}
	calls := incident.SourceRule{Name: "siem"}
	for _, tt := range []struct {
		name   string
		rule   incident.SourceRule
		source board.Source
		silent time.Time
		want   string
		since  time.Time
	}{
		{"a mailbox that was never read", polled, board.Source{}, time.Time{}, board.SourceNever, time.Time{}},
		{"read ten minutes ago", polled, board.Source{Watermark: now.Add(-10 * time.Minute)}, time.Time{}, board.SourceRead, time.Time{}},
		{"read longer ago", polled, board.Source{Watermark: now.Add(-10*time.Minute - 1)}, time.Time{}, board.SourceUnread, now.Add(-10*time.Minute - 1)},
		{"unread and silent", polled, board.Source{Watermark: now.Add(-time.Hour)}, now.Add(-2 * time.Hour), board.SourceUnread, now.Add(-time.Hour)},
		{"read, and silent", polled, board.Source{Watermark: now}, now.Add(-2 * time.Hour), board.SourceSilent, now.Add(-2 * time.Hour)},
		{"it calls, and has not", calls, board.Source{}, time.Time{}, board.SourceNever, time.Time{}},
		{"it calls, and has", calls, board.Source{Success: now}, time.Time{}, board.SourceHeard, time.Time{}},
		{"it calls, and is silent", calls, board.Source{Success: now}, now.Add(-time.Hour), board.SourceSilent, now.Add(-time.Hour)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			state, since := sourceState(tt.rule, tt.source, tt.silent, now)
			if state != tt.want || !since.Equal(tt.since) {
				t.Errorf("sourceState = %s since %s, want %s since %s", state, since, tt.want, tt.since)
			}
		})
	}
}
