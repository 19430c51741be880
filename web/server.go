package web

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Limits of a connection, so that clients that are slow on purpose cannot use the process up. What may take longer is
// a stream: see Patient.
const (
	HeaderTime = 10 * time.Second // from the first byte of a request to the end of its header
	ReadTime   = time.Minute      // for all of a request
	WriteTime  = time.Minute      // for all of an answer
	IdleTime   = 2 * time.Minute  // between two requests
	byteTime   = 30 * time.Second // HTTP/2: for anything to leave at all
	MaxHeader  = 64 << 10         // bytes; Go adds 4 KiB
	maxStreams = 100              // at once on a connection of HTTP/2
)

// NewServer answers with h, and bears with slow and hostile clients. Every listener that others reach belongs to one.
// Clients that break off are no errors of ours: log hears of them at debug level.
func NewServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: HeaderTime,
		ReadTimeout:       ReadTime,
		WriteTimeout:      WriteTime,
		IdleTimeout:       IdleTime,
		MaxHeaderBytes:    MaxHeader,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams, WriteByteTimeout: byteTime},
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// Serve answers on a listener until the server is shut down, over TLS when there is a configuration for it. It closes
// the listener.
func Serve(s *http.Server, l net.Listener, config *tls.Config) error {
	var err error
	if config == nil {
		err = s.Serve(l)
	} else {
		s.TLSConfig = config
		err = s.ServeTLS(l, "", "") // the configuration has the certificate
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
