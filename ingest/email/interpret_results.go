package email

import (
	"errors"
	"slices"
	"strings"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/email/letter"
)

// maxResults bounds the bytes of an Authentication-Results field that is read.
const maxResults = 16 << 10

// A methodResult is one result of an Authentication-Results field (RFC 8601): a
// method, what it gave, and the properties that it looked at. All but the values
// of properties are in lower case.
type methodResult struct {
	method, value string
	properties    map[string]string
}

// errResults says that a field is not in the form of RFC 8601.
var errResults = errors.New("read authentication results: not in the form of RFC 8601")

// parseResults reads the value of an Authentication-Results field. id is empty
// where the field has none. Comments and quoted strings are read as such: mail
// systems repeat in them what the sender chose, such as the address in MAIL FROM,
// and a semicolon there ends nothing. A field of which one entry cannot be read
// is not read at all: the entry may be the one that says fail.
func parseResults(value string) (id string, results []methodResult, err error) {
	if len(value) > maxResults {
		return "", nil, errResults
	}
	entries, err := cutResults(value)
	if err != nil {
		return "", nil, err
	}
	for i, words := range entries {
		if i == 0 && (len(words) == 0 || !words[0].pair) {
			if len(words) == 0 || len(words) > 2 || len(words) == 2 && words[1] != (resultWord{key: "1"}) {
				return "", nil, errResults // no name, or a version that is not known
			}
			id = words[0].key
			continue
		}
		switch {
		case len(words) == 0:
			continue // RFC 8601 has none, and mail systems end with a semicolon
		case len(words) == 1 && words[0] == (resultWord{key: "none"}):
			continue
		case !words[0].pair:
			return id, nil, errResults
		}
		method, version, versioned := strings.Cut(words[0].key, "/")
		r := methodResult{method, strings.ToLower(words[0].value), map[string]string{}}
		for _, w := range words[1:] {
			if old, twice := r.properties[w.key]; twice && old != w.value {
				return id, nil, errResults
			}
			if w.pair {
				r.properties[w.key] = w.value
			}
		}
		if !versioned || version == "1" {
			results = append(results, r)
		}
	}
	return id, results, nil
}

// A resultWord is a word of an entry, or a pair of words around "=". The key is
// in lower case.
type resultWord struct {
	key, value string
	pair       bool
}

// cutResults cuts the value of an Authentication-Results field into entries at
// its semicolons, and each into words, without comments.
func cutResults(s string) (entries [][]resultWord, err error) {
	var words []resultWord
	for {
		s = skipBlank(s)
		if s == "" {
			return append(entries, words), nil
		}
		switch s[0] {
		case ';':
			entries, words = append(entries, words), nil
			s = s[1:]
		case '(':
			if s, err = skipComment(s); err != nil {
				return nil, err
			}
		case '=':
			if len(words) == 0 || words[len(words)-1].pair {
				return nil, errResults
			}
			last := &words[len(words)-1]
			if s, err = skipSpace(s[1:]); err != nil {
				return nil, err
			}
			last.pair = true
			if last.value, s, err = cutWord(s, ";(\t "); err != nil {
				return nil, err
			}
		default:
			var key string
			if key, s, err = cutWord(s, ";(=\t "); err != nil {
				return nil, err
			}
			words = append(words, resultWord{key: strings.ToLower(key)})
		}
	}
}

func skipBlank(s string) string { return strings.TrimLeft(s, " \t\r\n") }

// skipSpace steps over blanks and comments.
func skipSpace(s string) (string, error) {
	for {
		s = skipBlank(s)
		if s == "" || s[0] != '(' {
			return s, nil
		}
		var err error
		if s, err = skipComment(s); err != nil {
			return "", err
		}
	}
}

// skipComment steps over the comment with which s begins.
func skipComment(s string) (string, error) {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return s[i+1:], nil
			}
		}
	}
	return "", errResults
}

// cutWord takes from s what stands before the next byte of ends outside of
// quotes, without them.
func cutWord(s, ends string) (word, rest string, err error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			for i++; i < len(s) && s[i] != '"'; i++ {
				if s[i] == '\\' {
					i++
				}
				if i < len(s) {
					b.WriteByte(s[i])
				}
			}
			if i >= len(s) {
				return "", "", errResults
			}
		case s[i] == ')', s[i] < ' ' && s[i] != '\t', s[i] == 0x7f:
			return "", "", errResults
		case strings.IndexByte(ends, s[i]) >= 0:
			return b.String(), s[i:], nil
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), "", nil
}

// A border is what our own mail system says of the sender.
type border int

const (
	borderSilent  border = iota // nothing that concerns the domain in From
	borderAligned               // SPF
	borderProven                // DMARC or DKIM
	borderRefuted               // the mail fails what its domain asks for (DMARC)
)

