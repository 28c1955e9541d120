package natstest

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"
)

// A cut says what becomes of what is sent over a link.
type cut int

const (
	// passing is a link as it should be.
	passing cut = iota
	// silent holds all bytes back, and answers no new connection: a network that
	// loses every packet. What was held goes on when the link heals, as what TCP
	// sends again does.
	silent
	// refused closes the connections, and every new one: a host that is gone.
	refused
)

// A link is a TCP proxy from one party to one server.
type link struct {
	from, to string
	target   string
	listener net.Listener

	mu      sync.Mutex
	cut     cut
	changed chan struct{} // closed and replaced when cut changes
	ended   bool
	conns   map[net.Conn]struct{}
}

// newLink listens on a free port and sends on to target until the test ends.
func newLink(t testing.TB, from, to, target string) *link {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it returns at once
	if err != nil {
		t.Fatalf("link %s to %s: %v", from, to, err)
	}
	l := &link{
		from: from, to: to, target: target, listener: listener,
		changed: make(chan struct{}), conns: map[net.Conn]struct{}{},
	}
	var all sync.WaitGroup
	all.Go(func() { l.accept(&all) })
	t.Cleanup(func() {
		l.end()
		all.Wait()
	})
	return l
}

func (l *link) addr() string { return l.listener.Addr().String() }

// set cuts the link, or heals it.
func (l *link) set(c cut) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut == c {
		return
	}
	l.cut = c
	close(l.changed)
	l.changed = make(chan struct{})
	if c == refused {
		l.closeAll()
	}
}

func (l *link) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	close(l.changed)
	l.changed = make(chan struct{})
	_ = l.listener.Close()
	l.closeAll()
}

// closeAll resets the connections: an end that is refused is told at once. It
// is called with mu held.
func (l *link) closeAll() {
	for c := range l.conns {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = c.Close()
	}
}

// pass waits while the link is silent, and reports whether it passes then.
func (l *link) pass() bool {
	for {
		l.mu.Lock()
		c, changed, ended := l.cut, l.changed, l.ended
		l.mu.Unlock()
		if ended || c == refused {
			return false
		}
		if c == passing {
			return true
		}
		<-changed
	}
}

// keep remembers an open connection, or reports that there may be none.
func (l *link) keep(c net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended || l.cut == refused {
		return false
	}
	l.conns[c] = struct{}{}
	return true
}

func (l *link) drop(c net.Conn) {
	_ = c.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
}

func (l *link) accept(all *sync.WaitGroup) {
	for {
		near, err := l.listener.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			continue
		}
		all.Go(func() { l.carry(near) })
	}
}

// carry connects near with the target and copies between them until one ends.
func (l *link) carry(near net.Conn) {
	defer l.drop(near)
	if !l.keep(near) || !l.pass() {
		return
	}
	far, err := net.Dial("tcp", l.target) //nolint:noctx // loopback answers at once
	if err != nil {
		return
	}
	defer l.drop(far)
	if !l.keep(far) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { l.copy(far, near) })
	both.Go(func() { l.copy(near, far) })
	both.Wait()
}

// copy sends on what src sends. Its end is passed on as an end.
func (l *link) copy(dst, src net.Conn) {
	buf := make([]byte, 64<<10)
	for {
		n, err := src.Read(buf)
		if n > 0 {
			if !l.pass() {
				return
			}
			if _, err := dst.Write(buf[:n]); err != nil {
				_ = src.Close()
				return
			}
		}
		if err != nil {
			if !l.pass() {
				return
			}
			if tcp, ok := dst.(*net.TCPConn); ok && errors.Is(err, io.EOF) {
				_ = tcp.CloseWrite()
			} else {
				_ = dst.Close()
			}
			return
		}
	}
}
