package expr_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ministryofjustice/incident-promptness/internal/expr"
)

func env(t testing.TB) *expr.Env {
	t.Helper()
	e, err := expr.NewEnv(map[string]expr.Type{"p": expr.Any, "labels": expr.Strings, "status": expr.String, "n": expr.Int})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func compile(t testing.TB, src string, want expr.Type) *expr.Program {
	t.Helper()
	p, err := env(t).Compile(src, want)
	if err != nil {
		t.Fatalf("Compile(%q) = %v", src, err)
	}
	return p
}

// payload reads JSON as an interpreter does.
func payload(t testing.TB, text string) map[string]any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var p any
	if err := d.Decode(&p); err != nil {
		t.Fatal(err)
	}
	return map[string]any{"p": p, "status": "firing", "n": 3, "labels": map[string]string{"z": "1", "severity": "critical", "a": "2"}}
}

const sample = `{
	"id": 9007199254740993, "big": 18446744073709551615, "huge": 99999999999999999999999, "f": 7.5, "whole": 8,
	"s": "High", "no": null, "yes": true, "at": "2026-11-24T10:00:00.5+01:00",
	"m": {"b": 2, "a": 1, "d": 4, "c": 3}, "l": ["x", {"k": "v"}]}`

func TestWhatAnExpressionGives(t *testing.T) {
	for _, tt := range []struct {
		name, src string
		want      any
	}{
		{"a number above 2^53 keeps its digits", `p.id`, int64(9007199254740993)},
		{"its text too", `string(p.id)`, "9007199254740993"},
		{"a number above 2^63", `p.big`, uint64(18446744073709551615)},
		{"a whole number that fits nowhere is its digits", `p.huge`, "99999999999999999999999"},
		{"a fraction", `p.f`, 7.5},
		{"numbers of two types compare", `p.f > 7 && p.whole >= 7.0 && p.whole == 8.0`, true},
		{"null is nothing", `p.no`, nil},
		{"a missing optional is nothing", `p.?absent.?deeper`, nil},
		{"an optional that is there", `p.?s`, "High"},
		{"a default", `p.?absent.orValue("x")`, "x"},
		{"strings have functions", `p.s.lowerAscii() + "/" + "a-b".replace("-", "")`, "high/ab"},
		{"a time", `timestamp(p.at)`, time.Date(2026, 11, 24, 9, 0, 0, 500_000_000, time.UTC)},
		{"a span", `timestamp(p.at) - timestamp("2026-11-24T09:00:00Z")`, 500 * time.Millisecond},
		{"a list with maps in it", `p.l`, []any{"x", map[string]any{"k": "v"}}},
		{"maps are walked in order", `p.m.map(k, k)`, []any{"a", "b", "c", "d"}},
		{"labels too", `labels.map(k, labels[k])`, []any{"2", "critical", "1"}},
		{"and literals", `{"y": 1, "x": 2, "w": 3, "v": 4}.map(k, k).join("")`, "vwxy"},
		{"a map", `{"kind": "finding", "value": string(p.id)}`, map[string]any{"kind": "finding", "value": "9007199254740993"}},
		{"hours are UTC", `timestamp(p.at).getHours()`, int64(9)},
		{"has", `has(p.m.a) && !has(p.m.z)`, true},
		{"a condition", `p.f >= 7.0 ? "high" : "low"`, "high"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := compile(t, tt.src, expr.Any)
			for range 20 { // Go's maps differ from walk to walk
				got, err := p.Eval(payload(t, sample), nil)
				if err != nil {
					t.Fatalf("%s: %v", tt.src, err)
				}
				if d := cmp.Diff(tt.want, got); d != "" {
					t.Fatalf("%s (-want +got):\n%s", tt.src, d)
				}
			}
		})
	}
}

