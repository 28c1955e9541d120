package email_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/email"
)

// What mail systems write, in their own forms.
func TestResultsAsMailSystemsWriteThem(t *testing.T) {
	for _, tt := range []struct {
		name, value, id string
		want            []string
	}{
		{"Postfix with OpenDKIM", `mx.example.org; dkim=pass (2048-bit key; unprotected) header.d=example.org header.i=@example.org header.a=rsa-sha256 header.s=s1 header.b=dGVzdA==; dkim-atps=neutral`,
			"mx.example.org", []string{"dkim=pass", "dkim-atps=neutral"}},
		{"rspamd", `mx.example.org; dkim=pass header.d=example.org header.s=k1 header.b=B1f/+k=; spf=pass (mx.example.org: domain of jo@example.org designates 192.0.2.7 as permitted sender) smtp.mailfrom=jo@example.org; dmarc=pass (policy=none) header.from=example.org`,
			"mx.example.org", []string{"dkim=pass", "spf=pass", "dmarc=pass"}},
		{"Exchange Online", `spf=pass (sender IP is 192.0.2.7) smtp.mailfrom=example.org; dkim=pass (signature was verified) header.d=example.org;dmarc=pass action=none header.from=example.org;compauth=pass reason=100`,
			"", []string{"spf=pass", "dkim=pass", "dmarc=pass", "compauth=pass"}},
		{"Google", `mx.example.org; dkim=pass header.i=@example.org header.s=s header.b=abc; arc=pass (i=1); dmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=example.org`,
			"mx.example.org", []string{"dkim=pass", "arc=pass", "dmarc=pass"}},
		{"none", "mx.example.org; none", "mx.example.org", nil},
		{"nothing", "mx.example.org", "mx.example.org", nil},
		{"a version", "mx.example.org 1; dkim/1=pass; dkim/2=pass", "mx.example.org", []string{"dkim=pass"}},
		{"comments where they may stand", `(a) mx.example.org (b (c\)) d) 1 (e); (f) dkim (g) = (h) pass (i) header.d (j) = (k) example.org`, "mx.example.org", []string{"dkim=pass"}},
		{"a quoted id", `"MX.example.org"; dkim=pass`, "mx.example.org", []string{"dkim=pass"}},
		{"reason", `mx.example.org; dkim=fail reason="a; dkim=pass header.d=example.org"`, "mx.example.org", []string{"dkim=fail"}},
		{"a semicolon at the end", "mx.example.org; dkim=pass;", "mx.example.org", []string{"dkim=pass"}},
		{"capitals", "MX.Example.org; DKIM=Pass Header.D=Example.org", "mx.example.org", []string{"dkim=pass"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			id, got, _, err := email.ParseResults(tt.value)
			if err != nil || id != tt.id || !slices.Equal(got, tt.want) {
				t.Errorf("parseResults = %q %q, %v, want %q %q", id, got, err, tt.id, tt.want)
			}
		})
	}
	for _, value := range []string{
		"", ";", "mx.example.org 2; dkim=pass", "mx.example.org 1 1; dkim=pass", "mx example; dkim=pass",
		`mx.example.org; dkim=pass (`, `mx.example.org; dkim=pass "`, `mx.example.org; dkim=pass )`, `mx.example.org; =pass`,
		"mx.example.org; dkim=pass; garbage", "mx.example.org; dkim=pass header.d=a.org header.d=b.org", "mx.example.org; dkim=pass\x00",
		"mx.example.org; dkim=pass " + strings.Repeat("x", 17<<10),
	} {
		if id, got, _, err := email.ParseResults(value); err == nil {
			t.Errorf("parseResults(%.60q) = %q %q, want an error", value, id, got)
		}
	}
}

