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
	return s.dialWith(ctx, s.TLSConfig())
}

func (s *Server) dialWith(ctx context.Context, config *tls.Config) (net.Conn, error) {
	if s.tls == SSL {
		return (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", s.Addr)
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", s.Addr)
}
