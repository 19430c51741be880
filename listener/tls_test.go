package listener

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"golang.org/x/time/rate"
)

// TestHandshakes: an administrator reads who could not connect, why, and what to do.
func TestHandshakes(t *testing.T) {
	cases := []struct {
		from, err string
		want      []string // parts of the log's line; none = it says nothing
	}{
		{"192.0.2.1:4711", "tls: client offered only unsupported versions: [302 301]",
			[]string{"from=192.0.2.1:4711", `error="tls: client offered only unsupported versions: [302 301]"`, "speaks only an older TLS"}},
		{"[2001:db8::1]:4711", "tls: no cipher suite supported by both client and server; client offered: [3d ff]",
			[]string{"from=[2001:db8::1]:4711", "client offered: [3d ff]", "knows none of our cipher suites"}},
		{"192.0.2.1:4711", "remote error: tls: unknown certificate authority",
			[]string{"from=192.0.2.1:4711", `error="remote error: tls: unknown certificate authority"`, "does not trust our certificate"}},
		{"192.0.2.1:4711", "tls: first record does not look like a TLS handshake", []string{"plain HTTP"}},
		{"192.0.2.1:4711", `tls: client requested unsupported application protocols (["h2"])`, []string{"HTTP/2 is not offered"}},
		{"192.0.2.1:4711", "EOF", nil},
		{"192.0.2.1:4711", "read tcp 192.0.2.9:443->192.0.2.1:4711: read: connection reset by peer", nil},
	}
	for _, c := range cases {
		var out bytes.Buffer
		h := &handshakes{slog.New(slog.NewTextHandler(&out, nil)), rate.NewLimiter(1, 1)}
		h.failed(c.from, errors.New(c.err))
		if (out.Len() == 0) != (len(c.want) == 0) {
			t.Errorf("%s\nis told as %q", c.err, out.String())
		}
		for _, part := range c.want {
			if !strings.Contains(out.String(), part) {
				t.Errorf("%s\nis told as %s\nwithout %s", c.err, out.String(), part)
			}
		}
	}
}
