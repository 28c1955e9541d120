package metrics_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ministryofjustice/incident-promptness/pipeline/metrics"
)

// A dashboard is as much of Grafana's classic form as the rules below need.
type dashboard struct {
	ID         *int   `json:"id"`
	UID        string `json:"uid"`
	Title      string `json:"title"`
	Editable   bool   `json:"editable"`
	Timezone   string `json:"timezone"`
	Time       struct{ From, To string }
	Panels     []panel `json:"panels"`
	Templating struct {
		List []struct {
			Name, Type string
			Query      json.RawMessage
			Definition string
		}
	} `json:"templating"`
}

type panel struct {
	ID          int
	Type        string
	Title       string
	Description string
	GridPos     struct{ X, Y, W, H int }
	Datasource  struct{ UID string }
	Targets     []struct {
		Expr       string
		RefID      string `json:"refId"`
		Instant    bool
		Datasource struct{ UID string }
	}
	FieldConfig struct {
		Defaults struct{ Unit string }
	}
}

const dashboardFile = "../../deploy/grafana/dashboards/promptness-dashboard.json"

func readDashboard(t *testing.T) dashboard {
	t.Helper()
	text, err := os.ReadFile(dashboardFile)
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestTheDashboardIsOneThatGrafanaKeeps(t *testing.T) {
	d := readDashboard(t)
	if d.ID != nil || d.UID != "promptness-main" || d.Title == "" || d.Editable || d.Timezone != "Europe/London" {
		t.Errorf("id %v, uid %q, title %q, editable %v, zone %q; want no id, promptness-main, a title, not editable, London",
			d.ID, d.UID, d.Title, d.Editable, d.Timezone)
	}
	if d.Time.From != "now-30d" || d.Time.To != "now" {
		t.Errorf("time = %+v, want the last thirty days", d.Time)
	}
	names := map[string]string{}
	for _, v := range d.Templating.List {
		names[v.Name] = v.Type
	}
	if names["datasource"] != "datasource" || names["policy"] != "query" {
		t.Errorf("variables = %v, want datasource and policy", names)
	}
	ids, titles := map[int]bool{}, map[string]bool{}
	for i, p := range d.Panels {
		if ids[p.ID] || titles[p.Title] {
			t.Errorf("panel %d (%s): its id or title is there twice", p.ID, p.Title)
		}
		ids[p.ID], titles[p.Title] = true, true
		g := p.GridPos
		if g.X < 0 || g.X+g.W > 24 || g.W < 1 || g.H < 1 {
			t.Errorf("%s lies outside of the grid: %+v", p.Title, g)
		}
		for _, o := range d.Panels[:i] {
			h := o.GridPos
			if g.X < h.X+h.W && h.X < g.X+g.W && g.Y < h.Y+h.H && h.Y < g.Y+g.H {
				t.Errorf("%s lies over %s", p.Title, o.Title)
			}
		}
		if p.Type == "row" {
			continue
		}
		if len(p.Description) < 10 || p.FieldConfig.Defaults.Unit == "" || len(p.Targets) == 0 || p.Datasource.UID != "${datasource}" {
			t.Errorf("%s: description %q, unit %q, %d queries, datasource %q; want all, of the variable",
				p.Title, p.Description, p.FieldConfig.Defaults.Unit, len(p.Targets), p.Datasource.UID)
		}
		refs := map[string]bool{}
		for _, q := range p.Targets {
			if q.Datasource.UID != "${datasource}" || q.RefID == "" || refs[q.RefID] {
				t.Errorf("%s: query %q: datasource %q, want the variable, and a name of its own", p.Title, q.RefID, q.Datasource.UID)
			}
			refs[q.RefID] = true
		}
	}
}

// expressions returns every expression of the dashboard, with its variables
// filled in as Grafana does it, under the panel's title.
func expressions(t *testing.T, d dashboard) map[string]string {
	t.Helper()
	fill := strings.NewReplacer("$policy", "pol-imp-002", "$__rate_interval", "1m", "$__range", "30d")
	out := map[string]string{}
	for _, p := range d.Panels {
		for _, q := range p.Targets {
			expr := fill.Replace(q.Expr)
			if strings.Contains(expr, "$") {
				t.Errorf("%s: a variable is left in %s", p.Title, expr)
			}
			out[p.Title+" "+q.RefID] = expr
		}
	}
	return out
}

var metricName = regexp.MustCompile(`promptness_[a-z0-9_]+`)

func TestTheDashboardAsksOnlyForWhatIsThere(t *testing.T) {
	have := map[string]bool{}
	for _, d := range metrics.Descs() {
		name := metricName.FindString(d.String())
		have[name] = true
		if name == "promptness_month_delay_seconds" {
			have[name+"_bucket"], have[name+"_count"], have[name+"_sum"] = true, true, true
		}
	}
	asked := map[string]bool{}
	for at, expr := range expressions(t, readDashboard(t)) {
		for _, name := range metricName.FindAllString(expr, -1) {
			asked[name] = true
			if !have[name] {
				t.Errorf("%s asks for %s, which is not there", at, name)
			}
		}
		counter := strings.Contains(expr, "_total")
		if counter && !strings.Contains(expr, "increase(") {
			t.Errorf("%s shows a counter as it is: %s", at, expr)
		}
		if counter && strings.Contains(expr, "/") {
			t.Errorf("%s computes a share from a counter, which counts what was changed since, too: %s", at, expr)
		}
	}
	// What the issue wants to see.
	for _, name := range []string{
		"promptness_month_incidents", "promptness_open_clocks", "promptness_next_deadline_timestamp_seconds",
		"promptness_month_delay_seconds_bucket", "promptness_month_unmeasured_incidents", "promptness_decisions_waiting",
		"promptness_source_watermark_timestamp_seconds", "promptness_alerts_active", "promptness_ledger_verified",
	} {
		if !asked[name] {
			t.Errorf("the dashboard does not show %s", name)
		}
	}
}

// Prometheus itself reads every expression: a rule is made of each.
func TestPrometheusReadsEveryExpression(t *testing.T) {
	exprs := expressions(t, readDashboard(t))
	var rules strings.Builder
	rules.WriteString("groups:\n- name: dashboard\n  rules:\n")
	keys := make([]string, 0, len(exprs))
	for k := range exprs {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for i, k := range keys {
		expr, err := json.Marshal(exprs[k]) // a JSON string is one of YAML
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&rules, "  - record: panel:%d # %s\n    expr: %s\n", i, k, expr)
	}
	file := filepath.Join(t.TempDir(), "rules.yml")
	if err := os.WriteFile(file, []byte(rules.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "promtool", "check", "rules", "--lint=all", "--lint-fatal", file).CombinedOutput()
	if err != nil {
		t.Errorf("promtool (of Debian's package prometheus): %v: %s", err, out)
	}
	if want := fmt.Sprintf("%d rules found", len(keys)); !strings.Contains(string(out), want) {
		t.Errorf("promtool says %s, want %q", out, want)
	}
}