// A border repeats what the sender chose: the envelope's address, a reason, a
// HELO. None of it may become a result.
func TestWhatABorderRepeatsOfTheSenderIsNoResult(t *testing.T) {
	const rest = mx + "From: Jo <jo@example.org>\nSubject: incident\n\nx\n"
	for _, value := range []string{
		`mx.example.org; spf=fail (domain of "a; dkim=pass header.d=example.org; b=c"@evil.invalid) smtp.mailfrom=evil.invalid`,
		`mx.example.org; spf=pass smtp.mailfrom="a; dkim=pass header.d=example.org; b=c"@evil.invalid`,
		`mx.example.org; spf=pass smtp.mailfrom="jo@example.org"@evil.invalid`,
		`mx.example.org; spf=fail (x\); dkim=pass header.d=example.org`,
		`mx.example.org; dkim=fail reason="; dkim=pass header.d=example.org ;" header.d=example.org`,
		`mx.example.org; dkim=fail header.d=example.org (dmarc=pass header.from=example.org)`,
		`mx.example.org; spf=pass smtp.mailfrom=evil.invalid smtp.helo=example.org`,
		`mx.example.org; dmarc=pass`,
		`mx.example.org; dmarc=pass header.from=evil.invalid`,
		`mx.example.org; arc=pass header.d=example.org`,
		`mx.example.org; dkim=pass header.i=@sub.example.org`,
		`mx.example.org; dkim=pass header.d=org`,
		`mx.example.org; dkim=pass header.d=example.org; x`,
		"mx.example.org;\n dkim=none;\n\tspf=none",
		`mx.example.org; none`,
	} {
		if got := facts(t, "Authentication-Results: "+value+"\n"+rest).Trust; got != incident.Unauthenticated {
			t.Errorf("with %s: %q, want unauthenticated", value, got)
		}
	}
	for _, header := range []string{
		"ARC-Authentication-Results: i=1; mx.example.org; dkim=pass header.d=example.org; dmarc=pass header.from=example.org\n",
		"Authentication-Results-Original: mx.example.org; dkim=pass header.d=example.org\n",
		"X-Authentication-Results: mx.example.org; dkim=pass header.d=example.org\n",
		"Subject: =?utf-8?q?x=0D=0AAuthentication-Results:_mx.example.org;_dkim=3Dpass_header.d=3Dexample.org?=\n",
		"Authentication-Results: mx.example.org.evil.invalid; dkim=pass header.d=example.org\n",
		"Authentication-Results: =?utf-8?q?mx.example.org?=; dkim=pass header.d=example.org\n",
		"Authentication-Results: evil.invalid (mx.example.org); dkim=pass header.d=example.org\n",
	} {
		if got := facts(t, header+rest).Trust; got != incident.Unauthenticated {
			t.Errorf("with %s: %q, want unauthenticated", header, got)
		}
	}
	folded := "Authentication-Results:\n\tMX.example.org\n (a comment; with dmarc=fail)\n 1;\n dkim=pass\n\theader.d=Example.ORG\n"
	if got := facts(t, folded+rest).Trust; got != incident.Authenticated {
		t.Errorf("folded: %q, want authenticated", got)
	}
}

