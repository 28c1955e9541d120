package email_test

import (
	"testing"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/email"
)

func TestTrustByAuthenticationResults(t *testing.T) {
	const rest = "From: Jo <jo@example.org>\nSubject: incident\n\nx\n"
	results := func(s string) string { return "Authentication-Results: " + s + "\n" }
	for _, tt := range []struct {
		name string
		mail string
		want incident.Trust
	}{
		{"dkim of the sender's domain", results("mx.example.org; dkim=pass header.d=example.org") + mx + rest, incident.Authenticated},
		{"dkim by its identity", results("mx.example.org; dkim=pass header.i=@example.org") + mx + rest, incident.Authenticated},
		{"dmarc", results("mx.example.org; dmarc=pass header.from=example.org") + mx + rest, incident.Authenticated},
		{"spf only", results("mx.example.org; spf=pass smtp.mailfrom=jo@example.org") + mx + rest, incident.Aligned},
		{"with a version behind the id", results("mx.example.org 1; dkim=pass header.d=example.org") + mx + rest, incident.Authenticated},
		{"dkim of a domain above", results("mx.example.org; dkim=pass header.d=example.org") + mx + "From: jo@desk.example.org\nSubject: incident\n\nx\n", incident.Authenticated},

		{"no result", mx + rest, incident.Unauthenticated},
		{"dkim of another domain", results("mx.example.org; dkim=pass header.d=evil.invalid") + mx + rest, incident.Unauthenticated},
		{"dkim of a domain that ends alike", results("mx.example.org; dkim=pass header.d=ample.org") + mx + "From: jo@ex.ample.org.invalid\n\nx\n", incident.Unauthenticated},
		{"dkim of a sub-domain", results("mx.example.org; dkim=pass header.d=sub.example.org") + mx + rest, incident.Unauthenticated},
		{"dkim failed", results("mx.example.org; dkim=fail header.d=example.org") + mx + rest, incident.Unauthenticated},
		{"spf of another domain", results("mx.example.org; spf=pass smtp.mailfrom=evil.invalid") + mx + rest, incident.Unauthenticated},
		{"dmarc failed beside a passing dkim", results("mx.example.org; dkim=pass header.d=example.org; dmarc=fail header.from=example.org") + mx + rest, incident.Unauthenticated},
		{"the results of another host", results("mx.evil.invalid; dkim=pass header.d=example.org") + mx + rest, incident.Unauthenticated},
		{"results that cannot be read", results("mx.example.org; ;;=") + mx + rest, incident.Unauthenticated},

		{"forged below the border's stamp", mx + results("mx.example.org; dkim=pass header.d=example.org") + rest, incident.Unauthenticated},
		{"forged below a true one that failed", results("mx.example.org; dkim=fail header.d=example.org") + results("mx.example.org; dkim=pass header.d=example.org") + mx + rest, incident.Unauthenticated},
		{"not by way of the border", results("mx.example.org; dkim=pass header.d=example.org") + rest, incident.Unauthenticated},
		{"two From fields", results("mx.example.org; dkim=pass header.d=example.org") + mx + "From: a@evil.invalid\n" + rest, incident.Unauthenticated},
		{"two addresses in From", results("mx.example.org; dkim=pass header.d=example.org") + mx + "From: jo@example.org, a@evil.invalid\nSubject: incident\n\nx\n", incident.Unauthenticated},
		{"an address as display name", results("mx.example.org; dkim=pass header.d=evil.invalid") + mx + "From: \"jo@example.org\" <a@evil.invalid>\nSubject: x\n\nx\n", incident.Authenticated},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := facts(t, tt.mail).Trust; got != tt.want {
				t.Errorf("Trust = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestTheDisplayNameIsNobody(t *testing.T) {
	f := facts(t, mx+"From: \"jo@example.org\" <A@Evil.invalid>\nSubject: x\n\nx\n")
	if f.Observer != "a@evil.invalid" {
		t.Errorf("Observer = %q, want the address", f.Observer)
	}
}

func TestResultsBelowTheStampWhereTheMailSystemWritesThemThere(t *testing.T) {
	const result = "Authentication-Results: mx.example.org; dkim=pass header.d=example.org\n"
	const earlier = "Received: from pc by out.example.org; Mon, 23 Nov 2026 10:19:59 +0000\n"
	const rest = "From: jo@example.org\nSubject: incident\n\nx\n"
	below := func(c *email.Config) { c.Authentication.ResultsBelowReceived = true }
	if got := facts(t, mx+result+earlier+rest, below).Trust; got != incident.Authenticated {
		t.Errorf("just below the border's stamp: %q, want authenticated", got)
	}
	if got := facts(t, mx+earlier+result+rest, below).Trust; got != incident.Unauthenticated {
		t.Errorf("below an earlier hop's stamp: %q, want unauthenticated", got)
	}
}

// Scenario 25: mail from within carries no result of SPF and DKIM.
func TestTrustOfMailFromWithin(t *testing.T) {
	header := func(c *email.Config) {
		c.Authentication = email.Authentication{InternalHeader: &email.HeaderValue{Name: "X-Org-AuthAs", Value: "Internal"}}
	}
	closed := func(c *email.Config) { c.Authentication = email.Authentication{Closed: true} }
	none := func(c *email.Config) { c.Authentication = email.Authentication{} }
	const rest = "From: jo@example.org\nSubject: incident\n\nx\n"
	for _, tt := range []struct {
		name   string
		mail   string
		change func(*email.Config)
		want   incident.Trust
	}{
		{"the header, behind the trusted host", mx + "X-Org-AuthAs: internal\n" + rest, header, incident.Aligned},
		{"another value", mx + "X-Org-AuthAs: Anonymous\n" + rest, header, incident.Unauthenticated},
		{"a forged one below the true one", mx + "X-Org-AuthAs: Anonymous\nX-Org-AuthAs: Internal\n" + rest, header, incident.Unauthenticated},
		{"no header", mx + rest, header, incident.Unauthenticated},
		{"the header, by another way", "Received: from mx.example.org by other.invalid; Mon, 23 Nov 2026 10:20:01 +0000\n" + mx + "X-Org-AuthAs: Internal\n" + rest, header, incident.Unauthenticated},
		{"the header, by no host", "X-Org-AuthAs: Internal\n" + rest, header, incident.Unauthenticated},
		{"a result, where the header is asked for", pass + mx + rest, header, incident.Unauthenticated},
		{"a closed mailbox", rest, closed, incident.Aligned},
		{"a closed mailbox and no sender", "Subject: incident\n\nx\n", closed, incident.Unauthenticated},
		{"no way named", pass + mx + "X-Org-AuthAs: Internal\n" + rest, none, incident.Unauthenticated},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := facts(t, tt.mail, tt.change).Trust; got != tt.want {
				t.Errorf("Trust = %q, want %q", got, tt.want)
			}
		})
	}
}
