package email_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ministryofjustice/incident-promptness/incident"
)

func TestKeys(t *testing.T) {
	ours := incident.NewRef(4711)
	strong := func(kind incident.KeyKind, v string) incident.Key { return incident.Key{Kind: kind, Value: v} }
	weak := func(kind incident.KeyKind, v string) incident.Key {
		return incident.Key{Kind: kind, Value: v, Weak: true}
	}
	for _, tt := range []struct {
		name string
		mail string
		want []incident.Key
	}{
		{
			"a thread", "Message-ID: <c@example.org>\nIn-Reply-To: <b@example.org>\nReferences: <r@example.org>\n <a@example.org> <b@example.org>\n\nx\n",
			[]incident.Key{
				strong(incident.KeyMail, "c@example.org"), strong(incident.KeyMail, "b@example.org"),
				strong(incident.KeyMail, "r@example.org"), strong(incident.KeyMail, "a@example.org"),
			},
		},
		{"ids without brackets", "In-Reply-To: b@example.org\n\nx\n", []incident.Key{strong(incident.KeyMail, "b@example.org")}},
		{"our reference in the subject", "Subject: RE: [" + strings.ToUpper(string(ours)) + "] breach\n\nx\n", []incident.Key{strong(incident.KeyOwn, string(ours))}},
		{"our reference in new text", "\nsee " + string(ours) + ".\n", []incident.Key{strong(incident.KeyOwn, string(ours))}},
		{"our reference in quoted text", "\nnothing new\n> see " + string(ours) + "\n", []incident.Key{weak(incident.KeyOwn, string(ours))}},
		{"our reference mistyped", "\nsee " + string(ours[:len(ours)-1]) + "!\n", nil},
		{"the only ticket", "Subject: RE: inc0012345\n\nx\n", []incident.Key{strong(incident.KeyTicket, "INC0012345")}},
		{"the only one of its kind, twice", "Subject: INC0012345\n\nINC0012345 and REQ0000001\n", []incident.Key{strong(incident.KeyTicket, "INC0012345"), strong(incident.KeyTicket, "REQ0000001")}},
		{"several tickets of a kind", "\nINC0012345 and INC0012346\n", []incident.Key{weak(incident.KeyTicket, "INC0012345"), weak(incident.KeyTicket, "INC0012346")}},
		{"one of several in a labelled line", "\nReference: INC0012346\nlike INC0012345\n", []incident.Key{strong(incident.KeyTicket, "INC0012346"), weak(incident.KeyTicket, "INC0012345")}},
		{"a ticket in quoted text", "\nx\n> INC0012345\n", []incident.Key{weak(incident.KeyTicket, "INC0012345")}},
		{"a labelled reference of an unknown system", "\nReference: SEC/2026/17\n", []incident.Key{weak(incident.KeyTicket, "SEC/2026/17")}},
		{"no reference yet", "\nReference: n/a\n", nil},
		{"too short a number", "\nINC001\n", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := facts(t, pass+mx+"From: jo@example.org\n"+tt.mail)
			if diff := cmp.Diff(tt.want, f.Keys); diff != "" {
				t.Errorf("keys (-want +got):\n%s", diff)
			}
		})
	}
}

// Scenario 52: a forward with a new Message-ID and the original attached.
func TestTheMessageIDOfAnAttachedMailIsStrong(t *testing.T) {
	f := facts(t, pass+mx+`From: jo@example.org
Subject: FW: suspicious mail
Message-ID: <outer@example.org>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain

please look, Detected: see attached
--b
Content-Type: message/rfc822

From: al@example.org
Subject: INC0012345
Message-ID: <inner@example.org>

Detected: 23/11/2026 08:15
--b--
`)
	want := []incident.Key{
		{Kind: incident.KeyMail, Value: "outer@example.org"},
		{Kind: incident.KeyMail, Value: "inner@example.org"},
		{Kind: incident.KeyTicket, Value: "INC0012345", Weak: true},
	}
	if diff := cmp.Diff(want, f.Keys); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	for _, c := range f.Claims {
		if c.Milestone == incident.Detected && c.Basis != incident.Derived {
			t.Errorf("the attached mail's words are %q, want derived", c.Basis)
		}
	}
}

func TestManyReferencesKeepTheNearest(t *testing.T) {
	var refs strings.Builder
	for i := range 300 {
		fmt.Fprintf(&refs, " <r%d@example.org>\n", i)
	}
	f := facts(t, pass+mx+"From: jo@example.org\nMessage-ID: <me@example.org>\nReferences:"+refs.String()+"\nx\n")
	if len(f.Keys) < incident.MaxKeys {
		t.Fatalf("%d keys, want at least %d", len(f.Keys), incident.MaxKeys)
	}
	for i, want := range []string{"me@example.org", "r0@example.org", "r299@example.org", "r298@example.org"} {
		if f.Keys[i].Value != want {
			t.Errorf("key %d = %q, want %q", i, f.Keys[i].Value, want)
		}
	}
}
