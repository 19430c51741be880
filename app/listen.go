package app

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"heliograph/access"
	"heliograph/web"
)

// requestsTime is how much of a stop requests have to end: the rest of its time is for messages on the wire.
const requestsTime = 5 * time.Second

// bind takes the console's port; nil in a process without one. Nothing is answered before listen.
func (a *App) bind() (net.Listener, error) {
	if !a.options.has(Console) {
		return nil, nil
	}
	port, err := net.Listen("tcp", cmp.Or(a.options.Listen, DefaultListen))
	if err != nil {
		return nil, fmt.Errorf("listening for the console: %w", err)
	}
	a.onStop("the console's port", func(context.Context) error {
		port.Close() //nolint:errcheck // who listened on it closed it already
		return nil
	})
	if a.certificate, err = a.tls("console", a.options.TLS); err != nil {
		return nil, err
	}
	a.addr.Console = a.originOf(port, a.certificate, a.options.TLS)
	return port, nil
}

// listen opens the other listener and begins to answer.
func (a *App) listen(console net.Listener) error {
	metrics, err := a.listenMetrics()
	if err != nil {
		return fmt.Errorf("listening for metrics: %w", err)
	}
	a.addr.Metrics = originOf(metrics, nil)
	a.serve("the metrics", metrics, nil, a.measures())
	if console != nil {
		face, err := a.face()
		if err != nil {
			return err
		}
		a.serve("the console", console, a.certificate, a.atOrigin(a.patience(face)))
	}
	if err := a.listenRedirect(); err != nil {
		return err
	}
	a.log.Info("listening", "console", a.addr.Console, "http", a.addr.Redirect, "metrics", a.addr.Metrics, "registration", a.addr.Registration, "listener", a.addr.Listener)
	return nil
}

// atOrigin lets the console know that people reach it by https alone, when its public address says so.
func (a *App) atOrigin(console http.Handler) http.Handler {
	if !a.secure() {
		return console
	}
	return a.options.Proxies.Secured().Recognise(console)
}

// listenMetrics takes another port when nobody asked for the usual one and it is taken, as by a second Heliograph.
func (a *App) listenMetrics() (net.Listener, error) {
	if a.options.ListenMetrics != "" {
		return net.Listen("tcp", a.options.ListenMetrics)
	}
	listener, err := net.Listen("tcp", DefaultMetrics)
	if errors.Is(err, syscall.EADDRINUSE) {
		return net.Listen("tcp", "127.0.0.1:0")
	}
	return listener, err
}

// measures answers on the metrics' listener, which every role has.
func (a *App) measures() http.Handler {
	routes := web.NewRoutes(nil, nil)
	routes.Handle("GET /metrics", access.Open, web.SecurityHeaders(promhttp.HandlerFor(a.metrics.registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelError),
	})))
	a.health(routes)
	return routes
}

// serve answers on a listener until Stop; in the open when tls is nil.
func (a *App) serve(what string, listener net.Listener, tls *tls.Config, handler http.Handler) {
	a.serveWith(what, standard{web.NewServer(a.options.Proxies.Recognise(handler), a.log)}, listener, tls)
}

// httpServer answers on listeners. Serve ends without an error when it is shut down.
type httpServer interface {
	Serve(l net.Listener, config *tls.Config) error
	Shutdown(ctx context.Context) error
	Close() error
}

// standard is net/http's.
type standard struct{ *http.Server }

// Serve implements httpServer.
func (s standard) Serve(l net.Listener, config *tls.Config) error {
	return web.Serve(s.Server, l, config)
}

// serveWith is serve with a server of its own kind.
func (a *App) serveWith(what string, server httpServer, listener net.Listener, tls *tls.Config) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(listener, tls); err != nil {
			a.log.Error(what+" no longer listens", "error", err)
		}
	}()
	a.onStop(what, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, requestsTime)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			a.log.Warn("a request was cut off by the stop", "listener", what)
			server.Close() //nolint:errcheck // what is left is cut off
		}
		<-done
		return nil
	})
}

// originOf is the origin of a listener: by the name that its certificate by ACME is for, or as this machine reaches it.
func (a *App) originOf(port net.Listener, config *tls.Config, t TLS) string {
	if len(t.ACME) > 0 {
		return originNamed(port, t.ACME)
	}
	return originOf(port, config)
}

// originOf is the origin under which this machine reaches a listener; over TLS when there is a configuration for it.
func originOf(l net.Listener, tls *tls.Config) string {
	addr := l.Addr().(*net.TCPAddr) //nolint:forcetypeassert // of a listener on tcp
	host := addr.IP.String()
	if addr.IP.IsUnspecified() {
		host = "127.0.0.1"
	}
	scheme := "http"
	if tls != nil {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort(host, fmt.Sprint(addr.Port))
}
