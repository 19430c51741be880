package listener

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"unsafe"
)

// quick is a TCP connection that is read and written by system calls which the runtime is not told of. They never block, for
// the socket does not, and whoever has to wait waits in the runtime's poller as usual. The runtime, when told of a call,
// wakes the thread that watches over long ones, and that looks every 20 µs until all is quiet again: on a machine with
// little to do this costs twice what a heartbeat does otherwise (docs/decisions/0006).
func quick(c net.Conn) net.Conn {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return c
	}
	poller, err := tcp.SyscallConn()
	if err != nil {
		return c
	}
	q := &quickConn{TCPConn: tcp, poller: poller}
	q.in.of, q.out.of = "read", "write"
	q.in.try = func(fd uintptr) bool { return q.in.call(syscall.SYS_READ, fd) }
	q.out.try = func(fd uintptr) bool { return q.out.call(syscall.SYS_WRITE, fd) }
	return q
}

// quickConn is one. As any net.Conn that TLS uses, it has one reader and one writer at a time.
type quickConn struct {
	*net.TCPConn
	poller  syscall.RawConn
	in, out quickCall
}

// quickCall is a read or a write, made once for all of a connection's.
type quickCall struct {
	of  string
	try func(fd uintptr) bool // as syscall.RawConn wants it: false = wait until it is ready

	p     []byte
	n     int
	errno syscall.Errno
}

func (c *quickCall) call(what, fd uintptr) bool {
	for {
		n, _, errno := syscall.RawSyscall(what, fd, uintptr(unsafe.Pointer(unsafe.SliceData(c.p))), uintptr(len(c.p))) //nolint:gosec // the kernel's own way
		switch errno {
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
			return false
		case 0:
			c.n = int(n) //nolint:gosec // at most len(p)
		}
		c.errno = errno
		return true
	}
}

// Read implements net.Conn.
func (q *quickConn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, err := q.do(&q.in, q.poller.Read, p)
	if n == 0 && err == nil {
		return 0, io.EOF
	}
	return n, err
}

// Write implements net.Conn.
func (q *quickConn) Write(p []byte) (written int, err error) {
	for written < len(p) {
		n, err := q.do(&q.out, q.poller.Write, p[written:])
		written += n
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

func (q *quickConn) do(c *quickCall, wait func(func(uintptr) bool) error, p []byte) (int, error) {
	c.p, c.n, c.errno = p, 0, 0
	err := wait(c.try)
	c.p = nil
	if err == nil && c.errno != 0 {
		err = os.NewSyscallError(c.of, c.errno)
	}
	var known *net.OpError
	if err != nil && !errors.As(err, &known) {
		err = &net.OpError{Op: c.of, Net: "tcp", Source: q.LocalAddr(), Addr: q.RemoteAddr(), Err: err}
	}
	return c.n, err
}
