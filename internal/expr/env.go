package expr

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/ext"
)

// A Type is what a variable holds or an expression gives.
type Type string

// The types. Any is checked when the expression runs; all others are checked
// when it is compiled, as far as the expression lets them be.
const (
	Any     Type = "any"
	Bool    Type = "bool"
	String  Type = "string"
	Int     Type = "int"
	Double  Type = "double"
	Time    Type = "timestamp"
	List    Type = "list"           // of any
	Map     Type = "map"            // from string to any
	Strings Type = "map of strings" // from string to string
)

func (t Type) cel() (*cel.Type, error) {
	switch t {
	case Any:
		return cel.DynType, nil
	case Bool:
		return cel.BoolType, nil
	case String:
		return cel.StringType, nil
	case Int:
		return cel.IntType, nil
	case Double:
		return cel.DoubleType, nil
	case Time:
		return cel.TimestampType, nil
	case List:
		return cel.ListType(cel.DynType), nil
	case Map:
		return cel.MapType(cel.StringType, cel.DynType), nil
	case Strings:
		return cel.MapType(cel.StringType, cel.StringType), nil
	default:
		return nil, fmt.Errorf("unknown type %q", string(t))
	}
}

// The limits of an expression. MaxCost is in the cost units of CEL: about one
// an operation, more for what walks a list or a long text. To spend it takes
// 3 ms of comparing and, at worst, 50 ms of matching regular expressions.
const (
	MaxCost   = 100_000
	MaxSource = 4096 // characters of an expression
	maxDepth  = 50
	maxRegexp = 1000 // instructions of a compiled regular expression
)

// An Env knows the variables that expressions may name. It is safe for
// concurrent use.
type Env struct {
	env  *cel.Env
	vars []string // sorted
}

// NewEnv returns an Env with the given variables.
func NewEnv(vars map[string]Type) (*Env, error) {
	opts := []cel.EnvOption{
		cel.OptionalTypes(),
		ext.Strings(),
		cel.CustomTypeAdapter(ordered{}),
		cel.DefaultUTCTimeZone(true),
		cel.CrossTypeNumericComparisons(true),
		cel.ParserExpressionSizeLimit(MaxSource),
		cel.ParserRecursionLimit(maxDepth),
		cel.RegexProgramSizeLimit(maxRegexp),
		cel.ASTValidators(cel.ValidateDurationLiterals(), cel.ValidateTimestampLiterals(), cel.ValidateRegexLiterals()),
	}
	names := slices.Sorted(maps.Keys(vars))
	for _, name := range names {
		t, err := vars[name].cel()
		if err != nil {
			return nil, fmt.Errorf("declare variable %s: %w", name, err)
		}
		opts = append(opts, cel.Variable(name, t))
	}
	env, err := cel.NewEnv(opts...)
	if err != nil {
		return nil, fmt.Errorf("make expression environment: %w", err)
	}
	return &Env{env: env, vars: names}, nil
}

// Compile checks src, which must give a value of type want, and makes it ready
// to run. The error joins every problem, each a *Problem.
func (e *Env) Compile(src string, want Type) (*Program, error) {
	if strings.TrimSpace(src) == "" {
		return nil, &Problem{Line: 1, Column: 1, Text: "the expression is empty"}
	}
	ast, iss := e.env.Compile(src)
	if iss != nil && iss.Err() != nil {
		var all []error
		for _, p := range iss.Errors() {
			all = append(all, e.problem(p.Location.Line(), p.Location.Column()+1, p.Message))
		}
		return nil, errors.Join(all...)
	}
	t, err := want.cel()
	if err != nil {
		return nil, err
	}
	if out := ast.OutputType(); want != Any && !fits(out, t) {
		return nil, &Problem{Line: 1, Column: 1, Text: fmt.Sprintf("gives a value of type %s, want %s", out, want)}
	}
	prg, err := e.env.Program(ast, cel.CostLimit(MaxCost), cel.EvalOptions(cel.OptOptimize), cel.CustomDecoratorV2(inOrder))
	if err != nil {
		return nil, &Problem{Line: 1, Column: 1, Text: err.Error()}
	}
	return &Program{prg: prg, want: want, src: src}, nil
}

// fits reports whether a value of type out may be one of type want when it
// comes to run. A missing optional value is an answer too.
func fits(out, want *cel.Type) bool {
	if out.Kind() == cel.OpaqueKind && out.TypeName() == "optional_type" && len(out.Parameters()) == 1 {
		out = out.Parameters()[0]
	}
	if out.Kind() == cel.DynKind || out.Kind() == cel.NullTypeKind {
		return true
	}
	return out.Kind() == want.Kind()
}

// A Problem is one thing that is wrong with an expression, and where in it.
type Problem struct {
	Line, Column int // from 1; columns count characters
	// Name is the identifier that is meant, or empty.
	Name string
	Text string
}

// Error returns "line:column: text".
func (p *Problem) Error() string { return fmt.Sprintf("%d:%d: %s", p.Line, p.Column, p.Text) }

var (
	undeclared = regexp.MustCompile(`^undeclared reference to '([^']*)'`)
	overload   = regexp.MustCompile(`^found no matching overload for '([^']*)'(.*)`)
	undefined  = regexp.MustCompile(`^undefined field '([^']*)'`)
	container  = regexp.MustCompile(` \(in container '[^']*'\)`)
	expecting  = regexp.MustCompile(`(?s) expecting .*`)
)

// problem says what the library found in the words of an operator.
func (e *Env) problem(line, column int, text string) *Problem {
	p := &Problem{Line: max(line, 1), Column: max(column, 1), Text: container.ReplaceAllString(text, "")}
	if rest, ok := strings.CutPrefix(p.Text, "Syntax error: "); ok {
		p.Text = "syntax error: " + expecting.ReplaceAllString(rest, "")
		if strings.Contains(rest, "<EOF>") {
			p.Text = "the expression ends too early"
		}
	}
	switch {
	case undeclared.MatchString(text):
		p.Name = undeclared.FindStringSubmatch(text)[1]
		p.Text = fmt.Sprintf("unknown name %q (have %s)", p.Name, strings.Join(e.vars, ", "))
	case overload.MatchString(text):
		m := overload.FindStringSubmatch(text)
		p.Name = strings.Trim(m[1], "_")
		p.Text = fmt.Sprintf("%q cannot be%s", p.Name, m[2])
	case undefined.MatchString(text):
		p.Name = undefined.FindStringSubmatch(text)[1]
	}
	return p
}
