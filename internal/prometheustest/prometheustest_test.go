package prometheustest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/internal/eventually"
	"github.com/ministryofjustice/incident-promptness/internal/prometheustest"
)

func TestWhatATargetTellsIsAnswered(t *testing.T) {
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "# TYPE example_total counter\nexample_total{kind=\"a\"} 3\nexample_total{kind=\"b\"} 4\n")
	}))
	defer target.Close()
	prom := prometheustest.Start(t, target.URL)

	eventually.Eventually(t, 20*time.Second, "the target is scraped", func() bool {
		return len(prom.Query("example_total")) == 2
	})
	if got, ok := prom.Value(`sum(example_total)`); !ok || got != 7 {
		t.Errorf("Value(sum(example_total)) = %v, %v, want 7, true", got, ok)
	}
	if got := prom.Query(`example_total{kind="a"}`); len(got) != 1 || got[0].Value != 3 || got[0].Labels["kind"] != "a" {
		t.Errorf("Query = %v, want one series of kind a with 3", got)
	}
	if got, ok := prom.Value(`no_such_metric`); ok {
		t.Errorf("Value(no_such_metric) = %v, true; want none", got)
	}
	prom.Restart()
	eventually.Eventually(t, 20*time.Second, "it goes on with what it knew before it was killed", func() bool {
		got, ok := prom.Value(`min(min_over_time(example_total[5m]))`)
		return ok && got == 3
	})
	if got, ok := prom.Value(`scalar(vector(2))`); !ok || got != 2 {
		t.Errorf("Value(scalar(vector(2))) = %v, %v, want 2, true", got, ok)
	}
}
