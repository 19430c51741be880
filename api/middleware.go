package api

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"heliograph/access"
	"heliograph/store"
)

type actorKey struct{}

// actorOf is who asks. Every operation is behind guard, which put it there.
func actorOf(ctx context.Context) access.Actor {
	actor, _ := ctx.Value(actorKey{}).(access.Actor)
	return actor
}

// guard lets those through whose token allows what they ask for. It is the one place where the API checks that.
func (s *server) guard(next http.Handler) http.Handler {
	next = withoutCommas(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		actor, err := s.authenticate(r)
		if err != nil {
			problemOf(r.Context(), s.log, err).write(w)
			return
		}
		if !allowed(actor.Role, r) {
			newProblem(http.StatusForbidden, "The role of this token does not allow that.").write(w)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), actorKey{}, actor)))
	})
}

// allowed says what a role may do. There is one role that may do something, and it may do everything.
func allowed(role access.Role, _ *http.Request) bool { return role == access.Administrator }

func (s *server) authenticate(r *http.Request) (access.Actor, error) {
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return access.Actor{}, newProblem(http.StatusUnauthorized, "Send an API token: Authorization: Bearer TOKEN.")
	}
	token, err := s.store.UseToken(r.Context(), strings.TrimSpace(secret))
	if errors.Is(err, store.ErrNotFound) {
		return access.Actor{}, newProblem(http.StatusUnauthorized, "This API token is not known, was deleted or has expired.")
	}
	if err != nil {
		return access.Actor{}, err
	}
	return access.Actor{ID: token.ID, Name: token.Name, Role: token.Role, Scope: access.Everything}, nil
}

// commas are the parameters whose words may also be separated by commas.
var commas = []string{"platform", "ownership", "state"}

func withoutCommas(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.RawQuery, ",") || strings.Contains(strings.ToLower(r.URL.RawQuery), "%2c") {
			query := r.URL.Query()
			for _, name := range commas {
				if query.Has(name) {
					query[name] = strings.Split(strings.Join(query[name], ","), ",")
				}
			}
			r.URL = withQuery(r.URL, query)
		}
		next.ServeHTTP(w, r)
	})
}

func withQuery(u *url.URL, query url.Values) *url.URL {
	changed := *u
	changed.RawQuery = query.Encode()
	return &changed
}

// routed answers what no route matches in the API's own words.
func routed(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, pattern := mux.Handler(r)
		if pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		probe := &statusProbe{header: http.Header{}}
		h.ServeHTTP(probe, r)
		if allow := probe.header.Get("Allow"); allow != "" {
			w.Header().Set("Allow", allow)
			newProblem(http.StatusMethodNotAllowed, "This address does not take that method.").write(w)
			return
		}
		newProblem(http.StatusNotFound, notThere).write(w)
	})
}

// statusProbe listens to what the mux would have answered.
type statusProbe struct{ header http.Header }

func (p *statusProbe) Header() http.Header         { return p.header }
func (p *statusProbe) Write(b []byte) (int, error) { return len(b), nil }
func (p *statusProbe) WriteHeader(int)             {}
