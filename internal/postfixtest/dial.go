package postfixtest

import (
	"context"
	"crypto/tls"
	"net"
)

// TLSConfig is what a client needs to trust this server and no other.
func (s *Server) TLSConfig() *tls.Config {
	return &tls.Config{ServerName: "localhost", RootCAs: s.CAPool}
}

// dial connects; on an SSL server it shakes hands too.
func (s *Server) dial(ctx context.Context) (net.Conn, error) {
	if s.tls == SSL {
		return (&tls.Dialer{Config: s.TLSConfig()}).DialContext(ctx, "tcp", s.Addr)
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", s.Addr)
}
