// Package hook takes what services post to us: receipts for messages that they took. A service has no account here; the
// address itself is the secret, one for each server.
package hook

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"

	"heliograph/access"
	"heliograph/channel"
	"heliograph/intake"
	"heliograph/web"
)

// Door is what a hook asks of the way in.
type Door interface {
	TakeReceipt(ctx context.Context, capability string, in channel.Incoming) error
}

// maxBody bounds a receipt: real ones have below 1 KiB.
const maxBody = 64 << 10

// New answers everything below /hooks/. A nil logger is silent.
func New(d Door, log *slog.Logger) web.Face {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	mux := web.NewRoutes(nil, nil)
	mux.Handle("/hooks/vonage/{capability}", access.Open, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(take(d, log, w, r))
	}))
	return web.Face{Handler: web.SecurityHeaders(mux), Routes: mux.All()}
}

// take reads one receipt and says which status answers it. Services send again what is not answered with 2xx.
func take(d Door, log *slog.Logger, w http.ResponseWriter, r *http.Request) int {
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		w.Header().Set("Allow", "GET, POST")
		return http.StatusMethodNotAllowed
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return http.StatusRequestEntityTooLarge
	}
	err = d.TakeReceipt(r.Context(), r.PathValue("capability"), channel.Incoming{
		Method: r.Method, Query: r.URL.RawQuery, ContentType: r.Header.Get("Content-Type"), Body: body,
	})
	switch {
	case err == nil:
		return http.StatusNoContent
	case errors.Is(err, intake.ErrNoHook):
		return http.StatusNotFound
	case errors.Is(err, channel.ErrSignature):
		log.Warn("receipt refused", "reason", err)
		return http.StatusForbidden
	case errors.Is(err, channel.ErrReceipt):
		log.Warn("receipt refused", "reason", err)
		return http.StatusBadRequest
	}
	log.Error("taking a receipt", "error", err)
	return http.StatusServiceUnavailable
}