// results reads the topmost Authentication-Results field of our own mail system
// (RFC 8601). Every other one may be the sender's. It must stand above the
// Received field of the trusted host, where one is configured: the sender's own
// fields stand below it. Fields of ARC are of a chain that we do not check.
func (r *rules) results(fields []letter.Field, domain string) border {
	if r.AuthservID == "" && !r.ResultsNoID {
		return borderSilent
	}
	end := len(fields)
	if len(r.TrustedHops) > 0 {
		at, _ := r.trustedHop(fields)
		if at < 0 {
			return borderSilent
		}
		end = at
		if r.ResultsBelow {
			for end = at + 1; end < len(fields) && fields[end].Name != "received"; end++ {
			}
		}
	} else if r.ResultsNoID {
		return borderSilent
	}
	for _, f := range fields[:end] {
		if f.Name != "authentication-results" {
			continue
		}
		id, results, err := parseResults(f.Value)
		if err != nil && id == "" {
			// Perhaps ours, and what it says cannot be told.
			if first, _, _ := strings.Cut(f.Value, ";"); r.ResultsNoID || strings.Contains(strings.ToLower(first), strings.ToLower(r.AuthservID)) {
				return borderSilent
			}
			continue
		}
		if !strings.EqualFold(id, r.AuthservID) {
			continue
		}
		if err != nil {
			return borderSilent
		}
		return grade(results, domain)
	}
	return borderSilent
}

// grade says what the results prove of the domain in From: dmarc=pass for it or
// a passing DKIM signature of it is proof, a passing SPF of it an alignment.
// What another domain proves counts nothing.
func grade(results []methodResult, domain string) border {
	best := borderSilent
	for _, r := range results {
		prover := ""
		switch r.method {
		case "dmarc":
			if r.value == "fail" {
				return borderRefuted
			}
			prover = r.properties["header.from"]
		case "dkim":
			if prover = r.properties["header.d"]; prover == "" {
				prover = afterAt(r.properties["header.i"])
			}
		case "spf":
			if r.value == "pass" && best == borderSilent && aligned(afterAt(r.properties["smtp.mailfrom"]), domain) {
				best = borderAligned
			}
			continue
		default:
			continue
		}
		if r.value == "pass" && aligned(prover, domain) {
			best = borderProven
		}
	}
	return best
}

func afterAt(address string) string {
	return strings.TrimRight(address[strings.LastIndexByte(address, '@')+1:], ">")
}

// An ownProof is what our own verification says of the domain in From.
type ownProof int

const (
	ownNone ownProof = iota // no signature that could speak for it
	ownUnknown
	ownFails
	ownPasses
)

// proof sums up the signatures by the domain in From, or one above it. The best
// of them counts: RFC 6376 gives a signature that fails the weight of none.
func proof(signed []incident.DKIMResult, domain string) ownProof {
	best := ownNone
	for _, s := range signed {
		if !aligned(s.Domain, domain) {
			continue
		}
		switch s.Result {
		case incident.DKIMPass:
			return ownPasses
		case incident.DKIMTempError:
			best = ownUnknown
		case incident.DKIMFail, incident.DKIMPermError, incident.DKIMPolicy:
			if best == ownNone {
				best = ownFails
			}
		}
	}
	return best
}

// aligned reports whether prover is domain itself or a domain above it. The
// other way about would let whoever has a sub-domain speak for the whole; where
// DMARC allows that, the mail system says dmarc=pass. Which names are public
// suffixes is not known here: whoever can publish a key under gov.uk or co.uk
// itself would be believed for all beneath it.
func aligned(prover, domain string) bool {
	prover, domain = strings.ToLower(strings.Trim(prover, ".<> ")), strings.ToLower(domain)
	return prover != "" && strings.Contains(prover, ".") &&
		(prover == domain || strings.HasSuffix(domain, "."+prover))
}

// author returns the address in a From field in lower case, or "" unless it is in
// the one form that all programs read alike: one address, with or without a name
// before it, or in a comment behind it. Groups, lists, routes, quoted local parts
// and names with an address in them are how one program is shown another sender
// than the next (GO-2024-2609).
func author(value string) string {
	var b strings.Builder
	for s := value; s != ""; {
		switch c := s[0]; {
		case c == '"':
			_, rest, err := cutQuoted(s)
			if err != nil {
				return ""
			}
			b.WriteByte(' ')
			s = rest
			continue
		case c == '(':
			rest, err := skipComment(s)
			if err != nil || strings.ContainsAny(s[:len(s)-len(rest)], "<>@") {
				return ""
			}
			b.WriteByte(' ')
			s = rest
			continue
		case c == ')', c == '\\', c == ',', c == ';', c == ':', c < ' ' && c != '\t', c == 0x7f:
			return ""
		default:
			b.WriteByte(c)
		}
		s = s[1:]
	}
	whole := strings.TrimSpace(b.String())
	if name, address, ok := strings.Cut(whole, "<"); ok {
		inner, after, _ := strings.Cut(address, ">")
		if strings.ContainsAny(name, "@>") || after != "" || !strings.HasSuffix(whole, ">") {
			return ""
		}
		whole = inner
	}
	whole = strings.ToLower(whole)
	local, domain, ok := strings.Cut(whole, "@")
	if !ok || !wordOf(local, "!#$%&'*+/=?^_`{|}~-.") || len(local) > 64 || !wordOf(domain, "-.") || len(domain) > 253 {
		return ""
	}
	labels := strings.Split(domain, ".")
	if len(labels) < 2 || slices.Contains(labels, "") || slices.Contains(strings.Split(local, "."), "") {
		return ""
	}
	return whole
}

// cutQuoted cuts the quoted string with which s begins.
func cutQuoted(s string) (text, rest string, err error) {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return s[1:i], s[i+1:], nil
		}
	}
	return "", "", errResults
}

// wordOf reports whether s is made of letters, digits and the others, and not
// empty.
func wordOf(s, others string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && !strings.ContainsRune(others, r)
	})
}