// Where the mail system writes no name, the place alone says whose field it is.
func TestResultsWithoutAName(t *testing.T) {
	exo := func(c *email.Config) {
		c.TrustedHops = []string{".mail.protection.example.org"}
		c.Authentication = email.Authentication{
			ResultsWithoutID: true, InternalHeader: &email.HeaderValue{Name: "X-MS-Exchange-Organization-AuthAs", Value: "Internal"},
			InternalHops: []string{".prod.example.org"},
		}
	}
	const (
		store  = "Received: from X.prod.example.org (2001:db8::2) by A.prod.example.org (2001:db8::1) with Microsoft SMTP Server; Mon, 23 Nov 2026 10:20:02 +0000\n"
		border = "Received: from out.example.org (192.0.2.7) by X.mail.protection.example.org (10.0.0.1) with Microsoft SMTP Server; Mon, 23 Nov 2026 10:20:00 +0000\n"
		good   = "Authentication-Results: spf=pass (sender IP is 192.0.2.7) smtp.mailfrom=example.org; dkim=pass (signature was verified) header.d=example.org;dmarc=pass action=none header.from=example.org;compauth=pass reason=100\n"
		bad    = "Authentication-Results: spf=fail smtp.mailfrom=evil.invalid; dkim=none (message not signed) header.d=none;dmarc=fail action=oreject header.from=example.org;compauth=fail reason=000\n"
		as     = "X-MS-Exchange-Organization-AuthAs: "
		rest   = "From: jo@example.org\nSubject: incident\n\nx\n"
	)
	for _, tt := range []struct {
		name, mail string
		want       incident.Trust
	}{
		{"from outside", store + good + border + as + "Anonymous\n" + rest, incident.Authenticated},
		{"from outside, and refuted", store + bad + border + as + "Anonymous\n" + rest, incident.Unauthenticated},
		{"forged below the border", store + border + good + as + "Anonymous\n" + rest, incident.Unauthenticated},
		{"forged below a true one", store + bad + border + good + as + "Anonymous\n" + rest, incident.Unauthenticated},
		{"from within", store + as + "Internal\n" + rest, incident.Aligned},
		{"from within, two values", store + as + "Internal\n" + as + "Anonymous\n" + rest, incident.Unauthenticated},
		{"from within, and refuted", store + bad + border + as + "Internal\n" + rest, incident.Unauthenticated},
		{"by no host of ours", border + as + "Internal\n" + rest, incident.Unauthenticated},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := facts(t, tt.mail, exo).Trust; got != tt.want {
				t.Errorf("Trust = %q, want %q", got, tt.want)
			}
		})
	}
}

// Forms of From that one program reads otherwise than the next.
func TestTheAuthorIsOneAddressThatAllReadAlike(t *testing.T) {
	for value, want := range map[string]string{
		"jo@example.org":                            "jo@example.org",
		"Jo Reporter <Jo@Example.org>":              "jo@example.org",
		`"Reporter, Jo" <jo@example.org>`:           "jo@example.org",
		`"boss@evil.invalid" <jo@example.org>`:      "jo@example.org",
		"=?utf-8?q?J=C3=B3?= <jo@example.org>":      "jo@example.org",
		"jo@example.org (Jo)":                       "jo@example.org",
		"O'Neil <o'neil+x@sub.example.org>":         "o'neil+x@sub.example.org",
		"<jo@example.org>":                          "jo@example.org",
		"":                                          "",
		"Jo":                                        "",
		"jo@example":                                "",
		"jo@.example.org":                           "",
		"jo.@example.org":                           "",
		"jo@example.org, mo@example.org":            "",
		"Team: jo@example.org;":                     "",
		"undisclosed:;":                             "",
		"jo@example.org <a@evil.invalid>":           "",
		"jo@example.org a@evil.invalid":             "",
		"<jo@example.org> <a@evil.invalid>":         "",
		"<jo@example.org>a@evil.invalid":            "",
		"a@evil.invalid (<jo@example.org>)":         "",
		"jo@example.org (a@evil.invalid)":           "",
		"jo@example.org (":                          "",
		`"jo@example.org`:                           "",
		`"jo"@example.org`:                          "",
		`"jo@example.org> x" <a@evil.invalid`:       "",
		"<@evil.invalid:jo@example.org>":            "",
		"jo@example.org\x00@evil.invalid":           "",
		"jo\\@example.org":                          "",
		"jo@example.org>":                           "",
		"jo@exämple.org":                            "",
		"Jo <jo@example.org":                        "",
		"=?utf-8?q?jo=40example.org=3E?= <a@b>":     "",
		"jo@[192.0.2.1]":                            "",
		"Jo <jo@evil.invalid@example.org>":          "",
		strings.Repeat("a", 65) + "@example.org":    "",
		"=?utf-8?q?<jo@example.org>?= <a@ev.org>":   "",
		"(comment (nested) ) jo@example.org":        "jo@example.org",
		"Jo \"The \\\" Reporter\" <jo@example.org>": "jo@example.org",
	} {
		if got := email.Author(value); got != want {
			t.Errorf("author(%q) = %q, want %q", value, got, want)
		}
	}
}

