package email_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/email"
	"github.com/ministryofjustice/incident-promptness/internal/bubble"
	"github.com/ministryofjustice/incident-promptness/internal/memimap"
)

// keys are made once: making them takes longer than all tests with them.
var keys = sync.OnceValue(func() (k struct {
	rsa   *rsa.PrivateKey
	ed    ed25519.PrivateKey
	zone  zone
	small string // the record of a key that is too short
}) {
	var err error
	if k.rsa, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		panic(err)
	}
	if _, k.ed, err = ed25519.GenerateKey(rand.Reader); err != nil {
		panic(err)
	}
	record := func(pub any) string {
		b, err := x509.MarshalPKIXPublicKey(pub)
		if err != nil {
			panic(err)
		}
		return "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(b)
	}
	k.small = record(&rsa.PublicKey{N: new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 768), big.NewInt(1)), E: 65537})
	good := record(&k.rsa.PublicKey)
	k.zone = zone{
		"s._domainkey.example.org.":      {good},
		"s._domainkey.desk.example.org.": {good},
		"s._domainkey.evil.invalid.":     {good},
		"ed._domainkey.example.org.":     {"v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(k.ed.Public().(ed25519.PublicKey))},
		"small._domainkey.example.org.":  {k.small},
		"test._domainkey.example.org.":   {"v=DKIM1; t=s:y; p=" + good[strings.Index(good, "p=")+2:]},
		"gone._domainkey.example.org.":   {"v=DKIM1; p="},
		"two._domainkey.example.org.":    {good, good},
		"long._domainkey.example.org.":   {good + strings.Repeat(" ", 5000)},
	}
	return k
})

// A zone is the DNS of a test.
type zone map[string][]string

