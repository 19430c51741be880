//go:build !linux

package listener

import "net"

// quick makes a connection cheaper where we know how: on Linux.
func quick(c net.Conn) net.Conn { return c }
