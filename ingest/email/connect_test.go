package email_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ministryofjustice/incident-promptness/ingest/email"
)

// What go-imap makes of answers that servers give. Each of these lost a mail, or
// the mailbox, before.
func TestOddAnswersToAFetchStillGiveTheMail(t *testing.T) {
	const body = "Subject: x\r\n\r\ntext\r\n"
	literal := fmt.Sprintf("{%d}\r\n%s", len(body), body)
	for name, answer := range map[string]string{
		"as most give it":                     "* 3 FETCH (UID 5 BODY[] " + literal + ")",
		"the UID behind the text":             "* 3 FETCH (BODY[] " + literal + " UID 5)",
		"a flag that somebody sets meanwhile": "* 3 FETCH (UID 5 FLAGS (\\Seen))\r\n* 3 FETCH (UID 5 BODY[] " + literal + ")",
		"flags without a UID in between":      "* 3 FETCH (FLAGS (\\Seen))\r\n* 3 FETCH (UID 5 BODY[] " + literal + " FLAGS (\\Seen))",
		"another mail's text first":           "* 2 FETCH (UID 4 BODY[] {3}\r\nabc)\r\n* 3 FETCH (UID 5 BODY[] " + literal + ")",
		"another part beside it":              "* 3 FETCH (UID 5 BODY[TEXT] {3}\r\nabc BODY[] " + literal + " BODY[HEADER] {3}\r\nabc)",
		"a quoted string":                     `* 3 FETCH (UID 5 BODY[] "` + `Subject: y")`,
		"an EXPUNGE before":                   "* 1 EXPUNGE\r\n* 3 FETCH (UID 5 BODY[] " + literal + ")",
		"the text twice":                      "* 3 FETCH (UID 5 BODY[] " + literal + ")\r\n* 3 FETCH (UID 5 BODY[] " + literal + ")",
	} {
		t.Run(name, func(t *testing.T) {
			s := script(t, func(k *talk) {
				k.say("* OK hello")
				k.serve(with(opening("AUTH=PLAIN SASL-IR"), "UID FETCH", answer+"\r\n%t OK done"))
			})
			m, err := open(t, configAt(t, s.addr))
			if err != nil {
				t.Fatal(err)
			}
			want := body
			if name == "a quoted string" {
				want = "Subject: y"
			}
			for range 2 { // the connection is well after it
				got, err := m.Fetch(t.Context(), 5, false)
				if err != nil || string(got) != want {
					t.Fatalf("Fetch() = %q, %v, want %q", got, err, want)
				}
			}
		})
	}
}

func TestAnswersThatGiveNoMail(t *testing.T) {
	for name, tt := range map[string]struct {
		answer string
		want   error
	}{
		"none":                         {"%t OK done", email.ErrAbsent},
		"NIL":                          {"* 3 FETCH (UID 5 BODY[] NIL)\r\n%t OK done", email.ErrAbsent},
		"another mail's":               {"* 3 FETCH (UID 4 BODY[] {3}\r\nabc)\r\n%t OK done", email.ErrAbsent},
		"another mail's, UID behind":   {"* 3 FETCH (BODY[] {3}\r\nabc UID 4)\r\n%t OK done", email.ErrAbsent},
		"a part that nobody asked for": {"* 3 FETCH (UID 5 BODY[TEXT] {3}\r\nabc)\r\n%t OK done", email.ErrAbsent},
		"NO":                           {"%t NO [SERVERBUG] cannot", email.ErrRefused},
		"BAD":                          {"%t BAD no", email.ErrRefused},
	} {
		t.Run(name, func(t *testing.T) {
			s := script(t, func(k *talk) {
				k.say("* OK hello")
				k.serve(with(opening("AUTH=PLAIN SASL-IR"), "UID FETCH", tt.answer))
			})
			m, err := open(t, configAt(t, s.addr))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := m.Fetch(t.Context(), 5, false); !errors.Is(err, tt.want) {
				t.Errorf("Fetch() = %q, %v, want %v", got, err, tt.want)
			}
			if _, err := m.Search(t.Context(), 0, time.Time{}); err != nil {
				t.Errorf("Search() after it: %v, want the connection well", err)
			}
		})
	}
}

