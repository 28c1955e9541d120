package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/email"
	"github.com/ministryofjustice/incident-promptness/internal/dovecot"
	"github.com/ministryofjustice/incident-promptness/internal/eventually"
	"github.com/ministryofjustice/incident-promptness/report/board"
)

// mailboxOf is a source that reads all of a Dovecot, in YAML.
func mailboxOf(s *dovecot.Server) string {
	return fmt.Sprintf("  - {channel: email, name: reports, tells: reported, address: %q, tls: starttls, ca_file: %s, username: %s, password_file: %s, poll: 1s, start: all}\n",
		s.Addr, s.CAFile, dovecot.User, s.PasswordFile)
}

// deliver puts mails into the mailbox, each of something else.
func deliver(s *dovecot.Server, from, to int) {
	for i := from; i < to; i++ {
		s.Deliver(fmt.Appendf(nil, "From: Somebody <reporter@example.org>\r\nTo: team@example.org\r\nSubject: lost laptop %d\r\n"+
			"Message-ID: <lost-%d@example.org>\r\nDate: %s\r\n\r\nA laptop was lost: number %d.\r\n", i, i, time.Now().Format(time.RFC1123Z), i))
	}
}

// account asks what became of the mails, as the API tells it.
func (c *child) account(token string) (a email.Account, state string) {
	body, err := get(c.t.Context(), c.admin+"/v1/sources", token)
	var list board.Sources
	if err != nil || json.Unmarshal(body, &list) != nil {
		return a, ""
	}
	for _, s := range list.Sources {
		if s.Name == "reports" && json.Unmarshal(s.Account, &a) == nil {
			return a, s.State
		}
	}
	return email.Account{}, ""
}

// TestEveryMailOfAMailboxIsInTheRecordOnce kills the whole program while it reads
// a mailbox, and compares the record with the mailbox.
func TestEveryMailOfAMailboxIsInTheRecordOnce(t *testing.T) {
	t.Parallel() // it mostly waits
	const mails = 600
	box, dir := dovecot.Start(t), t.TempDir()
	deliver(box, 0, mails/2)
	hooks, admin := configure(t, dir, "sources:\n"+mailboxOf(box))
	var c *child
	for round := range 4 {
		c = startChild(t, dir, hooks, admin)
		switch round {
		case 0:
			deliver(box, mails/2, mails)
		case 1:
			box.ResetUIDValidity()
		}
		if round == 3 {
			break
		}
		tok := token(t, dir, ownNumber)
		at := uint64(round+1) * mails / 6
		eventually.Eventually(t, 60*time.Second, fmt.Sprintf("%d mails are stored", at), func() bool {
			a, _ := c.account(tok)
			return a.Mails.Stored >= at
		})
		c.kill()
	}
	tok := token(t, dir, ownNumber)
	var a email.Account
	eventually.Eventually(t, 60*time.Second, "all mails are read", func() bool {
		var state string
		a, state = c.account(tok)
		return state == board.SourceRead && a.Mails.Stored+a.Mails.Known >= mails && a.Waiting == 0 && !a.Looked.IsZero() && a.LastUID >= mails
	})
	if m := a.Mails; a.Missing != 0 || m.Seen != m.Stored+m.Known {
		t.Errorf("account %+v, want what was seen stored or known, and none missing", a)
	}

	// As a person sees it, and as Prometheus does.
	out, err := command(t.Context(), dir, "--config", "promptness.yml", "--server", c.admin, "sources").CombinedOutput()
	want := fmt.Sprintf("%d seen = %d stored + %d known + 0 unreadable + 0 refused\n", a.Mails.Seen, a.Mails.Stored, a.Mails.Known)
	if err != nil || !strings.Contains(string(out), want) || strings.Contains(string(out), "MISSING") {
		t.Errorf("promptness sources (%v) said\n%swant %s", err, out, want)
	}
	metrics, err := get(t.Context(), c.admin+"/metrics", tok)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		fmt.Sprintf(`promptness_source_mails{outcome="seen",source="reports"} %d.0`, a.Mails.Seen),
		fmt.Sprintf(`promptness_source_mails{outcome="stored",source="reports"} %d.0`, a.Mails.Stored),
		`promptness_source_mails{outcome="unreadable",source="reports"} 0.0`,
		`promptness_source_missing_mails{source="reports"} 0.0`,
		`promptness_source_moves_total{result="moved",source="reports"} 0.0`,
		`promptness_source_moves_total{result="failed",source="reports"} 0.0`,
	} {
		if plain := strings.TrimSuffix(line, ".0"); !bytes.Contains(metrics, []byte(line)) && !bytes.Contains(metrics, []byte(plain+"\n")) {
			t.Errorf("the metrics lack %s", line)
		}
	}
	for _, name := range []string{"promptness_source_looked_timestamp_seconds", "promptness_source_latest_mail_timestamp_seconds"} {
		if !bytes.Contains(metrics, []byte(name+`{source="reports"} 1.`)) {
			t.Errorf("the metrics lack an instant of %s", name)
		}
	}
	eventually.Eventually(t, 60*time.Second, "all is folded", func() bool {
		body, err := get(t.Context(), c.admin+"/metrics", tok)
		return err == nil && !bytes.Contains(body, []byte("\npromptness_oldest_unprocessed_signal_timestamp_seconds "))
	})
	c.stop()

	cfg, err := Load(filepath.Join(dir, "promptness.yml"))
	if err != nil {
		t.Fatal(err)
	}
	made := entriesBySignal(t, inDir(cfg, dir))
	if len(made) != mails {
		t.Errorf("%d signals are in the record, want the %d mails", len(made), mails)
	}
	for mark, kinds := range made {
		// What the vault took again, after a kill or a renumbering, the record knows.
		again := slices.DeleteFunc(slices.Clone(kinds), func(k incident.Kind) bool { return k == incident.KindRepeated })
		if len(again) != 1 {
			t.Errorf("signal %s was folded %d times: %v", mark, len(again), kinds)
		}
	}
}

// TestAnyProcessSaysWhatBecameOfTheMails asks the one that does not read them.
func TestAnyProcessSaysWhatBecameOfTheMails(t *testing.T) {
	t.Parallel() // it mostly waits
	box := dovecot.Start(t)
	deliver(box, 0, 3)
	f := newFleet(t)
	f.more = mailboxOf(box)
	f.start(t, "ingest", RoleIngest)
	process := f.start(t, "process", RoleProcess)
	tok, err := os.ReadFile(f.token)
	if err != nil {
		t.Fatal(err)
	}
	var a email.Account
	eventually.Eventually(t, 60*time.Second, "the processor to know of three mails", func() bool {
		var state string
		a, state = process.account(strings.TrimSpace(string(tok)))
		return state == board.SourceRead && a.Mails.Seen >= 3 && !a.Looked.IsZero()
	})
	if want := (email.Mails{Seen: 3, Stored: 3}); a.Mails != want || a.Missing != 0 {
		t.Errorf("account %+v, want %+v", a, want)
	}
}
