package email

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// The bounds of what one mail may ask of us. A mail is stored whatever comes of
// its signatures, and soon.
const (
	// proofWithin bounds the verification of all signatures of a mail.
	proofWithin = 3 * time.Second
	// After maxSilent mails in a row to which no answer came in time nobody is
	// asked for silentFor: a backlog must not wait three seconds a mail.
	maxSilent = 3
	silentFor = time.Minute

	maxDKIMField    = 8 << 10   // bytes of one DKIM-Signature field
	maxSignedNames  = 200       // names in its h=
	maxSignedHeader = 128 << 10 // bytes of the header of a mail that is verified
	maxSignedFields = 1000
	maxKeyRecord    = 4 << 10 // bytes: an RSA key of 16384 bits has 2.8 KiB
)

// A LookupTXT returns the TXT records of a name of the DNS, which ends in a dot,
// each with its strings joined. It should end when ctx does. A *net.DNSError with
// IsNotFound says that there are none; any other error, that nobody knows now.
type LookupTXT func(ctx context.Context, name string) ([]string, error)

// ResolveBy sets who is asked for the keys of DKIM signatures. Default: the
// resolver of the machine. Call it before Run.
func (b *Box) ResolveBy(f LookupTXT) { b.prover.lookup = f }

// proofs returns what the DKIM signatures of a mail give, if this mailbox asks
// for it. It never fails: a key that cannot be had is a result too.
func (b *Box) proofs(ctx context.Context, raw []byte) []incident.DKIMResult {
	if !b.cfg.Authentication.verifies() {
		return nil
	}
	all := b.prover.verify(ctx, raw)
	for _, r := range all {
		if r.Result == incident.DKIMTempError {
			b.log.WarnContext(ctx, "dkim key not had", "results", len(all))
			break
		}
	}
	return all
}

// A prover verifies DKIM signatures. The zero value asks the machine's resolver.
// It is used by one goroutine at a time.
type prover struct {
	lookup LookupTXT

	silent int       // mails in a row to which no answer came in time
	until  time.Time // nobody is asked before
}

// verify returns the result of each signature of raw, at most incident.MaxDKIM,
// those first that could speak for the author. It returns within proofWithin and
// the time to hash the mail.
func (p *prover) verify(ctx context.Context, raw []byte) []incident.DKIMResult {
	m, ok := cutSigned(raw)
	if !ok {
		if m.signatures == nil {
			return nil
		}
		// Not a header that all programs read alike: what was signed and what is
		// read might be two things.
		return []incident.DKIMResult{{Result: incident.DKIMPolicy}}
	}
	sigs := m.signatures
	slices.SortStableFunc(sigs, func(a, b dkimSignature) int {
		return compareBool(aligned(b.domain, m.author), aligned(a.domain, m.author))
	})
	sigs = sigs[:min(len(sigs), incident.MaxDKIM)]

	ctx, cancel := context.WithTimeout(ctx, proofWithin)
	defer cancel()
	now := time.Now()
	asked := &asking{ctx: ctx, lookup: p.lookup, down: now.Before(p.until)}
	out := make([]incident.DKIMResult, len(sigs))
	var wg sync.WaitGroup
	for i, s := range sigs {
		wg.Go(func() {
			out[i] = incident.DKIMResult{Domain: s.domain, Selector: s.selector, Result: asked.result(m, s)}
		})
	}
	wg.Wait()
	switch {
	case asked.answers() > 0:
		p.silent = 0
	case asked.silences() > 0:
		if p.silent++; p.silent >= maxSilent {
			p.silent, p.until = 0, now.Add(silentFor)
		}
	}
	return out
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	default:
		return -1
	}
}

// A dkimSignature is one DKIM-Signature field.
type dkimSignature struct {
	at               int // among the fields of its mail
	domain, selector string
	refused          incident.DKIM // what it is without a look at the key; "" if nothing
}

// A signedMail is a mail cut as the signatures see it.
type signedMail struct {
	fields     [][]byte // as they stand, with their line ends
	body       []byte
	author     string // the domain in From; empty where that is not one address
	signatures []dkimSignature
}