// A server that is overloaded has nothing against the mail: it must not be noted
// as unreadable.
func TestThrottlingIsNotTheMailsFault(t *testing.T) {
	s := script(t, func(k *talk) {
		k.say("* OK hello")
		k.serve(with(opening("AUTH=PLAIN SASL-IR"), "UID FETCH", "%t BAD Request is throttled. Suggested Backoff Time: 360000 milliseconds"))
	})
	m, err := open(t, configAt(t, s.addr))
	if err != nil {
		t.Fatal(err)
	}
	_, err = m.Fetch(t.Context(), 5, false)
	if err == nil || errors.Is(err, email.ErrRefused) || errors.Is(err, email.ErrAbsent) || pauseOf(err) != 6*time.Minute {
		t.Errorf("Fetch() = %v, pause %s, want an error that asks to wait as long as Exchange does", err, pauseOf(err))
	}
	if _, err = m.List(t.Context(), []uint32{5}); err == nil || pauseOf(err) != 6*time.Minute {
		t.Errorf("List() = %v, pause %s, want the same", err, pauseOf(err))
	}
}

func TestSearchTakesWhatServersAnswer(t *testing.T) {
	for name, tt := range map[string]struct {
		answer string
		want   []uint32
		fails  bool
	}{
		"ascending":                       {"* SEARCH 5 6 9", []uint32{5, 6, 9}, false},
		"descending, and twice":           {"* SEARCH 9 6 5 6", []uint32{5, 6, 9}, false},
		"in two answers":                  {"* SEARCH 5\r\n* SEARCH 9", []uint32{5, 9}, false},
		"in small letters":                {"* search 5", []uint32{5}, false},
		"nothing":                         {"* SEARCH", nil, false},
		"no answer but OK":                {"", nil, false},
		"a space behind it":               {"* SEARCH 5 ", []uint32{5}, false},
		"the last mail for n:* past it":   {"* SEARCH 4", nil, false},
		"an EXPUNGE meanwhile":            {"* 3 EXPUNGE\r\n* SEARCH 5 6\r\n* 2 EXPUNGE\r\n* 4 EXISTS", []uint32{5, 6}, false},
		"an ESEARCH, as IMAP4rev2 has it": {`* ESEARCH (TAG "%t") UID ALL 5:6,9`, []uint32{5, 6, 9}, false},
		"an ESEARCH without any":          {`* ESEARCH (TAG "%t") UID`, nil, false},
		"an ESEARCH of sequence numbers":  {`* ESEARCH (TAG "%t") ALL 1:3`, nil, true},
		"an ESEARCH of all there can be":  {`* ESEARCH (TAG "%t") UID ALL 1:4294967295`, nil, true},
		"a saved result":                  {`* ESEARCH (TAG "%t") UID ALL $`, nil, true},
		"a number too large":              {"* SEARCH 99999999999", nil, true},
		"zero":                            {"* SEARCH 0 5", nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := script(t, func(k *talk) {
				k.say("* OK hello")
				k.serve(with(opening("AUTH=PLAIN SASL-IR"), "UID SEARCH", strings.TrimPrefix(tt.answer+"\r\n%t OK done", "\r\n")))
			})
			m, err := open(t, configAt(t, s.addr))
			if err != nil {
				t.Fatal(err)
			}
			got, err := m.Search(t.Context(), 4, time.Time{})
			if (err != nil) != tt.fails {
				t.Fatalf("Search() = %v, %v", got, err)
			}
			if d := cmp.Diff(tt.want, got); d != "" && !tt.fails && len(got)+len(tt.want) > 0 {
				t.Errorf("Search() (-want +got):\n%s", d)
			}
		})
	}
}

