package say

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// A Progress tells a person how far work has come that may last over a second.
// It is silent for the first second. On a terminal it then redraws one line
// ten times a second; elsewhere it writes a plain line every ten seconds. It
// is safe for use by several goroutines; the zero Progress is of no use.
type Progress struct {
	mu      sync.Mutex
	w       io.Writer
	term    bool
	what    string
	total   int64
	done    int64
	started time.Time
	told    time.Time
	drawn   int // letters of the line on the terminal
	ended   bool
}

const (
	quiet     = time.Second
	redraw    = 100 * time.Millisecond
	plainLine = 10 * time.Second
	barWidth  = 24
)

// Start returns a Progress on w for total steps of what, for example "verify
// the record"; total is 0 where it is not known. It starts no goroutine: it
// speaks when it is told of progress.
func Start(w io.Writer, what string, total int64) *Progress {
	return &Progress{w: w, term: Terminal(w), what: what, total: total, started: time.Now()}
}

// Terminal reports whether w is a terminal that can redraw a line.
func Terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" {
		return false
	}
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}

// Set says that done steps are done, and total if it is above 0.
func (p *Progress) Set(done, total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done = done
	if total > 0 {
		p.total = total
	}
	p.draw(time.Now())
}

// Tick says that time has passed, so that a wait shows that it goes on.
func (p *Progress) Tick() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.draw(time.Now())
}

// Stop removes the line from a terminal. It may be called twice.
func (p *Progress) Stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	if p.drawn > 0 {
		_, _ = fmt.Fprintf(p.w, "\r%s\r", strings.Repeat(" ", p.drawn))
		p.drawn = 0
	}
}

// draw is called with the lock held.
func (p *Progress) draw(now time.Time) {
	every := plainLine
	if p.term {
		every = redraw
	}
	if p.ended || now.Sub(p.started) < quiet || !p.told.IsZero() && now.Sub(p.told) < every {
		return
	}
	p.told = now
	line := p.line(now)
	if !p.term {
		_, _ = fmt.Fprintln(p.w, line)
		return
	}
	pad := max(0, p.drawn-len([]rune(line)))
	_, _ = fmt.Fprintf(p.w, "\r%s%s", line, strings.Repeat(" ", pad))
	p.drawn = len([]rune(line))
}

func (p *Progress) line(now time.Time) string {
	took := now.Sub(p.started).Round(time.Second)
	switch {
	case p.total > 0 && p.term:
		full := int(min(p.done, p.total) * barWidth / p.total)
		return fmt.Sprintf("%s [%s%s] %d/%d", p.what, strings.Repeat("#", full), strings.Repeat("-", barWidth-full), p.done, p.total)
	case p.total > 0:
		return fmt.Sprintf("%s: %d of %d after %s", p.what, p.done, p.total, took)
	case p.done > 0:
		return fmt.Sprintf("%s: %d after %s", p.what, p.done, took)
	default:
		return fmt.Sprintf("%s: %s", p.what, took)
	}
}