func (z zone) txt(_ context.Context, name string) ([]string, error) {
	if txt, ok := z[name]; ok {
		return txt, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

// plain is a mail that its author's system signs.
const plain = "From: Jo <jo@example.org>\r\nTo: reports@example.org\r\nSubject: Lost laptop\r\nDate: Mon, 23 Nov 2026 10:19:00 +0000\r\n" +
	"Message-ID: <one@example.org>\r\n\r\nDetected: 23/11/2026 09:15\r\n"

// signed returns mail with a signature on top.
func signed(t testing.TB, mail string, change ...func(*dkim.SignOptions)) string {
	t.Helper()
	o := &dkim.SignOptions{
		Domain: "example.org", Selector: "s", Signer: keys().rsa, HeaderCanonicalization: "relaxed", BodyCanonicalization: "relaxed",
		HeaderKeys: []string{"From", "Subject", "Date", "Message-ID"},
	}
	for _, f := range change {
		f(o)
	}
	var b bytes.Buffer
	if err := dkim.Sign(&b, strings.NewReader(mail), o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func domain(d string) func(*dkim.SignOptions)   { return func(o *dkim.SignOptions) { o.Domain = d } }
func selector(s string) func(*dkim.SignOptions) { return func(o *dkim.SignOptions) { o.Selector = s } }

// results says what became of each signature, "domain/selector result".
func results(all []incident.DKIMResult) string {
	var out []string
	for _, r := range all {
		out = append(out, r.Domain+"/"+r.Selector+" "+string(r.Result))
	}
	return strings.Join(out, ", ")
}

func TestWhatASignatureGives(t *testing.T) {
	t.Parallel()
	good := signed(t, plain)
	swap := func(mail, old, new string) string {
		t.Helper()
		if !strings.Contains(mail, old) {
			t.Fatalf("%q is not in the mail", old)
		}
		return strings.Replace(mail, old, new, 1)
	}
	tag := func(change string) string { return swap(good, "DKIM-Signature: ", "DKIM-Signature: "+change+";") }
	for _, tt := range []struct {
		name, mail, want string
	}{
		{"by the domain of the author", good, "example.org/s pass"},
		{"with Ed25519", signed(t, plain, selector("ed"), func(o *dkim.SignOptions) { o.Signer = keys().ed }), "example.org/ed pass"},
		{"in its simple form", signed(t, plain, func(o *dkim.SignOptions) { o.HeaderCanonicalization, o.BodyCanonicalization = "simple", "simple" }), "example.org/s pass"},
		{"with fields on top that nobody signs", "Received: from a by b; Mon, 23 Nov 2026 10:20:00 +0000\r\nX-Spam: no\r\n" + good, "example.org/s pass"},
		{"by another domain", signed(t, plain, domain("evil.invalid")), "evil.invalid/s pass"},
		{"the author's first", signed(t, signed(t, plain), domain("evil.invalid")), "example.org/s pass, evil.invalid/s pass"},
		{"none", plain, ""},

		{"another text", swap(good, "09:15", "08:15"), "example.org/s fail"},
		{"another subject", swap(good, "Lost laptop", "Lost phone"), "example.org/s fail"},
		{"another author of the domain", swap(good, "jo@", "mo@"), "example.org/s fail"},
		{"another key", swap(good, "b=", "b=AAAA"), "example.org/s fail"},

		{"no key", signed(t, plain, selector("none")), "example.org/none permerror"},
		{"a key that was taken back", signed(t, plain, selector("gone")), "example.org/gone permerror"},
		{"two keys", signed(t, plain, selector("two")), "example.org/two permerror"},
		{"a key of 768 bits", signed(t, plain, selector("small")), "example.org/small permerror"},
		{"a key on trial", signed(t, plain, selector("test")), "example.org/test policy"},
		{"a record too long for a key", signed(t, plain, selector("long")), "example.org/long policy"},
		{"expired", signed(t, plain, func(o *dkim.SignOptions) { o.Expiration = time.Now().Add(-time.Hour) }), "example.org/s permerror"},
		{"not yet expired", signed(t, plain, func(o *dkim.SignOptions) { o.Expiration = time.Now().Add(time.Hour) }), "example.org/s pass"},
		{"of a part of the text", tag("l=20"), "example.org/s policy"},
		{"SHA-1", swap(good, "a=rsa-sha256", "a=rsa-sha1"), "example.org/s policy"},
		{"without the author", swap(good, "h=From:", "h="), "example.org/s policy"},
		{"without the subject", signed(t, plain, func(o *dkim.SignOptions) { o.HeaderKeys = []string{"From", "Date"} }), "example.org/s policy"},
		{"without the date", signed(t, plain, func(o *dkim.SignOptions) { o.HeaderKeys = []string{"From", "Subject"} }), "example.org/s policy"},
		{"a tag twice", tag("d=example.org"), "/ permerror"},
		{"a name that is none", swap(good, "d=example.org", "d=exa mple.o\x7frg"), "/ permerror"},
		{"a top-level domain", swap(good, "d=example.org", "d=org"), "/ permerror"},
		{"a name too long", swap(good, "s=s;", "s="+strings.Repeat("s", 250)+";"), "/ permerror"},
		{"no tags", "DKIM-Signature: x\r\n" + plain, "/ permerror"},
		{"a field that is too large", tag("z=" + strings.Repeat("a", 9000)), "example.org/s policy"},
		{"too many names", swap(good, "h=From:", "h="+strings.Repeat("x:", 300)+"From:"), "example.org/s policy"},

		// What one program takes for the author and the next does not.
		{"a second From above", "From: boss@example.org\r\n" + good, "/ policy"},
		{"a second subject above", "Subject: Nothing is lost\r\n" + good, "/ policy"},
		{"a second content type above", "Content-Type: text/html\r\nContent-Type: text/plain\r\n" + good, "/ policy"},
		{"a line end within a line", swap(good, "To: reports", "To: re\rports"), "/ policy"},
		{"a line with a NUL", swap(good, "To: reports", "To: re\x00ports"), "/ policy"},
		{"a line that is no field", swap(good, "To: reports", "hello\r\nTo: reports"), "/ policy"},
		{"blanks that end the header to some", swap(good, "To: reports", " \r\nTo: reports"), "/ policy"},
		{"a header without end", strings.TrimSuffix(good[:strings.Index(good, "\r\n\r\n")], "\r\n"), "/ policy"},
		{"a header too large", swap(good, "To: reports", "X: "+strings.Repeat("a", 130<<10)+"\r\nTo: reports"), "/ policy"},
		{"fields without number", swap(good, "To: reports", strings.Repeat("X: a\r\n", 1500)+"To: reports"), "/ policy"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := results(email.NewProver(keys().zone.txt).Verify(t.Context(), []byte(tt.mail))); got != tt.want {
				t.Errorf("Verify = %q, want %q\n%s", got, tt.want, tt.mail[:min(len(tt.mail), 1500)])
			}
		})
	}
}

// Whoever puts signatures of his own on top does not push out the author's.
func TestAtMostFiveSignaturesAreVerifiedTheAuthorsFirst(t *testing.T) {
	t.Parallel()
	mail := signed(t, plain)
	for range 20 {
		mail = signed(t, mail, domain("evil.invalid"))
	}
	var asked atomic.Int64
	got := email.NewProver(func(ctx context.Context, name string) ([]string, error) {
		asked.Add(1)
		return keys().zone.txt(ctx, name)
	}).Verify(t.Context(), []byte(mail))
	if len(got) != incident.MaxDKIM || got[0].Domain != "example.org" || got[0].Result != incident.DKIMPass {
		t.Errorf("Verify = %s, want five with the author's first", results(got))
	}
	if n := asked.Load(); n > incident.MaxDKIM {
		t.Errorf("%d questions to the DNS, want at most %d", n, incident.MaxDKIM)
	}
}

func TestAKeyThatCannotBeHad(t *testing.T) {
	t.Parallel()
	mail := []byte(signed(t, plain))
	for _, err := range []error{
		errors.New("network is unreachable"),
		&net.DNSError{Err: "server misbehaving", Name: "s", IsTemporary: true},
		&net.DNSError{Err: "server misbehaving", Name: "s"},
		&net.DNSError{Err: "i/o timeout", Name: "s", IsTimeout: true},
		context.DeadlineExceeded,
	} {
		p := email.NewProver(func(context.Context, string) ([]string, error) { return nil, err })
		if got := results(p.Verify(t.Context(), mail)); got != "example.org/s temperror" {
			t.Errorf("with %v: %q, want temperror", err, got)
		}
	}
}

// The DNS that does not answer costs three seconds a mail, and not for long.
func TestADNSThatDoesNotAnswerHoldsNobodyUp(t *testing.T) {
	mail := []byte(signed(t, signed(t, plain), domain("evil.invalid")))
	bubble.Run(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var deaf atomic.Bool // an answer that nobody waits for is still looked up
		deaf.Store(true)
		p := email.NewProver(func(_ context.Context, name string) ([]string, error) {
			if deaf.Load() {
				<-ctx.Done() // does not even heed its own context
				return nil, ctx.Err()
			}
			return keys().zone.txt(ctx, name)
		})
		verify := func(want string, within time.Duration) {
			t.Helper()
			began := time.Now()
			if got := results(p.Verify(ctx, mail)); got != want {
				t.Errorf("Verify = %q, want %q", got, want)
			}
			if d := time.Since(began); d != within {
				t.Errorf("it took %s, want %s", d, within)
			}
		}
		const down = "example.org/s temperror, evil.invalid/s temperror"
		const up = "example.org/s pass, evil.invalid/s pass"
		for range 3 {
			verify(down, 3*time.Second)
		}
		for range 1000 { // a backlog
			verify(down, 0)
		}
		bubble.Advance(time.Minute)
		verify(down, 3*time.Second)
		deaf.Store(false)
		verify(up, 0)
		deaf.Store(true)
		for range 3 { // what was answered counts anew
			verify(down, 3*time.Second)
		}
		deaf.Store(false)
		verify(down, 0)
		bubble.Advance(time.Minute)
		verify(up, 0)
		cancel()
	})
}

// A real server on the loopback, asked by the resolver of package net. Its answer
// comes in several strings, as records of real keys do.
func TestKeysFromARealDNSServer(t *testing.T) {
	t.Parallel()
	conn, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var asked sync.Map
	wg.Go(func() { serveDNS(t, conn, keys().zone, &asked) })
	t.Cleanup(func() { _ = conn.Close(); wg.Wait() })
	r := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
	p := email.NewProver(r.LookupTXT)
	for mail, want := range map[string]string{
		signed(t, plain):                   "example.org/s pass",
		signed(t, plain, selector("none")): "example.org/none permerror",
		signed(t, plain, selector("fail")): "example.org/fail temperror",
	} {
		if got := results(p.Verify(t.Context(), []byte(mail))); got != want {
			t.Errorf("Verify = %q, want %q", got, want)
		}
	}
	asked.Range(func(name, _ any) bool {
		if n, _ := name.(string); !strings.HasSuffix(n, "._domainkey.example.org.") {
			t.Errorf("asked for %q, want no search domain behind the name", n)
		}
		return true
	})
}

// serveDNS answers until conn is closed. It knows z, fails for names that begin
// with "fail.", and of all others says that they do not exist.
func serveDNS(t testing.TB, conn net.PacketConn, z zone, asked *sync.Map) {
	buf := make([]byte, 4096)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		var m dnsmessage.Message
		if err := m.Unpack(buf[:n]); err != nil || len(m.Questions) != 1 {
			t.Errorf("a question that is none: %v", err)
			continue
		}
		q := m.Questions[0]
		asked.Store(q.Name.String(), true)
		m.Response, m.Additionals = true, nil
		txt, known := z[q.Name.String()]
		switch {
		case strings.HasPrefix(q.Name.String(), "fail."):
			m.RCode = dnsmessage.RCodeServerFailure
		case !known:
			m.RCode = dnsmessage.RCodeNameError
		default:
			for _, s := range txt {
				var parts []string
				for p := range slices.Chunk([]byte(s), 100) {
					parts = append(parts, string(p))
				}
				m.Answers = append(m.Answers, dnsmessage.Resource{
					Header: dnsmessage.ResourceHeader{Name: q.Name, Type: dnsmessage.TypeTXT, Class: q.Class},
					Body:   &dnsmessage.TXTResource{TXT: parts},
				})
			}
		}
		out, err := m.Pack()
		if err != nil {
			t.Errorf("pack answer: %v", err)
			return
		}
		if _, err := conn.WriteTo(out, from); err != nil {
			return
		}
	}
}

// The mail is stored whatever becomes of its signature, and what became of it
// goes with it. Nobody is asked for the key of a mail that is not stored.
func TestAMailIsStoredWithWhatItsSignatureGave(t *testing.T) {
	t.Parallel()
	s, err := memimap.Start("127.0.0.1:0", "demo", "secret")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	secret := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(secret, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	off := false
	for i, tt := range []struct {
		name, mail, subject string
		lookup              email.LookupTXT
		change              func(*email.Config)
		want                string
	}{
		{"the key is there", signed(t, plain), "Lost laptop", keys().zone.txt, nil, "example.org/s pass"},
		{"the DNS is down", signed(t, plain), "Lost laptop", func(context.Context, string) ([]string, error) { return nil, errors.New("network is unreachable") }, nil, "example.org/s temperror"},
		{"nobody asked for it", signed(t, plain), "Lost laptop", fatal(t), func(c *email.Config) { c.Authentication.DKIM = &off }, ""},
		{"no way is named by which mail comes from outside", signed(t, plain), "Lost laptop", fatal(t), func(c *email.Config) { c.Authentication = email.Authentication{Closed: true} }, ""},
		{"marked SECRET", signed(t, strings.Replace(plain, "Lost", "SECRET lost", 1)), email.StubSecret, fatal(t), nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := config()
			c.Name = incident.SourceName(fmt.Sprintf("box-%d", i))
			c.Address, c.TLS, c.Username, c.PasswordFile, c.Start = s.Addr, email.TLSNone, "demo", secret, email.StartNow
			c.Poll = incident.Span(time.Second)
			if tt.change != nil {
				tt.change(&c)
			}
			v := newVault()
			box, err := email.New(c, v, v, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			box.ResolveBy(tt.lookup)
			ctx, cancel := context.WithCancel(t.Context())
			var wg sync.WaitGroup
			wg.Go(func() { _ = box.Run(ctx) })
			defer func() { cancel(); wg.Wait() }()
			connected(t, box)
			if err := s.Deliver([]byte(tt.mail), time.Time{}); err != nil {
				t.Fatal(err)
			}
			wantSubjects(t, v, tt.subject)
			if got := results(v.stored()[0].DKIM); got != tt.want {
				t.Errorf("stored with %q, want %q", got, tt.want)
			}
		})
	}
}

// fatal is a DNS that must not be asked.
func fatal(t *testing.T) email.LookupTXT {
	return func(_ context.Context, name string) ([]string, error) {
		t.Errorf("asked for %q, want nobody asked", name)
		return nil, errors.New("not to be asked")
	}
}

// The lines of the header that a signature sees must be those that the
// interpreter reads: whatever anybody puts into a mail, a signature that passes
// never speaks for an author who did not sign.
func FuzzAPassingSignatureSpeaksForItsAuthorOnly(f *testing.F) {
	mail := signed(f, plain)
	for _, s := range []string{
		"From: boss@example.org\r\n", "From : boss@example.org\r\n", "\r\n", "\r\r\n", "From: boss@example.org\r\n\r\r\n", " \r\n",
		"\x00", "From: boss@example.org\r", "\nFrom: boss@example.org\n\n", "From boss@example.org\r\n", "Content-Type: text/html\r\n", "\xef\xbb\xbf",
		"From: boss@example.org\r\n" + strings.Repeat("X: y\r\n", 2000), "Subject: other words\r\n", "=?utf-8?q?=0D=0AFrom:?=",
	} {
		for _, at := range []int{0, len(mail) / 2, len(mail)} {
			f.Add(s, at)
		}
	}
	x := &email.Interpreter{}
	rule := config(func(c *email.Config) { c.Authentication.AuthservID = "mx.example.org" }).Rule()
	f.Fuzz(func(t *testing.T, extra string, at int) {
		at = min(max(at, 0), len(mail))
		raw := []byte(mail[:at] + extra + mail[at:])
		s := signal(t, "")
		s.Raw = raw
		s.DKIM = email.NewProver(keys().zone.txt).Verify(context.Background(), raw)
		r := x.Interpret(s, rule)
		for _, p := range r.Parts {
			if p.Trust.Known() && p.Observer != "jo@example.org" {
				t.Errorf("%q is believed to come from %q", raw, p.Observer)
			}
			if p.Trust.Known() && !strings.HasPrefix(email.Text(raw), "Lost laptop\n") {
				t.Errorf("%q is believed to speak of %q", raw, email.Text(raw))
			}
		}
	})
}