func TestAProblemNamesItsPlaceAndIdentifier(t *testing.T) {
	for _, tt := range []struct {
		name, src string
		want      expr.Type
		problem   string
		id        string
	}{
		{"a mistyped variable", `status == "x" && lables.severity == "high"`, expr.Bool, `1:18: unknown name "lables" (have labels, n, p, status)`, "lables"},
		{"on the second line", "status == \"x\" &&\n  stat == \"y\"", expr.Bool, `2:3: unknown name "stat"`, "stat"},
		{"an unknown function", `status.shout()`, expr.Any, `1:13: unknown name "shout"`, "shout"},
		{"types that do not compare", `n == "3"`, expr.Bool, `1:3: "==" cannot be applied to '(int, string)'`, "=="},
		{"the wrong result", `status`, expr.Bool, `1:1: gives a value of type string, want bool`, ""},
		{"a bad regular expression", `status.matches("(")`, expr.Bool, `1:16: `, ""},
		{"a bad time", `timestamp("24/11/2026")`, expr.Time, `1:11: `, ""},
		{"half an expression", `status ==`, expr.Bool, `1:10: the expression ends too early`, ""},
		{"a stray sign", `status = "x"`, expr.Bool, `1:8: syntax error: `, ""},
		{"nothing", "  ", expr.Bool, "1:1: the expression is empty", ""},
		{"too long", strings.Repeat("1+", expr.MaxSource) + "1", expr.Any, "expression code point size exceeds limit", ""},
		{"too deep", strings.Repeat("[", 200) + strings.Repeat("]", 200), expr.Any, "1:", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := env(t).Compile(tt.src, tt.want)
			if err == nil || !strings.Contains(err.Error(), tt.problem) {
				t.Fatalf("Compile(%.80q) = %v, want it to say %q", tt.src, err, tt.problem)
			}
			p, ok := errors.AsType[*expr.Problem](err)
			if !ok {
				t.Fatalf("Compile = %T, want a *Problem in it", err)
			}
			if p.Name != tt.id {
				t.Errorf("Name = %q, want %q", p.Name, tt.id)
			}
		})
	}
}

func TestAllProblemsAreToldAtOnce(t *testing.T) {
	_, err := env(t).Compile(`foo == 1 && bar == 2`, expr.Bool)
	if err == nil || !strings.Contains(err.Error(), `"foo"`) || !strings.Contains(err.Error(), `"bar"`) {
		t.Errorf("Compile = %v, want both names", err)
	}
}

func TestWhatFailsWhenItRuns(t *testing.T) {
	for _, tt := range []struct {
		name, src string
		want      string
	}{
		{"a missing key", `p.absent.deeper`, "no such key: absent"},
		{"a time without a zone", `timestamp("2026-11-24T10:00:00" + p.?x.orValue(""))`, "evaluate expression"},
		{"a list beyond its end", `p.l[7]`, "index out of bounds: 7"},
		{"a type", `type(p)`, "no use here"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := compile(t, tt.src, expr.Any).Eval(payload(t, sample), nil)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Eval(%q) = %v, %v, want an error with %q", tt.src, got, err, tt.want)
			}
		})
	}
	if _, err := compile(t, `p.s`, expr.Bool).Bool(payload(t, sample)); err == nil || !strings.Contains(err.Error(), "gives string, want bool") {
		t.Errorf("Bool of a string = %v, want it to say so", err)
	}
	if _, err := compile(t, `p.no`, expr.Bool).Bool(payload(t, sample)); err == nil || !strings.Contains(err.Error(), "gives nothing") {
		t.Errorf("Bool of null = %v, want it to say so", err)
	}
}

