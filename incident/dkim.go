package incident

import "slices"

// A DKIMResult is what became of one DKIM signature (RFC 6376) of a mail when
// we verified it ourselves, on the day the mail was fetched: the key may be gone
// the day after. It is a transport fact. Whether it says anything of the author
// is the interpreter's to say.
type DKIMResult struct {
	// Domain and Selector are what the signature names, in lower case: letters,
	// digits, hyphens, underscores and dots, together at most MaxDKIMName bytes;
	// both empty where it names none that can be names.
	Domain   string
	Selector string
	Result   DKIM
}

// A DKIM is the result of a verification, in the words of RFC 8601.
type DKIM string

// The results of a verification.
const (
	DKIMPass      DKIM = "pass"      // the domain answers for these words
	DKIMFail      DKIM = "fail"      // the mail is not as it was signed
	DKIMTempError DKIM = "temperror" // the key could not be had, and may be had another time
	DKIMPermError DKIM = "permerror" // no such key, or the signature cannot be read
	DKIMPolicy    DKIM = "policy"    // a form that we accept from nobody, for example l=
)

// DKIMs lists every result of a verification.
func DKIMs() []DKIM {
	return []DKIM{DKIMPass, DKIMFail, DKIMTempError, DKIMPermError, DKIMPolicy}
}

// MaxDKIM bounds the signatures that are verified of one mail, MaxDKIMName the
// bytes of the two names of one: with "._domainkey." between them they are a name
// of the DNS, which has 253 at most.
const (
	MaxDKIM     = 5
	MaxDKIMName = 253 - len("._domainkey.")
)

// Valid reports whether r may be stored.
func (r DKIMResult) Valid() bool {
	return slices.Contains(DKIMs(), r.Result) && len(r.Domain)+len(r.Selector) <= MaxDKIMName &&
		dnsName(r.Domain) && dnsName(r.Selector)
}

func dnsName(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_', c == '.':
		default:
			return false
		}
	}
	return true
}
