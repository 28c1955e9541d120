package alertmanagertest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/internal/alertmanagertest"
	"github.com/ministryofjustice/incident-promptness/internal/eventually"
)

func TestAnAlertIsHeldUntilTheProcessEnds(t *testing.T) {
	am := alertmanagertest.Start(t, "")
	if got := am.Alerts(); len(got) != 0 {
		t.Fatalf("a new Alertmanager holds %v", got)
	}
	am.Post(fmt.Sprintf(`[{"labels":{"alertname":"Example","severity":"warning"},"startsAt":%q}]`,
		time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)))
	eventually.Eventually(t, 10*time.Second, "the alert is held", func() bool {
		return len(am.Alert(map[string]string{"alertname": "Example"})) == 1
	})
	if got := am.Alert(map[string]string{"alertname": "Another"}); len(got) != 0 {
		t.Errorf("Alert of another name = %v, want none", got)
	}
	am.Restart()
	if got := am.Alerts(); len(got) != 0 {
		t.Errorf("a restarted Alertmanager holds %v: it is said to keep no alert on disk", got)
	}
}
