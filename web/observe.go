package web

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts what one process answers. Register it once and share it between the faces.
type Metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

// NewMetrics makes the metrics and registers them.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "heliograph_http_requests_total",
			Help: "HTTP requests by route, method and status.",
		}, []string{"route", "method", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "heliograph_http_request_duration_seconds",
			Help:    "Time to answer HTTP requests by route.",
			Buckets: []float64{.002, .005, .01, .025, .05, .1, .2, .5, 1, 2.5, 10},
		}, []string{"route"}),
	}
	r.MustRegister(m.requests, m.seconds)
	return m
}

func (m *Metrics) count(route, method string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, methodLabel(method), strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(route).Observe(took.Seconds())
}

// methodLabel keeps the label's values to a closed set: a client may send any word as a method.
func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
		return method
	}
	return "other"
}

// Observe logs each request and counts it by its route. mux knows the route, which stands in for the path: a path may
// hold a one-time secret, a route never does. metrics may be nil.
func Observe(mux Mux, log *slog.Logger, metrics *Metrics) Middleware {
	return observe(mux, log, metrics, func(r *http.Request) []slog.Attr {
		return []slog.Attr{slog.String("from", ClientAddress(r))}
	})
}

// ObserveNameless is Observe for what people's devices call: the log does not say from where.
func ObserveNameless(mux Mux, log *slog.Logger, metrics *Metrics) Middleware {
	return observe(mux, log, metrics, func(*http.Request) []slog.Attr { return nil })
}

func observe(mux Mux, log *slog.Logger, metrics *Metrics, who func(*http.Request) []slog.Attr) Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			start := time.Now()
			answer := &recorder{ResponseWriter: w}
			defer func() {
				route, took := routeOf(mux, r), time.Since(start)
				if metrics != nil {
					metrics.count(route, r.Method, answer.code(), took)
				}
				log.LogAttrs(context.WithoutCancel(r.Context()), level(answer.code()), "request", append(who(r),
					slog.String("method", methodLabel(r.Method)), slog.String("route", route), slog.Int("status", answer.code()),
					slog.Int64("bytes", answer.written), slog.Duration("took", took))...)
			}()
			next.ServeHTTP(answer, r)
		})
	}
}

func level(status int) slog.Level {
	if status >= 500 {
		return slog.LevelError
	}
	return slog.LevelDebug
}

// routeOf is the pattern that mux chooses for a request, without its method; "none" when there is none.
func routeOf(mux Mux, r *http.Request) string {
	_, pattern := mux.Handler(r)
	if _, path, found := strings.Cut(pattern, " "); found {
		pattern = path
	}
	if pattern == "" {
		return "none"
	}
	return pattern
}

// recorder remembers what was answered.
type recorder struct {
	http.ResponseWriter
	status  int
	written int64
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= 200 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(p)
	r.written += int64(n)
	return n, err
}

func (r *recorder) code() int {
	if r.status == 0 {
		return http.StatusOK
	}
	return r.status
}

// Unwrap lets http.ResponseController reach Flush and deadlines.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