// The table in interpret_trust.go.
func TestWhatOurBorderSaysAndWhatWeVerified(t *testing.T) {
	border := map[string]string{
		"proven": "dkim=pass header.d=example.org; dmarc=pass header.from=example.org", "spf": "spf=pass smtp.mailfrom=example.org",
		"refuted": "dkim=pass header.d=example.org; dmarc=fail header.from=example.org", "nothing": "dkim=none; spf=none; dmarc=none",
	}
	own := map[string][]incident.DKIMResult{
		"pass":      {{Domain: "example.org", Selector: "s", Result: incident.DKIMPass}},
		"fail":      {{Domain: "example.org", Selector: "s", Result: incident.DKIMFail}},
		"policy":    {{Domain: "example.org", Selector: "s", Result: incident.DKIMPolicy}},
		"temperror": {{Domain: "example.org", Selector: "s", Result: incident.DKIMTempError}, {Domain: "example.org", Selector: "t", Result: incident.DKIMFail}},
		"foreign":   {{Domain: "evil.invalid", Selector: "s", Result: incident.DKIMPass}, {Domain: "sub.example.org", Selector: "s", Result: incident.DKIMPass}, {Domain: "org", Selector: "s", Result: incident.DKIMPass}},
		"both":      {{Domain: "example.org", Selector: "old", Result: incident.DKIMPermError}, {Domain: "example.org", Selector: "s", Result: incident.DKIMPass}},
		"none":      nil,
	}
	ownFlag := map[string]incident.Flag{
		"pass": incident.FlagDKIMPass, "both": incident.FlagDKIMPass, "fail": incident.FlagDKIMFail, "policy": incident.FlagDKIMFail,
		"temperror": incident.FlagDKIMUnknown,
	}
	borderFlag := map[string]incident.Flag{
		"proven": incident.FlagResultsPass, "spf": incident.FlagResultsPass, "refuted": incident.FlagResultsFail,
	}
	for b, value := range border {
		for o, signed := range own {
			passes := o == "pass" || o == "both"
			want := incident.Unauthenticated
			switch {
			case b == "refuted":
			case b == "proven", passes:
				want = incident.Authenticated
			case b == "spf":
				want = incident.Aligned
			}
			t.Run(b+" and "+o, func(t *testing.T) {
				s := signal(t, "Authentication-Results: mx.example.org; "+value+"\n"+mx+"From: Jo <jo@example.org>\nSubject: incident\n\nx\n")
				s.DKIM = signed
				f := new(email.Interpreter).Interpret(s, config().Rule()).Parts[0]
				if f.Trust != want {
					t.Errorf("Trust = %q, want %q", f.Trust, want)
				}
				flags := []incident.Flag{incident.FlagReceivedHop}
				for _, flag := range []incident.Flag{ownFlag[o], borderFlag[b]} {
					if flag != "" {
						flags = append(flags, flag)
					}
				}
				if diff := cmp.Diff(flags, f.Flags); diff != "" {
					t.Errorf("flags (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// A signature is believed only where the mailbox says so, and then also beside
// another way.
func TestASignatureCountsWhereItIsAskedFor(t *testing.T) {
	on, off := true, false
	header := &email.HeaderValue{Name: "X-Org-AuthAs", Value: "Internal"}
	for _, tt := range []struct {
		name string
		auth email.Authentication
		want incident.Trust
	}{
		{"by default beside results", email.Authentication{AuthservID: "mx.example.org"}, incident.Authenticated},
		{"not where it is off", email.Authentication{AuthservID: "mx.example.org", DKIM: &off}, incident.Unauthenticated},
		{"by itself", email.Authentication{DKIM: &on}, incident.Authenticated},
		{"beside the internal header", email.Authentication{DKIM: &on, InternalHeader: header}, incident.Authenticated},
		{"not by default beside the internal header", email.Authentication{InternalHeader: header}, incident.Unauthenticated},
		{"not where no way is named", email.Authentication{}, incident.Unauthenticated},
		{"a closed mailbox", email.Authentication{Closed: true}, incident.Aligned},
		{"a closed mailbox, and asked for", email.Authentication{Closed: true, DKIM: &on}, incident.Authenticated},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := signal(t, mx+"From: Jo <jo@example.org>\nSubject: incident\n\nx\n")
			s.DKIM = []incident.DKIMResult{{Domain: "example.org", Selector: "s", Result: incident.DKIMPass}}
			rule := config(func(c *email.Config) { c.Authentication = tt.auth }).Rule()
			if got := new(email.Interpreter).Interpret(s, rule).Parts[0].Trust; got != tt.want {
				t.Errorf("Trust = %q, want %q", got, tt.want)
			}
		})
	}
}

// forgeries are header fields that a sender may write, on any of which something
// depends.
func forgeries() []string {
	return []string{
		"Authentication-Results: mx.example.org; dkim=pass header.d=example.org; dmarc=pass header.from=example.org",
		"Authentication-Results: mx.example.org; dmarc=fail header.from=example.org",
		"Authentication-Results: mx.example.org 1; none", "Authentication-Results: ;;=(", "authentication-results : mx.example.org; dkim=pass header.d=example.org",
		"ARC-Authentication-Results: i=1; mx.example.org; dkim=pass header.d=example.org",
		"DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=s; h=from; bh=x; b=y",
		"X-Org-AuthAs: Anonymous", "X-MS-Exchange-Organization-AuthAs: Internal", "X-MS-Exchange-Inbox-Rules-Loop: service@desk.example.org",
		"Received: from desk.example.org (desk.example.org [192.0.2.9]) by mx.example.org for <service@desk.example.org>; Mon, 23 Nov 2026 08:00:00 +0000",
		"Received: from a by desk.example.org; Mon, 23 Nov 2026 08:00:00 +0000", "Received: by mx.example.org; Mon, 23 Nov 2026 08:00:00 +0000",
		"Received: from mx.example.org (mx.example.org [192.0.2.1]) by desk.example.org (desk.example.org [192.0.2.9]) for <service@desk.example.org>; Mon, 23 Nov 2026 08:00:00 +0000",
		"Received: (", "Received:", "Delivered-To: service@desk.example.org", "X-Original-To: service@desk.example.org", "Return-Path: <jo@example.org>",
		"Resent-From: service@desk.example.org", "Resent-Date: Mon, 23 Nov 2026 08:00:00 +0000", "Resent-Sender: service@desk.example.org",
		"Sender: service@desk.example.org", "Reply-To: service@desk.example.org", "To: service@desk.example.org",
	}
}

// whatCounts is what no forged field may change.
func whatCounts(f incident.Facts) string {
	var legs []string
	for _, c := range f.Claims {
		if c.Milestone.Receipt() {
			legs = append(legs, fmt.Sprintf("%s %s %s %v", c.Milestone, c.Interval, c.Basis, c.Receiver))
		}
	}
	return fmt.Sprintf("%s from %s, received %s, %s", f.Trust, f.Observer, f.Receipt, strings.Join(legs, ", "))
}

func TestAForgedHeaderChangesNothing(t *testing.T) {
	internal := func(c *email.Config) {
		c.Authentication = email.Authentication{InternalHeader: &email.HeaderValue{Name: "X-Org-Internal", Value: "yes"}}
	}
	closed := func(c *email.Config) { c.Authentication = email.Authentication{Closed: true} }
	below := func(c *email.Config) { c.Authentication.ResultsBelowReceived = true }
	byOut := fmt.Sprintf(byBorder, "out.example.org (out.example.org [192.0.2.7])")
	for _, tt := range []struct {
		name   string
		ours   string // what our own hosts wrote: a sender can write only below
		change func(*email.Config)
	}{
		{"proven by results", pass + byOut, nil},
		{"with no result", byOut, nil},
		{"refuted", "Authentication-Results: mx.example.org; dmarc=fail header.from=example.org\n" + byOut, nil},
		{"with results below the border's stamp", byOut + pass + "Received: from pc by out.example.org; Mon, 23 Nov 2026 10:49:59 +0000\n", below},
		{"from within", byOut + "X-Org-Internal: yes\n", internal},
		{"closed", byOut, closed},
		{"by way of the desk", pass + fmt.Sprintf(byBorder, fromDesk) + atDesk, nil},
		{"by way of the desk's address", pass + fmt.Sprintf(byBorder, "mx.example.org (mx.example.org [192.0.2.1])") +
			"Received: from out.example.org (out.example.org [192.0.2.7]) by mx.example.org for <service@desk.example.org>; Mon, 23 Nov 2026 09:20:00 +0000\n", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			change := func(c *email.Config) {
				if tt.change != nil {
					tt.change(c)
				}
			}
			const head, text = "From: Jo <jo@example.org>\nSubject: incident\nMessage-ID: <one@example.org>\n", "\nx\n"
			want := whatCounts(late(t, tt.ours+head+text, change))
			rapid.Check(t, func(rt *rapid.T) {
				lines := strings.SplitAfter(head, "\n")
				lines = lines[:len(lines)-1]
				for range rapid.IntRange(1, 6).Draw(rt, "number") {
					forged := rapid.SampledFrom(forgeries()).Draw(rt, "field") + "\n"
					lines = slices.Insert(lines, rapid.IntRange(0, len(lines)).Draw(rt, "place"), forged)
				}
				mail := tt.ours + strings.Join(lines, "") + text
				if got := whatCounts(late(t, mail, change)); got != want {
					rt.Errorf("%s\nwant %s\nby\n%s", got, want, mail)
				}
			})
			// Another author does change something, and never for the better.
			for _, forged := range []string{"From: boss@example.org\n", "From: Team: jo@example.org;\n"} {
				if f := late(t, tt.ours+forged+head+text, change); f.Trust.Known() {
					t.Errorf("with two From fields: %s, want unauthenticated", f.Trust)
				}
			}
		})
	}
}

func FuzzParseResults(f *testing.F) {
	for _, s := range forgeries() {
		if value, ok := strings.CutPrefix(s, "Authentication-Results: "); ok {
			f.Add(value, "a")
		}
	}
	f.Add(`mx.example.org; spf=pass (x) smtp.mailfrom="a b"@example.org`, `"); dkim=pass (`)
	f.Fuzz(func(t *testing.T, value, chosen string) {
		if _, _, props, err := email.ParseResults(value); err == nil {
			for _, p := range props {
				for k := range p {
					if strings.ContainsAny(k, "();= \t") {
						t.Errorf("parseResults(%q) gives the property %q", value, k)
					}
				}
			}
		}
		// A border that quotes what the sender chose, as RFC 8601 asks.
		quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(chosen) + `"`
		_, got, _, err := email.ParseResults("mx.example.org; spf=fail smtp.mailfrom=" + quoted + "@evil.invalid")
		if err == nil && !slices.Equal(got, []string{"spf=fail"}) {
			t.Errorf("a sender who chose %q wrote the results %q", chosen, got)
		}
	})
}

// Whatever the header holds, reading it comes to an end and never to a panic, and
// a mail without a stamp of ours is never believed by its own results.
func FuzzWhoSaysSo(f *testing.F) {
	for _, s := range forgeries() {
		f.Add(s+"\n", fmt.Sprintf(byBorder, fromDesk)+atDesk)
	}
	x := &email.Interpreter{}
	rule := config(desk).Rule()
	f.Fuzz(func(t *testing.T, forged, ours string) {
		s := signal(t, "")
		s.Raw = []byte(strings.ReplaceAll(forged+reporter, "\n", "\r\n"))
		for _, p := range x.Interpret(s, rule).Parts {
			if p.Trust.Known() && !strings.Contains(strings.ToLower(forged), "mx.example.org") {
				t.Errorf("%q is believed", forged)
			}
		}
		s.Raw = []byte(strings.ReplaceAll(ours+forged+reporter, "\n", "\r\n"))
		for _, p := range x.Interpret(s, rule).Parts {
			for _, c := range p.Claims {
				if c.Milestone == incident.ReportedToDesk && c.Interval.Latest.After(p.Receipt) {
					t.Errorf("the desk was told at %s, after us at %s", c.Interval.Latest, p.Receipt)
				}
			}
		}
	})
}
