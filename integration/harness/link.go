package harness

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// Fault is what a Link does to what it carries. The zero Fault is none.
type Fault struct {
	Refuse bool          // nobody listens, and what is connected is cut
	Delay  time.Duration // before each piece of a reply
	Cut    int           // after so many bytes of replies on a connection it is reset; 0: never
	Say    string        // is said to whatever comes, in place of the far side
}

// Link is a loopback port that carries connections on to another address: the way between two programs, which can be made bad. It is safe
// for concurrent use.
type Link struct {
	Port int

	to string

	mu       sync.Mutex // guards what follows
	fault    Fault
	changed  chan struct{} // closed and replaced when fault is
	listener net.Listener  // nil while refused or closed
	conns    map[net.Conn]bool
	carrying sync.WaitGroup
}

// StartLink starts a link to an address; Close ends it.
func StartLink(to string) (*Link, error) {
	l := &Link{to: to, conns: map[net.Conn]bool{}, changed: make(chan struct{})}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.listen(); err != nil {
		return nil, err
	}
	return l, nil
}

// listen opens the port, the same one each time. The caller holds mu.
func (l *Link) listen() error {
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", l.Port))
	if err != nil {
		return fmt.Errorf("link: %w", err)
	}
	l.listener, l.Port = listener, listener.Addr().(*net.TCPAddr).Port
	l.carrying.Go(func() { l.accept(listener) })
	return nil
}

// Set makes the link bad, or with the zero Fault good again: for what it carries now, and for what comes.
func (l *Link) Set(f Fault) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fault = f
	close(l.changed)
	l.changed = make(chan struct{})
	switch {
	case f.Refuse && l.listener != nil:
		return l.shut()
	case !f.Refuse && l.listener == nil:
		return l.listen()
	}
	return nil
}

// shut cuts everything. The caller holds mu.
func (l *Link) shut() error {
	err := l.listener.Close()
	l.listener = nil
	for c := range l.conns {
		_ = c.Close()
	}
	return err
}

// Close ends the link and what it carries.
func (l *Link) Close() error {
	err := l.Set(Fault{Refuse: true})
	l.carrying.Wait()
	return err
}

// now returns the fault that there is, and what is closed when it is another.
func (l *Link) now() (Fault, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fault, l.changed
}

func (l *Link) accept(listener net.Listener) {
	for {
		near, err := listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", l.to)
		if err != nil {
			_ = near.Close()
			continue
		}
		l.mu.Lock()
		if l.listener != listener { // shut meanwhile
			l.mu.Unlock()
			_ = errors.Join(near.Close(), far.Close())
			return
		}
		l.conns[near], l.conns[far] = true, true
		l.carrying.Go(func() { l.asks(near, far) })
		l.carrying.Go(func() { l.replies(near, far) })
		l.mu.Unlock()
	}
}

// drop ends a connection on both sides.
func (l *Link) drop(near, far net.Conn) {
	_ = errors.Join(near.Close(), far.Close())
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, near)
	delete(l.conns, far)
}

// piece is how much is carried at a time, in bytes.
const piece = 64 << 10

// asks carries what the near side says.
func (l *Link) asks(near, far net.Conn) {
	defer l.drop(near, far)
	b := make([]byte, piece)
	for {
		n, err := near.Read(b)
		if err != nil {
			return
		}
		to, what := far, b[:n]
		if f, _ := l.now(); f.Say != "" {
			to, what = near, []byte(f.Say)
		}
		if _, err := to.Write(what); err != nil {
			return
		}
	}
}

// replies carries what the far side answers.
func (l *Link) replies(near, far net.Conn) {
	defer l.drop(near, far)
	b := make([]byte, piece)
	carried := 0 // while the fault was there
	for {
		n, err := far.Read(b)
		if err != nil {
			return
		}
		f, changed := l.now()
		if f.Delay > 0 {
			timer := time.NewTimer(f.Delay)
			select {
			case <-timer.C:
			case <-changed:
			}
			timer.Stop()
		}
		cut := false
		if f.Cut > 0 {
			if cut = carried+n > f.Cut; cut {
				n = f.Cut - carried
			}
			carried += n
		}
		if _, err := near.Write(b[:n]); err != nil {
			return
		}
		if tcp, ok := near.(*net.TCPConn); cut && ok {
			_ = tcp.SetLinger(0) // a reset, not an end
			return
		}
	}
}
