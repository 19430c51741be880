package app

import (
	"cmp"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"heliograph/access"
	"heliograph/web"
)

// listenRedirect opens the listener that leads from http to https, when there is to be one. An authority's challenges are
// answered there too.
func (a *App) listenRedirect() error {
	if a.options.ListenRedirect == "" || !a.options.has(Console) && a.acme == nil {
		return nil
	}
	if a.options.has(Console) && !a.secure() {
		return fmt.Errorf("a listener that leads to https needs a console that is reached by https")
	}
	port, err := net.Listen("tcp", a.options.ListenRedirect)
	if err != nil {
		return fmt.Errorf("listening for http: %w", err)
	}
	a.addr.Redirect = originOf(port, nil)
	routes := web.NewRoutes(nil, nil)
	a.health(routes)
	if a.secure() { // a node without a console may not know where it is
		routes.Handle("/", access.Open, web.SecurityHeaders(leadTo(a.origin())))
	}
	var face http.Handler = routes
	if a.acme != nil {
		face = a.acme.HTTP(routes)
	}
	a.serve("the way to https", port, nil, face)
	return nil
}

// leadTo answers with the same address at an origin of ours; what a client says of hosts is not looked at. What brought a
// token or a form is told instead: it went in the open already, and must not go unnoticed.
func leadTo(origin string) http.Handler {
	origin = strings.TrimSuffix(origin, "/")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if (r.Method != http.MethodGet && r.Method != http.MethodHead) || r.Header.Get("Authorization") != "" {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, "This is not encrypted. Use "+origin+" and replace what you sent, if it was secret.\n")
			return
		}
		to := origin + cmp.Or(r.URL.EscapedPath(), "/")
		if r.URL.RawQuery != "" {
			to += "?" + r.URL.RawQuery
		}
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusPermanentRedirect)
	})
}