// A mail of which the server tells no date, or one that none can read, breaks
// go-imap's connection. It is read all the same, and so are those behind it.
func TestAMailWithoutADateDoesNotStopTheMailbox(t *testing.T) {
	for _, date := range []string{"NIL", `""`, `"00-Jan-0000 00:00:00 +0000"`, `"24-Nov-2026 10:00"`, `"Tue, 24 Nov 2026 10:00:00 +0000"`} {
		t.Run(date, func(t *testing.T) {
			t.Parallel() // each waits for three connections
			s := script(t, func(k *talk) {
				k.say("* OK hello")
				answers := opening("AUTH=PLAIN SASL-IR")
				for tag, rest, ok := k.command(); ok; tag, rest, ok = k.command() {
					words := strings.Fields(rest)
					switch {
					case strings.HasPrefix(rest, "UID SEARCH"):
						k.say("* SEARCH 1 2 3\r\n%s OK done", tag)
					case strings.HasPrefix(rest, "UID FETCH") && strings.Contains(rest, "INTERNALDATE"):
						for uid := 1; uid <= 3; uid++ {
							if strings.Contains(words[2], fmt.Sprint(uid)) || words[2] == "1:3" {
								d := `"24-Nov-2026 10:00:00 +0000"`
								if uid == 2 {
									d = date
								}
								k.say("* %d FETCH (UID %d INTERNALDATE %s RFC822.SIZE 20)", uid, uid, d)
							}
						}
						k.say("%s OK done", tag)
					case strings.HasPrefix(rest, "UID FETCH"):
						raw := letter("mail " + words[2])
						k.say("* %s FETCH (UID %s BODY[] {%d}\r\n%s)\r\n%s OK done", words[2], words[2], len(raw), raw, tag)
					default:
						a := answers[words[0]]
						if a == "" {
							a = "%t OK done"
						}
						a = strings.ReplaceAll(a, "UIDNEXT 1", "UIDNEXT 4")
						k.say("%s", strings.ReplaceAll(a, "%t", tag))
					}
				}
			})
			c := configAt(t, s.addr)
			c.Start = email.StartAll
			v := newVault()
			run(t, c, v)
			wantSubjects(t, v, "mail 1", "mail 2", "mail 3")
			for _, g := range v.stored() {
				dated := !strings.Contains(string(g.Raw), "mail 2")
				if got := !g.Stamped.IsZero(); got != dated {
					t.Errorf("%q is stamped %s", g.Raw[:60], g.Stamped)
				}
			}
		})
	}
}

// Whatever a server says, the process goes on, nothing waits without end, and
// once the server is well again the mail is read.
func TestJunkFromAServerNeverEndsTheReading(t *testing.T) {
	deep := strings.Repeat("(", 1<<20)
	junk := []string{
		"", "*", "* ", "\x00\x01\x02", "* OK", "+", "+ go on", "* BYE", "* 1", "* 1 FETCH", "* 1 FETCH (", "* 1 FETCH ()", "* 1 FETCH (UID",
		"* 1 FETCH (UID 1 BODY[] {10}\r\nabc", "* 1 FETCH (UID 1 BODY[] {99999999999999999999}\r\nabc", "* 1 FETCH (UID 1 BODY[] {-1}\r\n)",
		"* 1 FETCH (UID 1 BODY[ {3}\r\nabc)", "* 1 FETCH (ENVELOPE NIL)", "* 1 FETCH (ENVELOPE (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL))",
		"* 1 FETCH (BODYSTRUCTURE " + deep, "* 1 FETCH (BODY " + strings.Repeat("((", 600) + ")", "* 1 FETCH (X-UNKNOWN 1)", "* 1 FETCH (RFC822.SIZE -1)",
		"* SEARCH x", "* ESEARCH (TAG", `* ESEARCH (TAG "T1") UID ALL *`, "* LIST", "* FLAGS (\\Seen", "* OK [", "* OK [PERMANENTFLAGS (\\*)] x",
		"* OK [UIDNEXT x]", "* OK [CLOSED] x\r\n* 5 EXISTS\r\n* FLAGS (x)", "* 99999999999 EXISTS", "* CAPABILITY", "* ENABLED", "* NAMESPACE", "* SORT 1", "* THREAD (1",
		"* STATUS x (", "* METADATA x", "* QUOTA x (", "* ACL", "T999 OK unmatched", "%t", "%t MAYBE", "%t OK [COPYUID 1 * *] x", "%t OK [", "* PREAUTH again", "* OK again",
		"* 1 FETCH (UID 1 UID 2 UID 3 BODY[] {3}\r\nabc BODY[] {3}\r\nabc)", "* 1 FETCH (UID 1 FLAGS (" + strings.Repeat("a ", 1000) + "))",
		strings.Repeat("* 1 EXPUNGE\r\n", 1000), strings.Repeat("* 9 FETCH (FLAGS ())\r\n", 1000), strings.Repeat("x", 1<<20), strings.Repeat("* 1 FETCH (UID 1)\r\n", 1000),
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 40 { // and what was cut out of these and put together
		a, b := junk[random.IntN(len(junk))], junk[random.IntN(len(junk))]
		junk = append(junk, a[:random.IntN(len(a)+1)]+b[random.IntN(len(b)+1):])
	}
	var mu sync.Mutex
	next, place := 0, ""
	places := []string{"UID FETCH", "UID SEARCH", "NOOP", "EXAMINE", "CAPABILITY", "AUTHENTICATE", "IDLE"}
	s := script(t, func(k *talk) {
		mu.Lock()
		bad := ""
		if next < len(junk) {
			bad, place = junk[next], places[next%len(places)]
			next++
		}
		at := place
		mu.Unlock()
		if k.say("* OK [CAPABILITY IMAP4rev1 IDLE AUTH=PLAIN SASL-IR] hello"); bad == "" {
			at = ""
		}
		for tag, rest, ok := k.command(); ok; tag, rest, ok = k.command() {
			if at != "" && strings.HasPrefix(rest, at) {
				k.say("%s", strings.ReplaceAll(bad, "%t", tag))
				if random := len(bad) % 3; random == 0 {
					return // and hangs up
				}
				k.say("%s OK done", tag)
				if at == "IDLE" {
					return
				}
				continue
			}
			a := map[string]string{
				"EXAMINE": opening("")["EXAMINE"], "CAPABILITY": "* CAPABILITY IMAP4rev1 IDLE AUTH=PLAIN SASL-IR\r\n%t OK done", "IDLE": "+ idling",
			}[strings.Fields(rest + " x")[0]]
			switch {
			case strings.HasPrefix(rest, "UID SEARCH"):
				a = "* SEARCH 1\r\n%t OK done"
			case strings.Contains(rest, "INTERNALDATE"):
				a = "* 1 FETCH (UID 1 INTERNALDATE \"24-Nov-2026 10:00:00 +0000\" RFC822.SIZE 20)\r\n%t OK done"
			case strings.HasPrefix(rest, "UID FETCH"):
				raw := letter("it")
				a = fmt.Sprintf("* 1 FETCH (UID 1 BODY[] {%d}\r\n%s)\r\n%%t OK done", len(raw), raw)
			case a == "":
				a = "%t OK done"
			}
			k.say("%s", strings.ReplaceAll(strings.ReplaceAll(a, "UIDNEXT 1", "UIDNEXT 2"), "%t", tag))
		}
	})
	c := configAt(t, s.addr)
	for i := range len(junk) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		begin := time.Now()
		m, err := email.Dial(ctx, c)
		if err == nil {
			_, _ = m.Search(ctx, 0, time.Time{})
			_, _ = m.List(ctx, []uint32{1})
			_, _ = m.Fetch(ctx, 1, false)
			waiting, stop := context.WithTimeout(ctx, 20*time.Millisecond)
			_ = m.Wait(waiting, time.Minute)
			stop()
			m.Close()
		}
		cancel()
		if took := time.Since(begin); took > 15*time.Second {
			t.Errorf("%.80q at %s: took %s", junk[i], places[i%len(places)], took)
		}
		if text := fmt.Sprint(err); strings.Contains(text, "goroutine") || len(text) > 2000 {
			t.Errorf("%.80q: the error holds a stack: %s", junk[i], text)
		}
	}
	c.Start = email.StartAll
	v := newVault()
	run(t, c, v)
	wantSubjects(t, v, "it")
}