func TestWorkIsBounded(t *testing.T) {
	list := make([]any, 1000)
	for i := range list {
		list[i] = i
	}
	vars := map[string]any{"p": list}
	for _, src := range []string{
		`p.all(a, p.all(b, a + b >= 0))`,
		`p.map(a, p.map(b, p.map(c, a + b + c))).size() > 0`,
	} {
		if _, err := compile(t, src, expr.Bool).Eval(vars, nil); !errors.Is(err, expr.ErrCost) {
			t.Errorf("Eval(%q) = %v, want ErrCost", src, err)
		}
	}
	cheap := compile(t, `p.all(a, a >= 0)`, expr.Bool)
	m := &expr.Meter{Limit: 10_000}
	runs := 0
	for ; runs < 1000; runs++ {
		if _, err := cheap.Eval(vars, m); err != nil {
			if !errors.Is(err, expr.ErrCost) {
				t.Fatal(err)
			}
			break
		}
	}
	if runs == 0 || runs == 1000 || m.Spent() < m.Limit {
		t.Errorf("stopped after %d runs with %d spent, want some runs and the limit reached", runs, m.Spent())
	}
}

func TestAppliesToAnIncident(t *testing.T) {
	incident := map[string]any{
		"organisation": "hmcts", "impact": "high", "personal": "", "disposition": "",
		"restricted": false, "canary": false,
	}
	for _, tt := range []struct {
		src  string
		want bool
	}{
		{`impact == "high" && personal != "no"`, true},
		{`organisation in ["opg", "hmpps"]`, false},
		{`!canary && !restricted`, true},
		{`disposition == "confirmed"`, false},
	} {
		f, err := expr.Applies(tt.src)
		if err != nil {
			t.Fatalf("Applies(%q) = %v", tt.src, err)
		}
		if got, err := f(incident); got != tt.want || err != nil {
			t.Errorf("%s = %v, %v, want %v", tt.src, got, err, tt.want)
		}
	}
	if _, err := expr.Applies(`impct == "high"`); err == nil || !strings.Contains(err.Error(), `unknown name "impct" (have canary, disposition, impact, `) {
		t.Errorf("Applies of a mistyped name = %v, want it named with what there is", err)
	}
	if _, err := expr.Applies(`impact`); err == nil {
		t.Error("Applies of a string = nil, want an error")
	}
	if got, err := compile(t, "true", expr.Bool).Bool(nil); !got || err != nil {
		t.Errorf("true over no variables = %v, %v", got, err)
	}
}

func BenchmarkApplies(b *testing.B) {
	f, err := expr.Applies(`impact == "high" && personal != "no"`)
	if err != nil {
		b.Fatal(err)
	}
	vars := map[string]any{
		"organisation": "hmcts", "impact": "high", "personal": "", "disposition": "",
		"restricted": false, "canary": false,
	}
	b.ReportAllocs()
	for b.Loop() {
		if ok, err := f(vars); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}

func BenchmarkMapping(b *testing.B) {
	p := compile(b, `p.?s.orValue("").lowerAscii() == "high"`, expr.Bool)
	vars := payload(b, sample)
	b.ReportAllocs()
	for b.Loop() {
		if ok, err := p.Bool(vars); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}

func FuzzCompile(f *testing.F) {
	for _, s := range []string{`p.a.b == 1`, `labels["x"]`, `p.?a.orValue(b)`, `[1, 2].map(x, x * n)`, `timestamp("2026-11-24T10:00:00Z")`, "\x00`"} {
		f.Add(s)
	}
	e := env(f)
	vars := payload(f, sample)
	f.Fuzz(func(t *testing.T, src string) {
		p, err := e.Compile(src, expr.Any)
		if err != nil {
			if _, ok := errors.AsType[*expr.Problem](err); !ok {
				t.Errorf("Compile(%q) = %v, want a *Problem", src, err)
			}
			return
		}
		a, errA := p.Eval(vars, nil)
		b, errB := p.Eval(vars, nil)
		if (errA == nil) != (errB == nil) || errA == nil && !cmp.Equal(a, b) {
			t.Errorf("Eval(%q) twice = %v, %v and %v, %v, want the same", src, a, errA, b, errB)
		}
	})
}
