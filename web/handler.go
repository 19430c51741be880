package web

import (
	"fmt"
	"net/http"
)

// Handler answers a request, or returns why it could not. It has written nothing when it returns an error.
type Handler func(w http.ResponseWriter, r *http.Request) error

// Middleware wraps a handler into another.
type Middleware func(http.Handler) http.Handler

// Chain wraps h so that the first middleware is the outermost.
func Chain(h http.Handler, around ...Middleware) http.Handler {
	for i := len(around) - 1; i >= 0; i-- {
		h = around[i](h)
	}
	return h
}

// Recover turns a panic into an error for render, so that one bad request does not cost the process.
func Recover(render func(w http.ResponseWriter, r *http.Request, err error)) Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() {
				cause := recover()
				if cause == nil {
					return
				}
				if cause == http.ErrAbortHandler { //nolint:errorlint // it is panicked with as it is
					panic(cause)
				}
				render(w, r, fmt.Errorf("panic: %v", cause))
			}()
			next.ServeHTTP(w, r)
		})
	}
}

// LimitBody refuses request bodies over most bytes: reading further gives *http.MaxBytesError.
func LimitBody(most int64) Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, most)
			next.ServeHTTP(w, r)
		})
	}
}

// SameOrigin refuses requests that change something and come from a page of another origin. refuse answers them.
func SameOrigin(refuse func(w http.ResponseWriter, r *http.Request, err error)) Middleware {
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		refuse(w, r, ErrForbidden)
	}))
	return protection.Handler
}
