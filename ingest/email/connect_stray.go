package email

import (
	"sync"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// A gathering is a mail as it comes in, in parts.
type gathering struct {
	uid      uint32
	sections []*imap.FetchItemBodySection // that were asked for
	parts    [][]byte
	found    bool // one part at least
	tooBig   bool
}

func newGathering(sections []*imap.FetchItemBodySection) *gathering {
	return &gathering{sections: sections, parts: make([][]byte, len(sections))}
}

// take reads a message to its end. A part that was not asked for is left out.
// begin is called before a text is read.
func (g *gathering) take(m *imapclient.FetchMessageData, begin func()) error {
	for item := m.Next(); item != nil; item = m.Next() {
		switch item := item.(type) {
		case imapclient.FetchItemDataUID:
			g.uid = uint32(item.UID)
		case imapclient.FetchItemDataBodySection:
			if item.Literal == nil {
				continue
			}
			begin()
			raw, big, err := readLiteral(item.Literal, item.Literal.Size())
			if err != nil {
				return err
			}
			for i, s := range g.sections {
				if item.MatchCommand(s) {
					g.parts[i], g.found, g.tooBig = raw, true, g.tooBig || big
				}
			}
		}
	}
	return nil
}

// strays are the messages that go-imap gives to no command: a fetch gets the
// first answer for a UID only, and none whose UID stands behind the text. By
// another server's order, or a flag that somebody sets meanwhile, a mail would
// count as unreadable.
type strays struct {
	mu     sync.Mutex
	ended  sync.Cond // of mu: busy is 0
	wanted *gathering
	got    []*gathering
	busy   int // those of which a text is being read
}

func newStrays() *strays {
	s := &strays{}
	s.ended.L = &s.mu
	return s
}

// want says what is being fetched; nil: nothing.
func (s *strays) want(g *gathering) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wanted, s.got = g, nil
}

// maxStrays bounds what is kept of them: one is enough.
const maxStrays = 4

// take is called by go-imap for each of them, in a goroutine of its own. The
// line is at a halt until a text is read, so the end of the fetch finds begun
// whatever came before it.
func (s *strays) take(m *imapclient.FetchMessageData) {
	s.mu.Lock()
	g := newGathering(nil)
	if s.wanted != nil {
		g = newGathering(s.wanted.sections)
	}
	s.mu.Unlock()
	begun := false
	err := g.take(m, func() {
		if !begun {
			begun = true
			s.mu.Lock()
			s.busy++
			s.mu.Unlock()
		}
	})
	if !begun {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && g.found && len(s.got) < maxStrays {
		s.got = append(s.got, g)
	}
	s.busy--
	s.ended.Broadcast()
}

// find returns the mail uid as it came astray; nil where it did not.
func (s *strays) find(uid uint32) *gathering {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.busy > 0 {
		s.ended.Wait()
	}
	for _, g := range s.got {
		if g.uid == uid {
			return g
		}
	}
	return nil
}