// cutSigned cuts raw. ok is false for a header that we and a verifier might read
// differently: then a signed From could hide behind another that is shown.
func cutSigned(raw []byte) (m *signedMail, ok bool) {
	m = &signedMail{}
	count := map[string]int{}
	ok = true
	at := 0
	for done := false; !done; {
		next := len(raw)
		if i := bytes.IndexByte(raw[at:], '\n'); i >= 0 {
			next = at + i + 1
		}
		line := bytes.TrimSuffix(bytes.TrimSuffix(raw[at:next], []byte("\n")), []byte("\r"))
		if next == at || next > maxSignedHeader || len(m.fields) > maxSignedFields || bytes.ContainsAny(line, "\r\x00") {
			return m, false
		}
		name, _, isField := bytes.Cut(line, []byte(":"))
		switch {
		case len(line) == 0:
			done = true
		case line[0] == ' ' || line[0] == '\t':
			if len(m.fields) == 0 || len(bytes.TrimLeft(line, " \t")) == 0 {
				return m, false // the end of the header to some
			}
			last := len(m.fields) - 1
			m.fields[last] = raw[at-len(m.fields[last]) : next]
		case !isField || !plainName(bytes.TrimRight(name, " \t")):
			ok = false
		default:
			m.fields = append(m.fields, raw[at:next])
			n := strings.ToLower(string(bytes.TrimRight(name, " \t")))
			count[n]++
			if n == "dkim-signature" {
				m.signatures = append(m.signatures, dkimSignature{at: len(m.fields) - 1})
			}
		}
		at = next
	}
	m.body = raw[at:]
	for _, n := range onceOnly() {
		if count[n] > 1 {
			ok = false
		}
	}
	for i := range m.fields {
		if name, value := m.field(i); name == "from" {
			_, m.author, _ = strings.Cut(author(value), "@")
		}
	}
	for i := range m.signatures {
		m.read(&m.signatures[i], count)
	}
	return m, ok
}

