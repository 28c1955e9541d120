package expr

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/interpreter"
)

// ordered turns Go values into values of expressions. Maps are walked in the
// order of their keys: Go's own order differs from run to run, and what an
// expression makes of a map must not. A json.Number keeps all its digits: it is
// an int where one holds it, else a uint, else a double; a whole number that
// none of them holds is the string of its digits.
type ordered struct{}

// NativeToValue implements types.Adapter.
func (a ordered) NativeToValue(v any) ref.Val {
	switch v := v.(type) {
	case map[string]any:
		return orderedMap{types.NewStringInterfaceMap(a, v)}
	case map[string]string:
		return orderedMap{types.NewStringStringMap(a, v)}
	case map[ref.Val]ref.Val:
		return orderedMap{types.NewRefValMap(a, v)}
	case []any:
		return types.NewDynamicList(a, v)
	case json.Number:
		return number(v)
	default:
		return types.DefaultTypeAdapter.NativeToValue(v)
	}
}

func number(n json.Number) ref.Val {
	s := n.String()
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		return types.Int(i)
	}
	if u, err := strconv.ParseUint(s, 10, 64); err == nil {
		return types.Uint(u)
	}
	if !strings.ContainsAny(s, ".eE") {
		return types.String(s)
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return types.NewErr("number out of range")
	}
	return types.Double(f)
}

type orderedMap struct{ traits.Mapper }

// Iterator walks the keys in their order.
func (m orderedMap) Iterator() traits.Iterator {
	var keys []ref.Val
	for it := m.Mapper.Iterator(); it.HasNext() == types.True; {
		keys = append(keys, it.Next())
	}
	slices.SortFunc(keys, func(a, b ref.Val) int {
		if a.Type() == b.Type() {
			if c, ok := a.(traits.Comparer); ok {
				if i, ok := c.Compare(b).(types.Int); ok {
					return int(i)
				}
			}
		}
		return cmp.Compare(a.Type().TypeName(), b.Type().TypeName())
	})
	return types.NewRefValList(ordered{}, keys).Iterator()
}

// inOrder makes map literals walk in the order of their keys too: the library
// builds them without asking its adapter.
func inOrder(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
	if c, ok := i.(interpreter.InterpretableConstructor); ok && c.Type() == types.MapType {
		return literal{c}, nil
	}
	return i, nil
}

type literal struct {
	interpreter.InterpretableConstructor
}

func (l literal) Exec(f *interpreter.ExecutionFrame) ref.Val {
	return wrap(l.InterpretableConstructor.Exec(f))
}

func (l literal) Eval(a interpreter.Activation) ref.Val {
	return wrap(l.InterpretableConstructor.Eval(a))
}

func wrap(v ref.Val) ref.Val {
	if m, ok := v.(traits.Mapper); ok {
		return orderedMap{m}
	}
	return v
}
