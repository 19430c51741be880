package main

import (
	"io"
	"log/slog"
)

// logging is how the log is written, always to standard error.
type logging struct {
	Format string     `help:"text or json; it goes to standard error." enum:"text,json" default:"text"`
	Level  slog.Level `help:"debug, info, warn or error." default:"info"`
}

func (l logging) logger(to io.Writer) *slog.Logger {
	o := &slog.HandlerOptions{Level: l.Level}
	if l.Format == "json" {
		return slog.New(slog.NewJSONHandler(to, o))
	}
	return slog.New(slog.NewTextHandler(to, o))
}