func TestAServerThatSendsWithoutEndIsLeft(t *testing.T) {
	s := script(t, func(k *talk) {
		k.say("* OK hello")
		answers := opening("AUTH=PLAIN SASL-IR")
		for tag, rest, ok := k.command(); ok; tag, rest, ok = k.command() {
			if !strings.HasPrefix(rest, "UID SEARCH") {
				a := answers[strings.Fields(rest)[0]]
				if a == "" {
					a = "%t OK done"
				}
				k.say("%s", strings.ReplaceAll(a, "%t", tag))
				continue
			}
			some := []byte("* OK " + strings.Repeat("x", 64<<10))
			for {
				if _, err := k.conn.Write(some); err != nil {
					return
				}
			}
		}
	})
	m, err := open(t, configAt(t, s.addr))
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if _, err := m.Search(t.Context(), 0, time.Time{}); err == nil {
		t.Error("Search() ended without an error")
	}
	if took := time.Since(begin); took > 50*time.Second {
		t.Errorf("left after %s", took)
	}
}

// What a server says as it hangs up is what an operator wants to read.
func TestTheServersGoodbyeIsInTheError(t *testing.T) {
	for goodbye, pause := range map[string]time.Duration{
		"Autologout; idle for too long":         0,
		"[UNAVAILABLE] Server shutting down.":   2 * time.Minute,
		"Connection closed. 14":                 0,
		"Session is throttled, try again later": 5 * time.Minute,
	} {
		s := script(t, func(k *talk) {
			k.say("* OK hello")
			answers := opening("AUTH=PLAIN SASL-IR IDLE")
			for tag, rest, ok := k.command(); ok; tag, rest, ok = k.command() {
				if rest == "IDLE" {
					k.say("+ idling\r\n* BYE %s", goodbye)
					return
				}
				a := answers[strings.Fields(rest)[0]]
				if a == "" {
					a = "%t OK done"
				}
				k.say("%s", strings.ReplaceAll(a, "%t", tag))
			}
		})
		m, err := open(t, configAt(t, s.addr))
		if err != nil {
			t.Fatal(err)
		}
		err = m.Wait(t.Context(), time.Minute)
		_, text, coded := strings.Cut(goodbye, "] ")
		if !coded {
			text = goodbye
		}
		if err == nil || !strings.Contains(err.Error(), text) || pauseOf(err) != pause {
			t.Errorf("Wait() = %v, pause %s, want %q and %s", err, pauseOf(err), text, pause)
		}
	}
}

