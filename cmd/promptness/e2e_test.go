package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/alertmanagertest"
	"github.com/ministryofjustice/incident-promptness/internal/dovecot"
	"github.com/ministryofjustice/incident-promptness/internal/eventually"
	"github.com/ministryofjustice/incident-promptness/internal/prometheustest"
	"github.com/ministryofjustice/incident-promptness/report"
	"github.com/ministryofjustice/incident-promptness/report/board"
)

// TestFromAnAlertToAVerdictWithDebiansOwnServers runs promptness between an
// Alertmanager that detects, a Dovecot to which people report, an Alertmanager
// that is told, and a Prometheus that asks.
func TestFromAnAlertToAVerdictWithDebiansOwnServers(t *testing.T) {
	t.Parallel() // it mostly waits
	w := newOffice(t)

	t.Run("an alert raised in Alertmanager opens an incident detected at its startsAt", func(t *testing.T) {
		started := time.Now().Add(-20 * time.Minute).UTC().Truncate(time.Millisecond)
		in := w.raise(t, "first", started)
		if got := in.Clocks[0].Start; !got.Earliest.Equal(started) || !got.Latest.Equal(started) {
			t.Errorf("detected = %s, want exactly %s", got, started.Format(time.RFC3339Nano))
		}
		if got := in.Clocks[0].State; got != incident.Running {
			t.Errorf("state = %s, want running", got)
		}
	})

	t.Run("a mail with its reference and the host's result header stops the clock", func(t *testing.T) {
		in := w.raise(t, "second", time.Now().Add(-15*time.Minute))
		w.box.Deliver(w.mail(in.Ref, true))
		w.state(t, in.Ref, incident.Met)
	})

	t.Run("a mail without that header does not, until a person vouches for it", func(t *testing.T) {
		in := w.raise(t, "third", time.Now().Add(-10*time.Minute))
		w.box.Deliver(w.mail(in.Ref, false))
		var leaf report.Row
		w.eventually(t, "the mail to hang on the incident", func() bool {
			leaf = w.incident(t, in.Ref)
			return leaf.Signals == 2
		})
		if leaf.Clocks[0].State != incident.Running || leaf.Leaves != 1 {
			t.Fatalf("after an unauthenticated mail: %s with %d leaves, want running with 1", leaf.Clocks[0].State, leaf.Leaves)
		}
		w.run(t, w.decision(t, in.Ref, incident.DecideVouch)...)
		w.state(t, in.Ref, incident.Met)
	})

	t.Run("PromQL in Prometheus returns the verdicts", func(t *testing.T) {
		prom := prometheustest.Start(t, strings.TrimPrefix(w.child.admin, "http://"))
		query := `sum(promptness_month_incidents{policy="pol-imp-002",state="met"})` // both months: this may run at midnight on a first
		w.eventually(t, "two met incidents in "+query, func() bool {
			v, ok := prom.Value(query)
			return ok && v == 2
		})
	})

	t.Run("the true limit passes, is told once, and ends when the report arrives", func(t *testing.T) {
		in := w.raise(t, "fourth", time.Now().Add(-59*time.Minute-50*time.Second))
		labels := map[string]string{"alertname": "PromptnessDeadline", "incident": string(in.Ref)}
		if got := w.told.Alert(labels); len(got) != 0 {
			t.Fatalf("told before the limit: %v", got)
		}
		w.eventually(t, "Alertmanager to hold the deadline", func() bool { return len(w.told.Alert(labels)) == 1 })
		w.state(t, in.Ref, incident.Overdue)
		again := time.NewTimer(3 * time.Second)
		<-again.C
		if got := w.told.Alert(labels); len(got) != 1 {
			t.Errorf("Alertmanager holds %d deadlines of %s, want one", len(got), in.Ref)
		}
		w.box.Deliver(w.mail(in.Ref, true))
		w.state(t, in.Ref, incident.Breached)
		w.eventually(t, "the deadline to be resolved", func() bool { return len(w.told.Alert(labels)) == 0 })
	})

	if out := w.run(t, "verify"); !strings.Contains(out, "verified") {
		t.Errorf("verify said %q", out)
	}
	if !w.box.Untouched() {
		t.Error("a flag of the mailbox was changed")
	}
	w.child.stop()
}

// An office is promptness and the servers round it.
type office struct {
	child  *child
	dir    string
	box    *dovecot.Server
	source *alertmanagertest.Server // detects
	told   *alertmanagertest.Server // is told
	mails  int
}

