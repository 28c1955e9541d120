package alerting_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ministryofjustice/incident-promptness/alerting"
	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/outbound"
)

var update = flag.Bool("update", false, "write the golden files anew")

const goldenDeliveries = "testdata/deliveries.jsonl"

func deliveries() []alerting.Delivery {
	id := incident.NewAlertID("p-00004k", polImp002, incident.Deadline, 1)
	at := t0.Add(1500 * time.Millisecond)
	return []alerting.Delivery{
		{V: 1, Channel: "am-0", Phase: alerting.Joined, At: t0, Entry: 4711},
		{V: 1, Channel: "am-0", Alert: id, State: incident.AlertActive, Phase: alerting.Begun, At: at, Attempt: 1},
		{V: 1, Channel: "am-0", Alert: id, State: incident.AlertActive, Phase: alerting.Finished, Outcome: outbound.Failed, Code: outbound.Unreachable, At: at, Attempt: 1},
		{V: 1, Channel: "am-0", Alert: id, State: incident.AlertActive, Phase: alerting.Begun, At: at, Attempt: 2},
		{V: 1, Channel: "am-0", Alert: id, State: incident.AlertActive, Phase: alerting.Finished, Outcome: outbound.Unknown, Code: outbound.Interrupted, At: at, Attempt: 2},
		{V: 1, Channel: "am-0", Alert: id, State: incident.AlertActive, Phase: alerting.Finished, Outcome: outbound.Accepted, At: at, Attempt: 3},
		{V: 1, Channel: "am-0", Alert: id, State: incident.AlertResolved, Phase: alerting.Begun, At: at, Attempt: 1},
	}
}

func TestDeliveriesAreWrittenAsTheyWereAndReadBack(t *testing.T) {
	got, err := alerting.EncodeDeliveries(deliveries())
	if err != nil {
		t.Fatalf("EncodeDeliveries: %v", err)
	}
	if *update {
		if err := os.WriteFile(goldenDeliveries, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(goldenDeliveries)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("what stands on disk must be read for ever; written is (-want +got):\n%s", diff)
	}
	back, err := alerting.DecodeDeliveries(want)
	if err != nil {
		t.Fatalf("DecodeDeliveries: %v", err)
	}
	if diff := cmp.Diff(deliveries(), back); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
}

func TestABadLineHidesNoOther(t *testing.T) {
	good, err := alerting.EncodeDeliveries(deliveries()[:1])
	if err != nil {
		t.Fatal(err)
	}
	const begun = `{"v":1,"channel":"am-0","alert":"p-00004k/pol-imp-002/deadline/1","state":"active","phase":"begun","at":"2026-11-24T09:00:00Z","attempt":1`
	for _, tt := range []struct {
		name, line string
		newer      bool
	}{
		{"no JSON", `{`, false},
		{"empty", ``, false},
		{"a newer version", `{"v":2,"channel":"am-0","phase":"paused","at":"2026-11-24T09:00:00Z"}`, true},
		{"no version", `{"channel":"am-0","phase":"joined","at":"2026-11-24T09:00:00Z"}`, false},
		{"no channel", `{"v":1,"phase":"joined","at":"2026-11-24T09:00:00Z"}`, false},
		{"no time", `{"v":1,"channel":"am-0","phase":"joined"}`, false},
		{"no such phase", `{"v":1,"channel":"am-0","phase":"paused","at":"2026-11-24T09:00:00Z"}`, false},
		{"joined with an alert", `{"v":1,"channel":"am-0","alert":"p-00004k/pol-imp-002/deadline/1","phase":"joined","at":"2026-11-24T09:00:00Z"}`, false},
		{"begun with an outcome", begun + `,"outcome":"accepted"}`, false},
		{"finished without one", `{"v":1,"channel":"am-0","alert":"p-00004k/pol-imp-002/deadline/1","state":"active","phase":"finished","at":"2026-11-24T09:00:00Z","attempt":1}`, false},
		{"accepted with a code", `{"v":1,"channel":"am-0","alert":"p-00004k/pol-imp-002/deadline/1","state":"active","phase":"finished","outcome":"accepted","code":"tls","at":"2026-11-24T09:00:00Z","attempt":1}`, false},
		{"failed with a code that is none", `{"v":1,"channel":"am-0","alert":"p-00004k/pol-imp-002/deadline/1","state":"active","phase":"finished","outcome":"failed","code":"<b>","at":"2026-11-24T09:00:00Z","attempt":1}`, false},
		{"no alert", `{"v":1,"channel":"am-0","state":"active","phase":"begun","at":"2026-11-24T09:00:00Z","attempt":1}`, false},
		{"a state that is never told", `{"v":1,"channel":"am-0","alert":"p-00004k/pol-imp-002/deadline/1","state":"held","phase":"begun","at":"2026-11-24T09:00:00Z","attempt":1}`, false},
		{"no attempt", `{"v":1,"channel":"am-0","alert":"p-00004k/pol-imp-002/deadline/1","state":"active","phase":"begun","at":"2026-11-24T09:00:00Z"}`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := alerting.DecodeDeliveries([]byte(tt.line + "\n" + string(good)))
			if err == nil {
				t.Errorf("DecodeDeliveries accepted %s", tt.line)
			}
			if errors.Is(err, alerting.ErrNewerDelivery) != tt.newer {
				t.Errorf("DecodeDeliveries(%s) = %v, of a newer version: want %v", tt.line, err, tt.newer)
			}
			if diff := cmp.Diff(deliveries()[:1], got); diff != "" {
				t.Errorf("the other line (-want +got):\n%s", diff)
			}
		})
	}
	if got, err := alerting.DecodeDeliveries([]byte(begun + "}")); err != nil || len(got) != 1 {
		t.Errorf("DecodeDeliveries of the line that the cases vary = %v, %v", got, err)
	}
}

func FuzzDecodeDeliveries(f *testing.F) {
	golden, err := os.ReadFile(goldenDeliveries)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(golden)
	f.Add([]byte(`{"v":1,"channel":"a","phase":"joined","at":"2026-11-24T09:00:00+01:00"}`))
	f.Add([]byte("{}\n{}"))
	f.Fuzz(func(t *testing.T, body []byte) {
		ds, _ := alerting.DecodeDeliveries(body)
		if len(ds) == 0 {
			return
		}
		again, err := alerting.EncodeDeliveries(ds)
		if err != nil {
			t.Fatalf("encode what was read from %q: %v", body, err)
		}
		back, err := alerting.DecodeDeliveries(again)
		if err != nil {
			t.Fatalf("read %q, encoded from %q: %v", again, body, err)
		}
		if third, err := alerting.EncodeDeliveries(back); err != nil || !bytes.Equal(again, third) {
			t.Errorf("encoded %q, read and encoded again %q, %v", again, third, err)
		}
	})
}
