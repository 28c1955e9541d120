package incident_test

import (
	"testing"

	"github.com/ministryofjustice/incident-promptness/incident"
)

func TestAnAlertIDIsReadBack(t *testing.T) {
	id := incident.NewAlertID("p-00001x", "pol-imp-002", incident.Deadline, 2)
	ref, policy, threshold, g, err := incident.ParseAlertID(id)
	if err != nil || ref != "p-00001x" || policy != "pol-imp-002" || threshold != incident.Deadline || g != 2 {
		t.Errorf("ParseAlertID(%q) = %q, %q, %q, %d, %v", id, ref, policy, threshold, g, err)
	}
}

func TestWhatIsNoAlertIDIsRefused(t *testing.T) {
	for _, id := range []incident.AlertID{
		"", "p-1/x/deadline", "p-1/x/deadline/0", "p-1/x/deadline/-1", "p-1/x/deadline/01",
		"p-1/x/deadline/1/2", "/x/deadline/1", "p-1//deadline/1", "p-1/x//1", "p-1/x/deadline/one",
	} {
		if ref, _, _, _, err := incident.ParseAlertID(id); err == nil {
			t.Errorf("ParseAlertID(%q) = %q, want an error", id, ref)
		}
	}
}