// A mail's own words are not the server's.
func TestAMailCannotSpeakForTheServer(t *testing.T) {
	s := script(t, func(k *talk) {
		k.say("* OK hello")
		answers := opening("AUTH=PLAIN SASL-IR")
		for tag, rest, ok := k.command(); ok; tag, rest, ok = k.command() {
			if strings.HasPrefix(rest, "UID FETCH") {
				k.say("* 1 FETCH (UID 1 BODY[] {1000}\r\n* BYE [UNAVAILABLE] words of a person")
				return
			}
			a := answers[strings.Fields(rest)[0]]
			if a == "" {
				a = "%t OK done"
			}
			k.say("%s", strings.ReplaceAll(a, "%t", tag))
		}
	})
	m, err := open(t, configAt(t, s.addr))
	if err != nil {
		t.Fatal(err)
	}
	_, err = m.Fetch(t.Context(), 1, false)
	if err == nil || strings.Contains(err.Error(), "person") || pauseOf(err) != 0 {
		t.Errorf("Fetch() = %v, want an error without the mail's words", err)
	}
}

// The nesting is followed across reads of any length, and neither a mail's text
// nor a quoted string counts.
func TestNestingIsCountedInAnswersOnly(t *testing.T) {
	many := strings.Repeat("(", 300)
	for name, tt := range map[string]struct {
		answer string
		deep   bool
	}{
		"a mail's text":                 {fmt.Sprintf("* 1 FETCH (UID 1 BODY[] {%d}\r\n%s\r\n FLAGS ())\r\n", len(many)+2, many), false},
		"a quoted string":               {`* 1 FETCH (UID 1 BODY[] "` + many + `\"` + many + "\")\r\n", false},
		"an answer":                     {"* 1 FETCH (BODYSTRUCTURE " + many, true},
		"behind a mail's text":          {"* 1 FETCH (UID 1 BODY[] {3}\r\nabc BODY " + many, true},
		"behind a line that looks like": {"* OK {500}\r\n* 1 FETCH (BODYSTRUCTURE " + many, true},
		"behind a quote of a text line": {"* OK it's \"fine\r\n* 1 FETCH (BODYSTRUCTURE " + many, true},
		"a text in a quoted string":     {"* 1 FETCH (ENVELOPE (\"{500}\r\n\" " + many, true},
		"many lines":                    {strings.Repeat("* 1 FETCH (FLAGS (\\Seen))\r\n* LIST () \"/\" x\r\n", 300), false},
		"closed again":                  {"* 1 FETCH (" + strings.Repeat("(x) ", 300) + ")\r\n", false},
		"in small letters":              {fmt.Sprintf("* 1 fetch (UID 1 BODY[] {%d}\r\n%s)\r\n", len(many), many), false},
	} {
		for _, size := range []int{1, 7, 4096} {
			if got := email.Nests([]byte(tt.answer), size); got != tt.deep {
				t.Errorf("%s, read by %d: too deep = %v, want %v", name, size, got, tt.deep)
			}
		}
	}
}

func FuzzNesting(f *testing.F) {
	f.Add([]byte("* 1 FETCH (UID 1 BODY[] {3}\r\na\"( FLAGS ())\r\n* OK x\r\n"))
	f.Add([]byte("* 1 FETCH (BODY (\"a\" \"\\\"\" {1}\r\n() {0}\r\n))\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if one, all := email.Nests(b, 1), email.Nests(b, len(b)+1); one != all {
			t.Errorf("%q: by bytes %v, at once %v", b, one, all)
		}
	})
}
