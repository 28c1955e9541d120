package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/expr"
)

// json reads a document by the source's mapping.
func (r *reading) json(body []byte) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber() // ids above 2^53 keep all their digits
	var p any
	if err := d.Decode(&p); err != nil {
		r.quarantine(incident.WhyMalformed, err)
		return
	}
	items := []any{p}
	if r.c.each != nil {
		list, ok := r.each(p)
		if !ok {
			return
		}
		items = list
	}
	if len(items) == 0 {
		f := r.facts()
		f.Opening = incident.NotRelated
		r.finish(&f)
		return
	}
	for i, item := range items {
		if i == incident.MaxParts {
			r.quarantine(incident.WhyTooManyParts, fmt.Errorf("mapping.each: gives %d items, of which %d are read", len(items), i))
			return
		}
		r.item(map[string]any{"p": p, "item": item})
	}
}

// each returns the items of a payload.
func (r *reading) each(p any) ([]any, bool) {
	v, err := r.c.each.Eval(map[string]any{"p": p, "item": nil}, &r.meter)
	if err != nil {
		r.mapping("mapping.each", err)
		f := r.facts()
		f.Opening = incident.Candidate // something came; a person must look what
		r.finish(&f)
		return nil, false
	}
	list, _ := v.([]any)
	return list, true
}

// mapping notes that an expression failed.
func (r *reading) mapping(field string, err error) {
	why := incident.WhyMapping
	if errors.Is(err, expr.ErrCost) {
		why = incident.WhyTimedOut
	}
	r.quarantine(why, fmt.Errorf("%s: %w", field, err))
}

// eval evaluates p, and returns nil where there is none or it fails.
func (r *reading) eval(p *expr.Program, field string, vars map[string]any) (v any, ok bool) {
	if p == nil {
		return nil, true
	}
	v, err := p.Eval(vars, &r.meter)
	if err != nil {
		r.mapping(field, err)
		return nil, false
	}
	return v, true
}

// item reads one incident of a payload.
func (r *reading) item(vars map[string]any) {
	f := r.facts()
	if !r.open(&f, vars) {
		r.finish(&f)
		return
	}
	m := r.c.Mapping
	keys, err := r.keys(vars)
	if err != nil {
		// Without its keys each delivery would be an incident of its own.
		r.mapping("mapping.keys", err)
		f.Opening = incident.Candidate
	}
	f.Keys = keys
	for _, x := range []struct {
		p         *expr.Program
		field     string
		milestone incident.Milestone
	}{
		{r.c.occurred, "mapping.occurred", incident.Occurred},
		{r.c.detected, "mapping.detected", incident.Detected},
		{r.c.reported, "mapping.reported", incident.Reported},
	} {
		v, ok := r.eval(x.p, x.field, vars)
		var t time.Time
		if ok {
			if t, err = timeOf(v, m.EpochUnit); err != nil {
				r.mapping(x.field, err)
				ok = false
			}
		}
		switch {
		case !ok:
			f.Flags = append(f.Flags, incident.FlagUnreadTime)
		case !t.IsZero():
			r.claim(&f, x.milestone, t, [2]int{})
		}
	}
	f.Flags = slices.Compact(f.Flags)
	if v, ok := r.eval(r.c.severity, "mapping.severity", vars); ok && v != nil {
		f.Attrs.Impact = r.impact(scalar(v))
	}
	if v, ok := r.eval(r.c.organisation, "mapping.organisation", vars); ok && v != nil {
		if name := scalar(v); name != "" {
			f.Attrs.Organisation = r.c.Organisations[fold(name)]
		}
	}
	r.finish(&f)
}

// open sets what the part does where no incident is there yet, and returns
// false where it concerns none.
func (r *reading) open(f *incident.Facts, vars map[string]any) bool {
	if v, ok := r.eval(r.c.ignore, "ignore_when", vars); ok && v == true {
		f.Opening = incident.NotRelated
		return false
	}
	if r.c.opens == nil {
		return true
	}
	// A condition that is false, or that could not be evaluated: a person
	// decides.
	if v, ok := r.eval(r.c.opens, "opens_when", vars); !ok || v != true {
		f.Opening = incident.Candidate
	}
	return true
}

// impact explains a severity.
func (r *reading) impact(severity string) incident.Impact {
	s := fold(severity)
	if i, ok := r.c.Severities[s]; ok {
		return i
	}
	if i := incident.Impact(s); r.c.Kind == KindJSON && slices.Contains(incident.Impacts(), i) {
		return i
	}
	return incident.ImpactUnknown
}

// maxKey bounds the length of a key in bytes.
const maxKey = 1024

// keys evaluates the mapping of keys.
func (r *reading) keys(vars map[string]any) ([]incident.Key, error) {
	if r.c.keys == nil {
		return nil, nil
	}
	v, err := r.c.keys.Eval(vars, &r.meter)
	if err != nil {
		return nil, err
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	var keys []incident.Key
	for _, x := range list {
		k, err := r.key(x)
		if err != nil {
			return nil, err
		}
		if k.Value != "" && !slices.Contains(keys, k) && len(keys) < incident.MaxKeys {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// key reads one key; one without a value is none.
func (r *reading) key(x any) (incident.Key, error) {
	k := incident.Key{Kind: incident.KeyFinding}
	shared := false
	if m, ok := x.(map[string]any); ok {
		for name := range sorted(m) {
			switch v := m[name]; name {
			case "kind":
				k.Kind = incident.KeyKind(scalar(v))
			case "value":
				x = v
			case "weak":
				k.Weak = v == true
			case "shared":
				shared = v == true
			default:
				return k, fmt.Errorf("a key has no %q (have kind, value, weak, shared)", name)
			}
		}
		if _, ok := m["value"]; !ok {
			return k, errors.New("a key needs a value")
		}
	}
	switch x.(type) {
	case nil, string, int64, uint64:
	default:
		return k, fmt.Errorf("a key must be a string or a whole number, is a %T", x)
	}
	k.Value = strings.TrimSpace(scalar(x))
	switch {
	case len(k.Value) > maxKey:
		return k, fmt.Errorf("a key has %d bytes, at most %d are read", len(k.Value), maxKey)
	case k.Value == "":
		return k, nil
	}
	switch k.Kind {
	case incident.KeyFinding:
		// Numbers of two vendors are often the same.
		if !shared {
			k.Value = string(r.s.Source) + "/" + k.Value
		}
	case incident.KeyOwn:
		ref, err := incident.ParseRef(k.Value)
		if err != nil {
			return k, err
		}
		k.Value = string(ref)
	case incident.KeyFingerprint, incident.KeyTicket, incident.KeyAttachment, incident.KeyLink,
		incident.KeyMail, incident.KeySlack:
	default:
		return k, fmt.Errorf("unknown kind of key %q (have %s)", k.Kind, kinds())
	}
	return k, nil
}

func kinds() string {
	names := make([]string, 0, len(incident.KeyKinds()))
	for _, k := range incident.KeyKinds() {
		names = append(names, string(k))
	}
	return strings.Join(names, ", ")
}

// scalar returns the text of a string, number or bool, "" of anything else.
func scalar(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	case uint64:
		return strconv.FormatUint(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	default:
		return ""
	}
}
