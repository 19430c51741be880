package app

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"heliograph/access"
	"heliograph/web"
)

// readyTime bounds the look at the database.
const readyTime = 5 * time.Second

// check is one condition of being ready, with what is missing in words.
type check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty"`
}

// readiness is the answer of /readyz.
type readiness struct {
	Ready  bool    `json:"ready"`
	Checks []check `json:"checks"`
}

// health adds /livez and /readyz. They need no token and show nothing but this.
func (a *App) health(routes *web.Routes) {
	add := func(pattern string, answer http.HandlerFunc) {
		routes.Handle(pattern, access.Open, web.SecurityHeaders(answer))
	}
	add("GET /livez", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("alive\n"))
	})
	add("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), readyTime)
		defer cancel()
		answer := a.readiness(ctx)
		w.Header().Set("Content-Type", "application/json")
		if !answer.Ready {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_ = json.NewEncoder(w).Encode(answer) // a client that went away is no error of ours
	})
}

// readiness looks at everything that must be there before work can be taken on.
func (a *App) readiness(ctx context.Context) readiness {
	database := a.databaseCheck(ctx)
	list := []check{database}
	if database.OK {
		list = append(list, a.schemaCheck(ctx), a.keysCheck(ctx))
	} else {
		list = append(list, check{Name: "schema", Detail: "cannot be looked at"}, check{Name: "keys", Detail: "cannot be looked at"})
	}
	list = append(list, a.jobsCheck())
	r := readiness{Ready: true, Checks: list}
	for _, c := range list {
		r.Ready = r.Ready && c.OK
	}
	return r
}

func (a *App) databaseCheck(ctx context.Context) check {
	c := check{Name: "database"}
	switch err := a.store.Ping(ctx); {
	case errors.Is(err, context.DeadlineExceeded):
		c.Detail = "the database did not answer within 5 seconds"
	case err != nil:
		a.log.Warn("not ready: the database does not answer", "error", err) // the error may name hosts, so it stays here
		c.Detail = "the database does not answer; the log says why"
	default:
		if ill := a.store.Trouble(ctx); ill != nil {
			c.Detail = ill.Words
			return c
		}
		c.OK = true
	}
	return c
}

func (a *App) schemaCheck(ctx context.Context) check {
	if err := a.store.CheckSchema(ctx); err != nil {
		return check{Name: "schema", Detail: err.Error()}
	}
	return check{Name: "schema", OK: true}
}

func (a *App) keysCheck(ctx context.Context) check {
	has, err := a.store.HasKeys(ctx)
	if err != nil || !has {
		return check{Name: "keys", Detail: "the database knows no key file: it was emptied or replaced while this process ran"}
	}
	if wrong := a.keys.wrong(); wrong != "" {
		return check{Name: "keys", Detail: wrong}
	}
	return check{Name: "keys", OK: true}
}

func (a *App) jobsCheck() check {
	switch {
	case a.draining.Err() != nil:
		return check{Name: "jobs", Detail: "this process is stopping"}
	case a.options.has(Worker) && !a.working.Load():
		return check{Name: "jobs", Detail: "the job engine does not run"}
	}
	return check{Name: "jobs", OK: true}
}
