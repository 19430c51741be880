package api

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"heliograph/access"
	"heliograph/store"
	"heliograph/web"
)

// actorOf is who asks. Every operation is behind identify.
func actorOf(ctx context.Context) access.Actor { return web.ActorOf(ctx) }

// identify finds whose token a request carries.
func (s *server) identify(r *http.Request) (access.Actor, *http.Request, error) {
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return access.Actor{}, r, newProblem(http.StatusUnauthorized, "Send an API token: Authorization: Bearer TOKEN.")
	}
	token, err := s.store.UseToken(r.Context(), strings.TrimSpace(secret))
	if errors.Is(err, store.ErrNotFound) {
		return access.Actor{}, r, newProblem(http.StatusUnauthorized, "This API token is not known, was deleted or has expired.")
	}
	if err != nil {
		return access.Actor{}, r, err
	}
	if wait := s.rates.Wait(token.ID, s.now()); wait > 0 {
		busy := newProblem(http.StatusTooManyRequests, "This API token asks too often. Wait as long as Retry-After says.")
		busy.retryAfter = wait
		return access.Actor{}, r, busy
	}
	return token.Actor(web.ClientAddress(r)), r, nil
}

// refuse answers those whose token does not let them through.
func (s *server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, web.ErrForbidden) {
		err = newProblem(http.StatusForbidden, "The role of this token does not allow that.")
	}
	problemOf(r.Context(), s.log, err).write(w)
}

// commas are the parameters whose words may also be separated by commas.
var commas = []string{"platform", "ownership", "state", "action", "kind", "type"}

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
func routed(mux *web.Routes) http.Handler {
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
