package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/email"
	"github.com/ministryofjustice/incident-promptness/report/board"
)

// sourcesCmd lists the ways in: how each is heard, and of each mailbox what
// became of every mail.
type sourcesCmd struct{}

// Run lists them.
func (c *sourcesCmd) Run(ctx context.Context, s *session) error {
	return show(ctx, s, "/v1/sources", "", func(w io.Writer, list *board.Sources) error {
		return writeSources(w, list.Sources, list.At)
	})
}

// The columns of the table, 80 with the blanks between them.
const (
	nameWidth    = 22
	kindWidth    = 12
	stateWidth   = 12
	instantWidth = 14
)

// writeSources prints a table of 80 columns, and below a mailbox its account.
func writeSources(w io.Writer, list []board.Source, now time.Time) error {
	var b strings.Builder
	if len(list) == 0 {
		b.WriteString("no sources\n")
	}
	line := func(cells ...string) {
		widths := []int{nameWidth, kindWidth, stateWidth, instantWidth, instantWidth}
		var l strings.Builder
		for i, c := range cells {
			fmt.Fprintf(&l, "%-*s ", widths[i], c)
		}
		b.WriteString(strings.TrimRight(l.String(), " ") + "\n")
	}
	if len(list) > 0 {
		line("SOURCE", "KIND", "STATE", "READ UP TO", "LATEST")
	}
	for _, s := range list {
		name := string(s.Name)
		if len(name) > nameWidth {
			b.WriteString(name + "\n")
			name = ""
		}
		line(name, cmp.Or(s.Kind, string(s.Channel)), s.State, moment(s.Watermark, now), moment(s.Latest, now))
		for _, text := range append(accountLines(s.Account), stateLines(s, now)...) {
			wrap(&b, text)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// moment returns t for a table, in London; empty for none.
func moment(t, now time.Time) string {
	if t.IsZero() {
		return "-"
	}
	l := t.In(incident.London())
	if l.Year() != now.In(incident.London()).Year() {
		return l.Format("2 Jan 2006")
	}
	return l.Format("2 Jan 3:04pm")
}

func stateLines(s board.Source, now time.Time) []string {
	var lines []string
	switch s.State {
	case board.SourceUnread:
		lines = append(lines, "unread since "+moment(s.Since, now)+": what came since is in no figure")
	case board.SourceSilent:
		lines = append(lines, "silent since "+moment(s.Since, now)+": longer than is expected of it")
	}
	if s.Problem != "" {
		lines = append(lines, "last try: "+s.Problem)
	}
	return lines
}

// accountLines says what became of the mails of a mailbox.
func accountLines(text json.RawMessage) []string {
	var a email.Account
	if len(text) == 0 || json.Unmarshal(text, &a) != nil {
		return nil
	}
	m := a.Mails
	sum := fmt.Sprintf("%d seen = %d stored + %d known + %d unreadable + %d refused", m.Seen, m.Stored, m.Known, m.Unreadable, m.Refused)
	for _, more := range []struct {
		n    uint64
		what string
	}{{m.BeforeStart, "before the start"}, {m.Gone, "gone"}, {a.Waiting, "waiting"}, {a.Missing, "MISSING"}} {
		if more.n > 0 {
			sum += fmt.Sprintf(" + %d %s", more.n, more.what)
		}
	}
	lines := []string{sum}
	if a.Looked.IsZero() {
		lines = append(lines, "being read for the first time; not held against the whole mailbox yet")
	}
	if a.Missing > 0 {
		lines = append(lines, fmt.Sprintf("MISSING: UID %s of UIDVALIDITY %d", strings.ReplaceAll(a.MissingUIDs, ",", ", "), a.UIDValidity))
	}
	if u := a.Ranges["unreadable"]; u != "" {
		lines = append(lines, fmt.Sprintf("unreadable: UID %s of UIDVALIDITY %d", strings.ReplaceAll(u, ",", ", "), a.UIDValidity))
	}
	return lines
}

// wrap writes text indented by two, in lines of at most 80 columns.
func wrap(b *strings.Builder, text string) {
	const width = 80
	line, indent := "", "  "
	text = strings.Map(func(r rune) rune { // a mail server's own words may be in it
		if unicode.In(r, unicode.Cf, unicode.Cc) && r != '\n' {
			return -1
		}
		return r
	}, text)
	for word := range strings.FieldsSeq(text) {
		switch {
		case line == "":
			line = indent + word
		case len([]rune(line))+1+len([]rune(word)) > width:
			b.WriteString(line + "\n")
			indent = "    "
			line = indent + word
		default:
			line += " " + word
		}
	}
	if line != "" {
		b.WriteString(line + "\n")
	}
}