func newOffice(t *testing.T) *office {
	t.Helper()
	w := &office{dir: t.TempDir(), box: dovecot.Start(t), told: alertmanagertest.Start(t, "")}
	secret := filepath.Join(w.dir, "am.token")
	if err := os.WriteFile(secret, []byte("a-token-of-the-alertmanager-that-detects\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	hooks, admin := configure(t, w.dir, fmt.Sprintf(`
sources:
  - channel: webhook
    name: siem
    kind: alertmanager
    auth: {kind: bearer, token_file: %[1]s}
  - channel: email
    name: mailbox
    tells: reported
    address: %[2]s
    tls: starttls
    ca_file: %[3]s
    username: %[4]s
    password_file: %[5]s
    poll: 1s
    trusted_hops: [mx.example.org]
    authentication: {authserv_id: mx.example.org}
alerting:
  alertmanager:
    peers: [{name: on-call, url: %[6]s}]
`, secret, w.box.Addr, w.box.CAFile, dovecot.User, w.box.PasswordFile, w.told.URL))
	w.source = alertmanagertest.Start(t, fmt.Sprintf(`
route: {receiver: promptness, group_by: ['...'], group_wait: 0s, group_interval: 1s}
receivers:
  - name: promptness
    webhook_configs:
      - url: %s/in/siem
        http_config: {authorization: {credentials: a-token-of-the-alertmanager-that-detects}}
`, hooks))
	if out, err := command(t.Context(), w.dir, "check", "promptness.yml").CombinedOutput(); err != nil {
		t.Fatalf("check: %v\n%s", err, out)
	}
	w.child = startChild(t, w.dir, hooks, admin)
	w.eventually(t, "the mailbox to be read", func() bool {
		var s board.Sources
		w.get(t, "/v1/sources", &s)
		for _, x := range s.Sources {
			if x.Name == "mailbox" {
				return !x.Watermark.IsZero()
			}
		}
		return false
	})
	return w
}

func (w *office) eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	eventually.Eventually(t, 60*time.Second, what, ok)
}

// run runs promptness as a person at a terminal would.
func (w *office) run(t *testing.T, args ...string) string {
	t.Helper()
	cmd := command(t.Context(), w.dir, append([]string{"--config", "promptness.yml", "--server", w.child.admin}, args...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("promptness %s: %v\n%s%s", strings.Join(args, " "), err, out.String(), errs.String())
	}
	return out.String()
}

func (w *office) get(t *testing.T, path string, into any) {
	t.Helper()
	body, err := get(t.Context(), w.child.admin+path, token(t, w.dir, ownNumber))
	if err == nil {
		err = json.Unmarshal(body, into)
	}
	if err != nil {
		t.Fatalf("GET %s: %v", path, err)
	}
}

func (w *office) rows(t *testing.T) []report.Row {
	t.Helper()
	var list board.Incidents
	w.get(t, "/v1/incidents", &list)
	return list.Incidents
}

func (w *office) incident(t *testing.T, ref incident.Ref) report.Row {
	t.Helper()
	for _, r := range w.rows(t) {
		if r.Ref == ref {
			return r
		}
	}
	t.Fatalf("no incident %s", ref)
	return report.Row{}
}

// state waits for the clock of an incident to come to a state.
func (w *office) state(t *testing.T, ref incident.Ref, want incident.State) {
	t.Helper()
	w.eventually(t, fmt.Sprintf("%s to be %s", ref, want), func() bool {
		r := w.incident(t, ref)
		return len(r.Clocks) == 1 && r.Clocks[0].State == want
	})
}

// raise posts an alert to the Alertmanager that detects and waits for the new
// incident.
func (w *office) raise(t *testing.T, name string, started time.Time) report.Row {
	t.Helper()
	known := map[incident.Ref]bool{}
	for _, r := range w.rows(t) {
		known[r.Ref] = true
	}
	w.source.Post(fmt.Sprintf(`[{"labels":{"alertname":"Suspicious","severity":"high","case":%q},"annotations":{"summary":"made up"},"startsAt":%q}]`,
		name, started.UTC().Format(time.RFC3339Nano)))
	var made report.Row
	w.eventually(t, "the alert "+name+" to open an incident", func() bool {
		for _, r := range w.rows(t) {
			if !known[r.Ref] {
				made = r
				return len(r.Clocks) == 1
			}
		}
		return false
	})
	return made
}

// mail is a report that quotes ref; with the result header of the configured
// host, or with one that a stranger wrote.
func (w *office) mail(ref incident.Ref, authenticated bool) []byte {
	w.mails++
	host := "mx.example.org"
	if !authenticated {
		host = "mx.stranger.invalid"
	}
	now := time.Now()
	return fmt.Appendf(nil, "Authentication-Results: %s; dkim=pass header.d=example.org; dmarc=pass header.from=example.org\r\n"+
		"Received: from relay.example.org by mx.example.org with ESMTPS; %s\r\n"+
		"From: Somebody <reporter@example.org>\r\nTo: team@example.org\r\nSubject: Security incident %s\r\n"+
		"Message-ID: <e2e-%d-%d@example.org>\r\nDate: %s\r\n\r\nI report what %s is about.\r\n",
		host, now.Format(time.RFC1123Z), ref, w.mails, now.UnixNano(), now.Format(time.RFC1123Z), ref)
}

// decision returns the command that the list of decisions says settles one.
func (w *office) decision(t *testing.T, ref incident.Ref, kind incident.DecisionKind) []string {
	t.Helper()
	var list board.Decisions
	w.get(t, "/v1/decisions", &list)
	for _, d := range list.Decisions {
		if d.Ref == ref && d.Kind == kind {
			return strings.Fields(d.Commands[0])[1:]
		}
	}
	t.Fatalf("no decision %s of %s in %+v", kind, ref, list.Decisions)
	return nil
}

// get returns the body of an answer of the API.
func get(ctx context.Context, url, token string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", res.Status, body)
	}
	return body, err
}
