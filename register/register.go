// Package register is the registration service: the few calls that mail apps make to be woken, and to say how they are
// reached. It listens on an address of its own and answers nothing else.
//
// An app proves itself with an app key when it registers, and from then on with the secret that it was given. Nobody is
// slowed down but those who fail to prove themselves: a whole company may register from behind one address. No request
// leaves more in the log than its route, its status and how long it took.
package register

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"heliograph/fleet"
	"heliograph/mailbox"
	"heliograph/web"
)

// Service is what devices are answered by; *mailbox.Registrations.
type Service interface {
	Enter(ctx context.Context, appKey string, from netip.Addr) (mailbox.AppKey, error)
	Create(ctx context.Context, key mailbox.AppKey, a mailbox.Application) (mailbox.Created, error)
	Of(ctx context.Context, id, secret string) (mailbox.Registration, error)
	Update(ctx context.Context, now mailbox.Registration, u mailbox.Update) (mailbox.Registration, error)
	Revoke(ctx context.Context, now mailbox.Registration) error
	Bind(ctx context.Context, now mailbox.Registration, handle string, b mailbox.Bind) error
	Unbind(ctx context.Context, now mailbox.Registration, handle string) error
	Place(ctx context.Context) (mailbox.Place, error)
}

// Options of the service. The zero value works.
type Options struct {
	Logger  *slog.Logger     // nil = silent
	Metrics *web.Metrics     // nil = none
	Now     func() time.Time // of the limits; nil = the machine's clock
}

// Limits of a request.
const (
	maxBody  = 16 << 10 // bytes; a Web Push subscription has below 4 KiB
	maxDepth = 8        // levels of a body; the deepest that we understand has 2
)

type server struct {
	service  Service
	log      *slog.Logger
	failures *failures
}

// New answers everything below /v1/, and refuses the rest.
func New(s Service, o Options) http.Handler {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	v := &server{service: s, log: o.Logger, failures: newFailures(o.Now)}
	mux := v.routes()
	return web.Chain(mux, web.ObserveNameless(mux, o.Logger, o.Metrics), private, web.LimitBody(maxBody), web.Recover(v.refuse))
}

// routes are all there is.
func (s *server) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("POST /v1/registrations", s.handle(s.create))
	mux.Handle("GET /v1/registrations/{id}", s.known(s.show))
	mux.Handle("PUT /v1/registrations/{id}", s.known(s.update))
	mux.Handle("DELETE /v1/registrations/{id}", s.known(s.revoke))
	mux.Handle("PUT /v1/registrations/{id}/subscriptions/{handle}", s.known(s.bind))
	mux.Handle("DELETE /v1/registrations/{id}/subscriptions/{handle}", s.known(s.unbind))

	mux.Handle("/v1/registrations", only("POST"))
	mux.Handle("/v1/registrations/{id}", only("GET, PUT, DELETE"))
	mux.Handle("/v1/registrations/{id}/subscriptions/{handle}", only("PUT, DELETE"))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		web.NewProblem(http.StatusNotFound, web.ErrNotFound.Text).Write(w)
	})
	return mux
}

// only refuses other methods.
func only(methods string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Allow", methods)
		web.NewProblem(http.StatusMethodNotAllowed, "This address takes "+methods+".").Write(w)
	})
}

// private keeps answers out of caches, and browsers from guessing what they are.
func private(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}

// handle answers what a handler could not.
func (s *server) handle(h web.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			s.refuse(w, r, err)
		}
	})
}

// known is handle for the device that has a registration and knows its secret.
func (s *server) known(h func(w http.ResponseWriter, r *http.Request, of mailbox.Registration) error) http.Handler {
	return s.handle(func(w http.ResponseWriter, r *http.Request) error {
		secret := bearer(r)
		if secret == "" {
			return noSecret
		}
		of, err := s.service.Of(r.Context(), r.PathValue("id"), secret)
		if err != nil {
			return err
		}
		return h(w, r, of)
	})
}

// bearer is the secret in the request's header; empty = none.
func bearer(r *http.Request) string {
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(secret)
}

var (
	noSecret  = web.NewProblem(http.StatusUnauthorized, "An Authorization header with a bearer token is needed.")
	badKey    = web.NewProblem(http.StatusUnauthorized, "The app key is not valid: it was never made, or it was revoked.")
	badSecret = web.NewProblem(http.StatusUnauthorized, "The secret is not that of this registration.")
)

// refuse answers an error.
func (s *server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	p := s.problem(err)
	if p.Status == http.StatusUnauthorized {
		if wait := s.failures.add(web.ClientNetwork(r)); wait > 0 {
			p = tooMany("Too many requests from this network could not prove themselves.", wait)
		}
	}
	p.Write(w)
}

func tooMany(why string, wait time.Duration) *web.Problem {
	p := web.NewProblem(http.StatusTooManyRequests, why)
	p.RetryAfter = max(wait, time.Second)
	return p
}

// retryLater is when an app may come again after trouble of our own.
const retryLater = 30 * time.Second

// problem is the one table from error to answer.
func (s *server) problem(err error) *web.Problem {
	var (
		known     *web.Problem
		invalid   *fleet.Invalid
		throttled *mailbox.Throttled
	)
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &invalid):
		return refused(faultsOf(invalid)...)
	case errors.As(err, &throttled):
		return tooMany("Too many registrations with this app key.", throttled.After)
	case errors.Is(err, mailbox.ErrAppKey):
		return badKey
	case errors.Is(err, mailbox.ErrNetwork):
		return web.NewProblem(http.StatusForbidden, "The app key may not be used from this network.")
	case errors.Is(err, mailbox.ErrSecret):
		return badSecret
	case errors.Is(err, mailbox.ErrUnknown):
		return web.NewProblem(http.StatusNotFound, "There is no such registration; register again.")
	case errors.Is(err, mailbox.ErrNoHandle):
		return web.NewProblem(http.StatusNotFound, "There is no subscription with this handle.")
	case errors.Is(err, mailbox.ErrGone):
		return web.NewProblem(http.StatusGone, "The registration has ended; register again.")
	}
	return s.unexpected(err)
}

// unexpected is about what nobody can help who called: an app that was too slow or too large, or trouble of ours.
func (s *server) unexpected(err error) *web.Problem {
	switch status := web.Status(err); status {
	case http.StatusRequestEntityTooLarge:
		return web.NewProblem(status, "The body of the request is larger than 16 KiB.")
	case http.StatusInternalServerError, http.StatusServiceUnavailable:
		s.log.Error("a request of a device failed", "error", err)
		p := web.NewProblem(http.StatusServiceUnavailable, "Something failed on our side; try again later.")
		p.RetryAfter = retryLater
		return p
	default:
		return web.NewProblem(status, "The request was given up before it was done.")
	}
}

const refusedContent = "The request was understood, but its content was refused."

func refused(faults ...web.Fault) *web.Problem {
	return web.NewProblem(http.StatusUnprocessableEntity, refusedContent, faults...)
}

// faultsOf places what is wrong: fields are named like the API's, with dots between levels. The handle stands in the path.
func faultsOf(invalid *fleet.Invalid) (faults []web.Fault) {
	for _, p := range invalid.Problems {
		pointer := "/" + strings.ReplaceAll(p.Field, ".", "/")
		if p.Field == "handle" {
			pointer = p.Field
		}
		faults = append(faults, web.Fault{Pointer: pointer, Detail: p.Detail})
	}
	return faults
}
