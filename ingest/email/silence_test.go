package email_test

import (
	"bufio"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/ingest/email"
	"github.com/ministryofjustice/incident-promptness/internal/bubble"
)

// A connection of which the other end has gone without a word (a balancer
// forgot it) must show within a bound: nothing waits for a server for ever.
func TestASilentServerIsGivenUp(t *testing.T) {
	for _, tt := range []struct {
		name    string
		answers map[string]string // to commands, by their name; %tag is put in
		do      func(*testing.T, email.Mailbox) error
		within  time.Duration
	}{
		{
			"no answer to a search", nil,
			func(t *testing.T, m email.Mailbox) error {
				_, err := m.Search(t.Context(), 0, time.Time{})
				return err
			},
			time.Minute,
		},
		{
			"no answer to a fetch", nil,
			func(t *testing.T, m email.Mailbox) error {
				_, err := m.Fetch(t.Context(), 1, false)
				return err
			},
			10 * time.Minute,
		},
		{
			"a mail that comes to a halt", map[string]string{"UID": "* 1 FETCH (UID 1 BODY[] {1000}\r\nhalf"},
			func(t *testing.T, m email.Mailbox) error {
				_, err := m.Fetch(t.Context(), 1, false)
				return err
			},
			10 * time.Minute,
		},
		{
			"no answer to idle", nil,
			func(t *testing.T, m email.Mailbox) error { return m.Wait(t.Context(), time.Minute) },
			time.Minute,
		},
		{
			"gone while idle", map[string]string{"IDLE": "+ idling\r\n"},
			func(t *testing.T, m email.Mailbox) error { return m.Wait(t.Context(), 4*time.Minute) },
			5 * time.Minute,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble.Run(t, func(t *testing.T) {
				ours, theirs := net.Pipe()
				var wg sync.WaitGroup
				wg.Go(func() { // the server
					_, _ = theirs.Write([]byte("* OK [CAPABILITY IMAP4rev1 IDLE] hello\r\n"))
					for in := bufio.NewScanner(theirs); in.Scan(); {
						tag, command, _ := strings.Cut(in.Text(), " ")
						name, _, _ := strings.Cut(command, " ")
						if a := tt.answers[name]; a != "" {
							_, _ = theirs.Write([]byte(strings.ReplaceAll(a, "%tag", tag)))
						}
					}
				})
				m := email.NewConnection(ours)
				begin := time.Now()
				err := tt.do(t, m)
				if err == nil {
					t.Error("no error from a server that says nothing")
				}
				if took := time.Since(begin); took > tt.within {
					t.Errorf("given up after %s, want within %s", took, tt.within)
				}
				m.Close()
				_ = theirs.Close()
				wg.Wait()
			})
		})
	}
}
