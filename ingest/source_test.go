package ingest_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest"
	"github.com/ministryofjustice/incident-promptness/internal/conf"
)

func decode(t *testing.T, text string) (ingest.Source, error) {
	t.Helper()
	// As a channel's Config holds it.
	var c struct {
		ingest.Source `yaml:",inline"`
		Kind          string `yaml:"kind"`
	}
	err := conf.Decode("promptness.yaml", []byte(text), &c)
	return c.Source, err
}

func TestTellsIsOneWordOrAListWithDates(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       ingest.Telling
	}{
		{"one word", "name: siem\nkind: json\ntells: reported\n", ingest.Telling{{Tells: incident.TellsTeam}}},
		{"absent", "name: siem\n", nil},
		{
			"an address that changed hands", "name: siem\ntells:\n  - tells: nothing\n  - tells: reported\n    from: 2026-11-01\n",
			ingest.Telling{{Tells: incident.TellsNothing}, {Tells: incident.TellsTeam, From: "2026-11-01"}},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := decode(t, tt.text)
			if err != nil {
				t.Fatal(err)
			}
			if err := got.Validate(); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, got.Tells); d != "" {
				t.Errorf("tells (-want +got):\n%s", d)
			}
		})
	}
}

func TestAKeyThatTellsDoesNotKnowIsRefusedWithItsLine(t *testing.T) {
	_, err := decode(t, "name: siem\ntells:\n  - tells: reported\n    since: 2026-11-01\n")
	if err == nil || !strings.Contains(err.Error(), "promptness.yaml:4") || !strings.Contains(err.Error(), "since") {
		t.Errorf("decode = %v, want it to name since on line 4", err)
	}
}

func TestTheRuleSaysWhatTheSourceSays(t *testing.T) {
	s, err := decode(t, "name: siem\ntells: reported\ntolerance: 2m\norganisation: hmcts\n")
	if err != nil {
		t.Fatal(err)
	}
	want := incident.SourceRule{
		Name: "siem", Channel: incident.ChannelWebhook, Organisation: "hmcts",
		Tells:     []incident.TellsFrom{{Tells: incident.TellsTeam}},
		Tolerance: incident.Span(2 * time.Minute),
	}
	if d := cmp.Diff(want, s.Rule(incident.ChannelWebhook)); d != "" {
		t.Errorf("rule (-want +got):\n%s", d)
	}
}

func TestTheRuleSaysHowOftenSomethingIsExpected(t *testing.T) {
	s, err := decode(t, "name: reports\nunread_after: 20m\nexpect_every: 72h\n")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	r := s.Rule(incident.ChannelEmail)
	if r.Unread() != 20*time.Minute || r.ExpectEvery.D() != 72*time.Hour {
		t.Errorf("rule = unread after %s, expected every %s; want 20m and 72h", r.Unread(), r.ExpectEvery)
	}
	silent := ingest.Source{Name: "reports"}.Rule(incident.ChannelEmail)
	if silent.UnreadAfter != 0 || silent.ExpectEvery != 0 {
		t.Errorf("rule of a source that says nothing = %+v, want its text as it was before these keys", silent)
	}
}

func TestARhythmThatCannotBeMeantIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		"unread_after: 10s": "unread_after: must lie between 1m0s and 24h0m0s, is 10s",
		"unread_after: 48h": "unread_after: must lie between 1m0s and 24h0m0s, is 48h0m0s",
		"unread_after: -5m": "unread_after: must lie between",
		"expect_every: 5s":  "expect_every: must lie between 1m0s and 8784h0m0s, is 5s",
		"expect_every: -1h": "expect_every: must lie between",
	} {
		s, err := decode(t, "name: reports\n"+text+"\n")
		if err == nil {
			err = s.Validate()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: Validate() = %v, want %q", text, err, want)
		}
	}
}

func TestEveryProblemOfASourceIsNamedAtOnce(t *testing.T) {
	s := ingest.Source{
		Name:         "SIEM!",
		Tells:        ingest.Telling{{Tells: "heard"}, {Tells: incident.TellsTeam}, {Tells: incident.TellsDesk, From: "01/11/2026"}},
		Tolerance:    incident.Span(2 * time.Hour),
		Organisation: "H M",
	}
	err := s.Validate()
	if err == nil {
		t.Fatal("Validate() = nil, want problems")
	}
	for _, want := range []string{`name: "SIEM!"`, `tells[0].tells: unknown "heard"`, "tells[1].from:", "tells[2].from:", "tolerance:", "organisation:"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("Validate() = %v, want it to name %q", err, want)
		}
	}
	if err := (ingest.Source{Organisation: "hmcts"}).Known([]incident.Organisation{"opg", "hmpps"}); err == nil || !strings.Contains(err.Error(), "have hmpps, opg") {
		t.Errorf("Known = %v, want it to list the organisations", err)
	}
	if err := (ingest.Source{Organisation: "opg"}).Known([]incident.Organisation{"opg"}); err != nil {
		t.Errorf("Known = %v, want nil", err)
	}
}

type refusal struct {
	permanent bool
	erased    bool
	after     time.Duration
}

func (refusal) Error() string               { return "refuse signal" }
func (r refusal) Permanent() bool           { return r.permanent }
func (r refusal) Erased() bool              { return r.erased }
func (r refusal) RetryAfter() time.Duration { return r.after }

func TestAnErrorPassesUnlessItSaysOtherwise(t *testing.T) {
	for _, tt := range []struct {
		name      string
		err       error
		permanent bool
		erased    bool
		after     time.Duration
	}{
		{"an unknown error", errors.New("disk full"), false, false, ingest.DefaultRetry},
		{"a wrapped refusal for ever", fmt.Errorf("put: %w", refusal{permanent: true}), true, false, ingest.DefaultRetry},
		{"erased bytes", fmt.Errorf("put: %w", refusal{permanent: true, erased: true}), true, true, ingest.DefaultRetry},
		{"a wrapped wait", fmt.Errorf("put: %w", refusal{after: time.Minute}), false, false, time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := ingest.IsPermanent(tt.err); got != tt.permanent {
				t.Errorf("IsPermanent = %v, want %v", got, tt.permanent)
			}
			if got := ingest.IsErased(tt.err); got != tt.erased {
				t.Errorf("IsErased = %v, want %v", got, tt.erased)
			}
			if got := ingest.RetryAfter(tt.err); got != tt.after {
				t.Errorf("RetryAfter = %v, want %v", got, tt.after)
			}
		})
	}
}
