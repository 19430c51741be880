package main

import (
	"cmp"
	"io"
	"log/slog"
)

// logging is how the log is written, always to standard error.
type logging struct {
	Format string `help:"text or json; it goes to standard error." enum:"text,json" default:"text"`
	Level  string `help:"debug, info, warn or error. Default: info, for a demo warn." enum:"debug,info,warn,error," default:"" placeholder:"LEVEL"`
}

var levels = map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}

// logger is the log of a command; usual is the level where nobody chose one.
func (l logging) logger(to io.Writer, usual string) *slog.Logger {
	o := &slog.HandlerOptions{Level: levels[cmp.Or(l.Level, usual)]}
	if l.Format == "json" {
		return slog.New(slog.NewJSONHandler(to, o))
	}
	return slog.New(slog.NewTextHandler(to, o))
}
