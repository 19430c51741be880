package web

import (
	"context"
	"errors"
	"net/http"

	"heliograph/access"
	"heliograph/store"
)

// StatusError is an error whose HTTP status is known where it arises. Its text is shown to whoever asked.
type StatusError struct {
	Status int
	Text   string
}

func (e *StatusError) Error() string { return e.Text }

// Errors that handlers return for what HTTP itself has words for.
var (
	ErrNotFound  = &StatusError{http.StatusNotFound, "There is nothing at this address."}
	ErrForbidden = &StatusError{http.StatusForbidden, "You may not do this."}
	ErrSignIn    = &StatusError{http.StatusUnauthorized, "Sign in first."}
)

// BadRequest is a request that cannot be read. text says why, without repeating it.
func BadRequest(text string) error { return &StatusError{http.StatusBadRequest, text} }

// statusClientGone is what the log shows when the client went away before the answer. Nobody receives it.
const statusClientGone = 499

// Status is the one table from error to HTTP status. What it does not know is 500.
func Status(err error) int {
	var (
		known *StatusError
		large *http.MaxBytesError
		ill   *store.Trouble
	)
	switch {
	case err == nil:
		return http.StatusOK
	case errors.As(err, &known):
		return known.Status
	case errors.As(err, &large):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, store.ErrNotFound):
		return http.StatusNotFound
	case errors.Is(err, store.ErrConflict):
		return http.StatusConflict
	case errors.As(err, &ill):
		return http.StatusServiceUnavailable
	case errors.Is(err, context.Canceled):
		return statusClientGone
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, access.ErrBusy):
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}
