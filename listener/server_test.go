package listener

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"golang.org/x/time/rate"
)

// TestHandshakes: an administrator reads who could not connect, why, and what to do. Lines are net/http's own.
func TestHandshakes(t *testing.T) {
	cases := []struct {
		line string
		want []string // parts of the log's line; none = it says nothing
	}{
		{"http: TLS handshake error from 192.0.2.1:4711: tls: client offered only unsupported versions: [302 301]",
			[]string{"from=192.0.2.1:4711", `error="tls: client offered only unsupported versions: [302 301]"`, "speaks only an older TLS"}},
		{"http: TLS handshake error from [2001:db8::1]:4711: tls: no cipher suite supported by both client and server; client offered: [3d ff]",
			[]string{"from=[2001:db8::1]:4711", "client offered: [3d ff]", "knows none of our cipher suites"}},
		{"http: TLS handshake error from 192.0.2.1:4711: remote error: tls: unknown certificate authority",
			[]string{"from=192.0.2.1:4711", `error="remote error: tls: unknown certificate authority"`, "does not trust our certificate"}},
		{"http: TLS handshake error from 192.0.2.1:4711: tls: first record does not look like a TLS handshake", []string{"plain HTTP"}},
		{"http: TLS handshake error from 192.0.2.1:4711: EOF", nil},
		{"http: TLS handshake error from 192.0.2.1:4711: read tcp 192.0.2.9:443->192.0.2.1:4711: read: connection reset by peer", nil},
		{"http: something else", nil},
	}
	for _, c := range cases {
		var out bytes.Buffer
		h := &handshakes{slog.New(slog.NewTextHandler(&out, nil)), rate.NewLimiter(1, 1)}
		if n, err := h.Write([]byte(c.line + "\n")); n != len(c.line)+1 || err != nil {
			t.Errorf("%d %v", n, err)
		}
		if (out.Len() == 0) != (len(c.want) == 0) {
			t.Errorf("%s\nis told as %q", c.line, out.String())
		}
		for _, part := range c.want {
			if !strings.Contains(out.String(), part) {
				t.Errorf("%s\nis told as %s\nwithout %s", c.line, out.String(), part)
			}
		}
	}
}
