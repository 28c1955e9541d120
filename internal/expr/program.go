package expr

import (
	"errors"
	"fmt"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/interpreter"
)

// A Program is a compiled expression. It is safe for concurrent use.
type Program struct {
	prg  cel.Program
	want Type
	src  string
}

// Source returns the text that the program was compiled from.
func (p *Program) Source() string { return p.src }

// ErrCost says that an expression did more work than it may.
var ErrCost = errors.New("the expression costs more than it may")

// A Meter adds up what several evaluations cost. The zero Meter has no limit.
type Meter struct {
	Limit uint64
	spent uint64
}

// Spent returns what was spent so far.
func (m *Meter) Spent() uint64 { return m.spent }

// Eval evaluates p over vars and returns a bool, string, int64, uint64,
// float64, time.Time in UTC, time.Duration, []any, map[string]any, or nil for
// null and for a missing optional value. A Meter, where given, stops it once
// its limit is reached. The text of an error may quote the values: it is for
// the one who wrote the expression, not for a log.
func (p *Program) Eval(vars map[string]any, m *Meter) (any, error) {
	if m != nil && m.Limit > 0 && m.spent >= m.Limit {
		return nil, ErrCost
	}
	out, det, err := p.prg.Eval(vars)
	if m != nil && det != nil {
		if c := det.ActualCost(); c != nil {
			m.spent += *c
		}
	}
	if err != nil {
		if c, ok := errors.AsType[interpreter.EvalCancelledError](err); ok && c.Cause == interpreter.CostLimitExceeded {
			return nil, ErrCost
		}
		return nil, fmt.Errorf("evaluate expression: %w", err)
	}
	v, err := native(out, 0)
	if err != nil {
		return nil, fmt.Errorf("evaluate expression: %w", err)
	}
	return v, nil
}

// Bool evaluates an expression that gives true or false.
func (p *Program) Bool(vars map[string]any) (bool, error) { return as[bool](p, vars) }

// Text evaluates an expression that gives a string.
func (p *Program) Text(vars map[string]any) (string, error) { return as[string](p, vars) }

// Time evaluates an expression that gives a timestamp, in UTC.
func (p *Program) Time(vars map[string]any) (time.Time, error) { return as[time.Time](p, vars) }

// List evaluates an expression that gives a list.
func (p *Program) List(vars map[string]any) ([]any, error) { return as[[]any](p, vars) }

func as[T any](p *Program, vars map[string]any) (T, error) {
	v, err := p.Eval(vars, nil)
	t, ok := v.(T)
	if err == nil && !ok {
		err = fmt.Errorf("evaluate expression: gives %s, want %s", kindOf(v), kindOf(t))
	}
	return t, err
}

// kindOf names the type of a value as an expression knows it.
func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "nothing"
	case bool:
		return string(Bool)
	case string:
		return string(String)
	case int64, uint64, float64:
		return "a number"
	case time.Time:
		return string(Time)
	case []any:
		return string(List)
	case map[string]any:
		return string(Map)
	default:
		return fmt.Sprintf("%T", v)
	}
}

// maxNesting bounds the depth of a result.
const maxNesting = 128

// native returns what v is in Go.
func native(v ref.Val, depth int) (any, error) {
	if depth > maxNesting {
		return nil, errors.New("the result is nested too deep")
	}
	switch v := v.(type) {
	case types.Bool:
		return bool(v), nil
	case types.String:
		return string(v), nil
	case types.Int:
		return int64(v), nil
	case types.Uint:
		return uint64(v), nil
	case types.Double:
		return float64(v), nil
	case types.Timestamp:
		return v.UTC(), nil
	case types.Duration:
		return v.Duration, nil
	case types.Null:
		return nil, nil
	case *types.Optional:
		if !v.HasValue() {
			return nil, nil
		}
		return native(v.GetValue(), depth+1)
	case traits.Lister:
		return nativeList(v, depth)
	case traits.Mapper:
		return nativeMap(v, depth)
	default:
		return nil, fmt.Errorf("gives a value of type %s, which has no use here", v.Type().TypeName())
	}
}

func nativeList(l traits.Lister, depth int) ([]any, error) {
	n, _ := l.Size().(types.Int)
	list := make([]any, 0, min(int(n), MaxCost))
	for it := l.Iterator(); it.HasNext() == types.True; {
		x, err := native(it.Next(), depth+1)
		if err != nil {
			return nil, err
		}
		list = append(list, x)
	}
	return list, nil
}

func nativeMap(m traits.Mapper, depth int) (map[string]any, error) {
	out := map[string]any{}
	for it := m.Iterator(); it.HasNext() == types.True; {
		k := it.Next()
		name, ok := k.(types.String)
		if !ok {
			return nil, fmt.Errorf("gives a map with a key of type %s, want string", k.Type().TypeName())
		}
		x, err := native(m.Get(k), depth+1)
		if err != nil {
			return nil, err
		}
		out[string(name)] = x
	}
	return out, nil
}
