package app

import (
	"context"
	"net/http"
	"strings"

	"heliograph/console"
	"heliograph/web"
)

// patience lets streams take as long as they move: imports, exports, and the pages' live progress; and tests of servers,
// which wait as long as the server's settings say. Live progress ends when the App drains; a page reconnects by itself.
func (a *App) patience(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isStream(r) {
			next.ServeHTTP(w, r)
			return
		}
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		if isLive(r) {
			defer context.AfterFunc(a.draining, cancel)()
		}
		w, r = web.Patient(w, r.WithContext(ctx))
		next.ServeHTTP(w, r)
	})
}

// isStream reports requests that may take longer than others: uploads of the fleet, lists as CSV, tests of servers, live
// progress.
func isStream(r *http.Request) bool {
	path := r.URL.Path
	return strings.HasPrefix(path, "/api/v1/import/") || path == console.ImportPath || strings.HasSuffix(path, ".csv") || strings.HasSuffix(path, "/test") || isLive(r)
}

func isLive(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "text/event-stream")
}
