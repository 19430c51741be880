package console

import (
	"context"
	"net/http"
)

// errorPage is shown instead of a page that could not be.
type errorPage struct {
	Status int
	Detail string // what the handler said to the person; empty = the catalogue's words for the status
}

// errorKeys are the statuses that have words of their own in the catalogue.
var errorKeys = map[int]string{
	http.StatusForbidden:             "error.403",
	http.StatusNotFound:              "error.404",
	http.StatusConflict:              "error.409",
	http.StatusRequestEntityTooLarge: "error.413",
	http.StatusServiceUnavailable:    "error.503",
}

func (p errorPage) key() string {
	if key, has := errorKeys[p.Status]; has {
		return key
	}
	if p.Status < http.StatusInternalServerError {
		return "error.400"
	}
	return "error.500"
}

func (p errorPage) lead(ctx context.Context) string {
	if p.Detail != "" {
		return said(ctx, p.Detail)
	}
	return t(ctx, p.key()+".lead")
}

func (p errorPage) picture() string {
	switch {
	case p.Status == http.StatusNotFound:
		return "question-mark"
	case p.Status < http.StatusInternalServerError:
		return "ban"
	}
	return "alert-triangle"
}

func (p errorPage) heading(ctx context.Context) heading {
	return heading{Title: t(ctx, p.key()+".title")}
}
