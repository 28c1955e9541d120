package ledger_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// A filler makes entries that may stand in a record, of every shape. It goes
// by the json tags, so that a field that is new in a struct is filled too.
type filler struct {
	t    testing.TB
	rand *rand.Rand
	full bool // every field is there
}

func newFiller(t testing.TB, seed uint64) *filler {
	return &filler{t: t, rand: rand.New(rand.NewPCG(seed, 1))}
}

func (f *filler) entry() incident.Entry {
	var e incident.Entry
	f.fill(reflect.ValueOf(&e).Elem(), "")
	e.V = incident.EntryVersion
	return e
}

func words[T ~string](all []T) []string {
	var s []string
	for _, w := range all {
		if w != "" {
			s = append(s, string(w))
		}
	}
	return s
}

// texts returns what may stand in a text of a type or a field.
func texts(t testing.TB, typ, field string) []string {
	t.Helper()
	slugs := []string{"a", "pol-imp-002", "0", strings.Repeat("x-", 20)}
	switch typ {
	case "Kind":
		return words(incident.Kinds())
	case "Why":
		return words(incident.Whys())
	case "Channel":
		return words(incident.Channels())
	case "Opening":
		return words(incident.Openings())
	case "Trust":
		return words(incident.Trusts())
	case "Route":
		return words(incident.Routes())
	case "KeyKind":
		return words(incident.KeyKinds())
	case "Basis":
		return words(incident.Bases())
	case "Void":
		return words(incident.Voids())
	case "Flag":
		return words(incident.Flags())
	case "ActKind":
		return words(incident.Acts())
	case "Role":
		return words(incident.Roles())
	case "Reason":
		return words(incident.Reasons())
	case "Impact":
		return words(incident.Impacts())
	case "Personal":
		return words(incident.Personals())
	case "Disposition":
		return words(incident.Dispositions())
	case "Status":
		return words(incident.Statuses())
	case "State":
		return words(incident.States())
	case "Doubt":
		return words(incident.Doubts())
	case "AlertState":
		return words(incident.AlertStates())
	case "LinkWhy":
		return words(incident.LinkWhys())
	case "LinkState":
		return words(incident.LinkStates())
	case "DecisionKind":
		return words(incident.DecisionKinds())
	case "NoteCode":
		return words(incident.NoteCodes())
	case "Refusal":
		return words(incident.Refusals())
	case "SourceName", "PolicyID", "Organisation", "ThresholdName":
		return slugs
	case "Milestone":
		return append(words(incident.Milestones()), "told_the_minister")
	case "Ref":
		return []string{string(incident.NewRef(1)), string(incident.NewRef(4711)), string(incident.NewRef(1 << 63))}
	case "AlertID":
		return []string{string(incident.NewAlertID(incident.NewRef(4711), "pol-imp-002", incident.WarnName(30*time.Minute), 1))}
	case "Date":
		return []string{"2013-05-01", "2026-11-24"}
	}
	switch field {
	case "Interpreter":
		return []string{"email/1", "alert-manager/12"}
	case "Author":
		return []string{"4711", "QX-12.b_3"}
	}
	t.Fatalf("no texts for a field %s of type %s: the record keeps closed sets and narrow names only", field, typ)
	return nil
}

func (f *filler) fill(v reflect.Value, field string) {
	r := f.rand
	switch v.Interface().(type) {
	case time.Time:
		nano := []int64{0, 1, 500_000_000, 999_999_999, 120_000, r.Int64N(1e9)}[r.IntN(6)]
		v.Set(reflect.ValueOf(time.Unix(r.Int64N(4e9)-1e9, nano).UTC()))
		return
	case json.RawMessage:
		v.SetBytes([]byte([]string{`{"v":1,"a":[1,"<&> é",null]}`, `null`, `"x"`, `-0.5e9`}[r.IntN(4)]))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			tag := v.Type().Field(i).Tag.Get("json")
			if !f.full && strings.Contains(tag, ",omit") && r.IntN(2) == 0 {
				continue
			}
			f.fill(v.Field(i), v.Type().Field(i).Name)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(v.Elem(), field)
	case reflect.Slice:
		n := 1 + r.IntN(3)
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			f.fill(v.Index(i), field)
		}
	case reflect.Array:
		for i := range v.Len() {
			f.fill(v.Index(i), field)
		}
	case reflect.String:
		all := texts(f.t, v.Type().Name(), field)
		v.SetString(all[r.IntN(len(all))])
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(1 + r.Int64()>>r.IntN(63))
		if r.IntN(4) == 0 {
			v.SetInt(-v.Int())
		}
	case reflect.Uint64, reflect.Uint8:
		v.SetUint(1 + (r.Uint64()&(1<<v.Type().Bits()-1)-1)>>r.IntN(v.Type().Bits()))
	default:
		f.t.Fatalf("no way to fill %s: %s", field, fmt.Sprint(v.Type()))
	}
}