func plainName(name []byte) bool {
	return len(name) > 0 && len(name) <= 128 && !bytes.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

// onceOnly lists the fields that we read and that RFC 5322 and 2045 allow once.
// Of two, a verifier takes the lowest and a reader may take the topmost.
func onceOnly() []string {
	return []string{
		"from", "subject", "date", "message-id", "in-reply-to", "references",
		"content-type", "content-transfer-encoding",
	}
}

// field returns the name of a field in lower case, and its value unfolded.
func (m *signedMail) field(i int) (name, value string) {
	before, after, _ := strings.Cut(string(m.fields[i]), ":")
	return strings.ToLower(strings.TrimRight(before, " \t")), strings.TrimSpace(strings.NewReplacer("\r", "", "\n", "").Replace(after))
}

// read reads what a signature says of itself, and whether it is of a form that
// we accept.
func (m *signedMail) read(s *dkimSignature, count map[string]int) {
	s.refused = incident.DKIMPermError
	_, value := m.field(s.at)
	tags := map[string]string{}
	for part := range strings.SplitSeq(value, ";") {
		k, v, ok := strings.Cut(part, "=")
		k = strings.TrimSpace(k)
		if _, twice := tags[k]; twice || !ok && strings.TrimSpace(part) != "" {
			return
		}
		if ok {
			tags[k] = strings.Join(strings.Fields(v), "")
		}
	}
	r := incident.DKIMResult{Domain: strings.ToLower(tags["d"]), Selector: strings.ToLower(tags["s"]), Result: incident.DKIMPass}
	if !r.Valid() || r.Selector == "" || !strings.Contains(strings.Trim(r.Domain, "."), ".") {
		return
	}
	s.domain, s.selector, s.refused = r.Domain, r.Selector, ""
	signed := strings.Split(strings.ToLower(tags["h"]), ":")
	_, part := tags["l"]
	switch {
	case part: // what stands behind it may be anybody's
	case strings.HasSuffix(tags["a"], "-sha1"): // RFC 8301
	case len(m.fields[s.at]) > maxDKIMField, len(signed) > maxSignedNames:
	case !slices.Contains(signed, "from"):
	case count["subject"] > 0 && !slices.Contains(signed, "subject"): // we read it as the author's words
	case count["date"] > 0 && !slices.Contains(signed, "date"):
	default:
		return
	}
	s.refused = incident.DKIMPolicy
}

// message returns the mail with the signature s alone. The library would verify
// all of them, each with the whole body in memory.
func (m *signedMail) message(s dkimSignature) io.Reader {
	var all []io.Reader
	for i, f := range m.fields {
		if i == s.at || !slices.ContainsFunc(m.signatures, func(o dkimSignature) bool { return o.at == i }) {
			all = append(all, bytes.NewReader(f))
		}
	}
	all = append(all, strings.NewReader("\r\n"), bytes.NewReader(m.body))
	return struct{ io.Reader }{io.MultiReader(all...)} // read in pieces
}

// An asking asks for the keys of one mail.
type asking struct {
	ctx    context.Context //nolint:containedctx // of one call of verify; the library passes none on
	lookup LookupTXT
	down   bool // nobody is asked

	mu               sync.Mutex
	answered, silent int
}

func (a *asking) answers() int  { a.mu.Lock(); defer a.mu.Unlock(); return a.answered }
func (a *asking) silences() int { a.mu.Lock(); defer a.mu.Unlock(); return a.silent }

// errNoAnswer is temporary to the library, which asks for just these methods.
type errNoAnswer struct{ error }

func (errNoAnswer) Timeout() bool   { return true }
func (errNoAnswer) Temporary() bool { return true }

// txt asks for the records of a key.
func (a *asking) txt(name string) ([]string, error) {
	if a.down {
		return nil, errNoAnswer{errors.New("look up key: no answer came to the last ones")}
	}
	lookup := a.lookup
	if lookup == nil {
		lookup = net.DefaultResolver.LookupTXT
	}
	type answer struct {
		txt []string
		err error
	}
	got := make(chan answer, 1)
	go func() { // ends with its context, or later where lookup does not heed it
		// Without the dot the search domains of the machine would be asked too.
		txt, err := lookup(a.ctx, strings.TrimSuffix(name, ".")+".")
		got <- answer{txt, err}
	}()
	var x answer
	select {
	case x = <-got:
	case <-a.ctx.Done():
		x.err = a.ctx.Err()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ctx.Err() != nil {
		a.silent++
		return nil, errNoAnswer{a.ctx.Err()}
	}
	a.answered++
	dns, _ := errors.AsType[*net.DNSError](x.err)
	if x.err != nil && (dns == nil || !dns.IsNotFound) {
		return nil, errNoAnswer{x.err}
	}
	return x.txt, x.err
}

// result verifies one signature.
func (a *asking) result(m *signedMail, s dkimSignature) (got incident.DKIM) {
	if s.refused != "" {
		return s.refused
	}
	defer func() {
		if recover() != nil { // a fault in reading must not end the process
			got = incident.DKIMPermError
		}
	}()
	refused := incident.DKIM("")
	all, err := dkim.VerifyWithOptions(m.message(s), &dkim.VerifyOptions{LookupTXT: func(name string) ([]string, error) {
		txt, err := a.txt(name)
		if len(txt) == 1 && (len(txt[0]) > maxKeyRecord || testing(txt[0])) {
			refused = incident.DKIMPolicy
			return nil, errors.New("look up key: not one that is accepted")
		}
		return txt, err
	}})
	switch {
	case refused != "":
		return refused
	case err != nil || len(all) != 1:
		return incident.DKIMPermError
	case all[0].Err == nil:
		return incident.DKIMPass
	case dkim.IsTempFail(all[0].Err):
		return incident.DKIMTempError
	case dkim.IsPermFail(all[0].Err):
		return incident.DKIMPermError
	default:
		return incident.DKIMFail
	}
}

// testing reports whether the domain only tries out the key: its signatures then
// count as if there were none (RFC 6376 section 3.6.1, t=y).
func testing(record string) bool {
	for part := range strings.SplitSeq(record, ";") {
		k, v, _ := strings.Cut(part, "=")
		if strings.TrimSpace(k) == "t" {
			for flag := range strings.SplitSeq(v, ":") {
				if strings.TrimSpace(flag) == "y" {
					return true
				}
			}
		}
	}
	return false
}
