package listener

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"golang.org/x/time/rate"

	"heliograph/web"
)

// handshakes tells of those that failed: an old mail server then cannot reach us, and its own log says little.
type handshakes struct {
	log    *slog.Logger
	spoken *rate.Limiter
}

func (h *handshakes) failed(from string, err error) {
	why := err.Error()
	if ignored(why) {
		h.log.Debug("a connection ended before TLS", "from", from)
	} else if h.spoken.Allow() {
		h.log.Warn("a TLS handshake failed: the other side could not connect", "from", from, "error", why, "advice", advice(why))
	}
}

// answerPlain tells somebody who speaks HTTP without TLS, in HTTP without TLS.
func answerPlain(err error) {
	var plain tls.RecordHeaderError
	if !errors.As(err, &plain) || plain.Conn == nil {
		return
	}
	switch string(plain.RecordHeader[:]) {
	case "GET /", "HEAD ", "POST ", "PUT /", "OPTIO":
		_, _ = io.WriteString(plain.Conn, "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n")
	}
}

// ignored are those that never began: a balancer that looks whether we are there.
func ignored(why string) bool { return why == "EOF" || strings.Contains(why, "connection reset") }

// advice is what an administrator can do.
func advice(why string) string {
	switch {
	case strings.Contains(why, "unsupported versions"), strings.Contains(why, "protocol version"):
		return "the mail server speaks only an older TLS: install its updates for TLS 1.2, or allow an older version here"
	case strings.Contains(why, "no cipher suite"):
		return "the mail server knows none of our cipher suites: install its updates, or allow an older TLS version here"
	case strings.Contains(why, "unknown certificate authority"), strings.Contains(why, "bad certificate"), strings.Contains(why, "certificate unknown"):
		return "the mail server does not trust our certificate: use one of a public authority, or import ours on the mail server"
	case strings.Contains(why, "first record does not look like a TLS handshake"):
		return "somebody spoke plain HTTP to the TLS port"
	case strings.Contains(why, "no certificate for"):
		return "the mail server came by a name that this listener has no certificate for: give it the address with the right name; if one by ACME does not come, the log says why"
	case strings.Contains(why, "unsupported application protocols"):
		return "somebody wants another protocol than HTTP/1.1, which is what mail servers speak: HTTP/2 is not offered here"
	}
	return "compare the TLS versions and the certificate with what the mail server accepts"
}

// ParseTLSVersion reads the oldest version to take from mail servers: 1.0, 1.1, 1.2 or 1.3; empty = 1.2. An Exchange on a
// Windows without strong cryptography speaks 1.0 alone.
func ParseTLSVersion(text string) (uint16, error) {
	switch text {
	case "1.0":
		return tls.VersionTLS10, nil
	case "1.1":
		return tls.VersionTLS11, nil
	}
	version, err := web.ParseTLSVersion(text)
	if err != nil {
		return 0, fmt.Errorf("%q is not a version of TLS to begin with: 1.0, 1.1, 1.2 or 1.3", text)
	}
	return version, nil
}

// LegacySuites are those for mail servers that speak only old TLS: the sound ones first, then those with RSA key exchange,
// which Go leaves out unless asked. None with RC4 or 3DES.
func LegacySuites() (list []uint16) {
	for _, s := range tls.CipherSuites() {
		list = append(list, s.ID)
	}
	return append(list, tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_RSA_WITH_AES_128_CBC_SHA256, tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_AES_256_CBC_SHA)
}
