package expr

import "sync"

// Subjects returns the variables over which a policy's applies is written.
func Subjects() map[string]Type {
	return map[string]Type{
		"organisation": String, // a key of the organisation map, "" unknown
		"impact":       String, // low, medium, high, "" unknown
		"personal":     String, // yes, no, "" unknown
		"disposition":  String, // confirmed, near_miss, false_positive, "" suspected
		"restricted":   Bool,
		"canary":       Bool,
	}
}

var subjects = sync.OnceValues(func() (*Env, error) { return NewEnv(Subjects()) })

// Applies compiles the condition of a policy over Subjects, for example
//
//	impact == "high" && personal != "no"
//
// The function it returns wants every variable and is safe for concurrent use.
func Applies(src string) (func(vars map[string]any) (bool, error), error) {
	env, err := subjects()
	if err != nil {
		return nil, err
	}
	p, err := env.Compile(src, Bool)
	if err != nil {
		return nil, err
	}
	return p.Bool, nil
}
