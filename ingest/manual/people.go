package manual

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/conf"
)

// A Person may record acts. The owner of the token is the author of what is
// sent with it; there is no other way to say who one is.
type Person struct {
	// Number is the staff number under which the record knows the person,
	// [a-z0-9-]{1,40}. It is no name and no address.
	Number string `yaml:"number"`
	// Role is desk or manager. Only a manager corrects times.
	Role incident.Role `yaml:"role"`
	// TokenFile holds the person's token, at least 20 characters, readable by
	// the program alone. Each person has a file of their own.
	TokenFile string `yaml:"token_file"`
}

// People are all who may record acts.
type People []Person

var staffNumber = regexp.MustCompile(`^[a-z0-9-]{1,40}$`)

// MinToken is the least length of a token in bytes.
const MinToken = 20

// Validate returns all problems of the list, without opening a file.
func (ps People) Validate() error {
	var all []error
	bad := func(format string, args ...any) { all = append(all, fmt.Errorf(format, args...)) }
	numbers, files := map[string]int{}, map[string]int{}
	for i, p := range ps {
		switch at, twice := numbers[p.Number]; {
		case !staffNumber.MatchString(p.Number):
			bad("[%d].number: %q must match [a-z0-9-]{1,40}", i, p.Number)
		case twice:
			bad("[%d].number: %q is [%d] already", i, p.Number, at)
		default:
			numbers[p.Number] = i
		}
		if p.Role != incident.RoleDesk && p.Role != incident.RoleManager {
			bad("[%d].role: %q is none of %s, %s", i, p.Role, incident.RoleDesk, incident.RoleManager)
		}
		switch at, twice := files[p.TokenFile]; {
		case p.TokenFile == "":
			bad("[%d].token_file: is needed", i)
		case twice:
			bad("[%d].token_file: is that of [%d]: each person has a token of their own", i, at)
		default:
			files[p.TokenFile] = i
		}
	}
	return errors.Join(all...)
}

// A Desk knows people by their tokens.
type Desk struct{ seats []seat }

type seat struct {
	number string
	role   incident.Role
	token  conf.Secret
}

// Load reads every person's token. It returns all problems joined, each
// beginning with the path of its field.
func (ps People) Load() (*Desk, error) {
	var all []error
	d := &Desk{}
	for i, p := range ps {
		token, err := conf.ReadSecret(p.TokenFile)
		if err != nil {
			all = append(all, conf.Under(fmt.Sprintf("[%d].token_file", i), err))
			continue
		}
		if n := len(token.Reveal()); n < MinToken {
			all = append(all, fmt.Errorf("[%d].token_file: the token in %s has %d characters, want at least %d", i, p.TokenFile, n, MinToken))
			continue
		}
		if at := d.owner(token.Reveal()); at >= 0 {
			all = append(all, fmt.Errorf("[%d].token_file: holds the token of %s: each person has a token of their own", i, d.seats[at].number))
			continue
		}
		d.seats = append(d.seats, seat{p.Number, p.Role, token})
	}
	return d, errors.Join(all...)
}

// owner returns the seat that the token belongs to, or -1. It compares every
// token, each in constant time, so that the answer's time tells nothing.
func (d *Desk) owner(token string) int {
	at := -1
	for i, s := range d.seats {
		if s.token.Equal(token) {
			at = i
		}
	}
	return at
}

// Guard lets only those through to next who show a person's token; all others
// hear 401.
func (d *Desk) Guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := d.person(w, r); ok {
			next.ServeHTTP(w, r)
		}
	})
}

// GuardManagers lets only managers through to next; other people hear 403, all
// others 401.
func (d *Desk) GuardManagers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, ok := d.person(w, r)
		if !ok {
			return
		}
		if who.role != incident.RoleManager {
			refuse(w, http.StatusForbidden, Refusal{Error: "only a manager may ask for this"})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// person returns the owner of the request's token, or answers 401.
func (d *Desk) person(w http.ResponseWriter, r *http.Request) (seat, bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") {
		if at := d.owner(strings.TrimSpace(token)); at >= 0 {
			return d.seats[at], true
		}
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="promptness"`)
	refuse(w, http.StatusUnauthorized, Refusal{Error: "no person is known by this token"})
	return seat{}, false
}
