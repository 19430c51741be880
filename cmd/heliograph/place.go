package main

import (
	"errors"
	"os"
	"strings"

	"heliograph/app"
	"heliograph/store"
)

// place says which database a command works on.
type place struct {
	Data     string `help:"Directory of the database, the key file and the lock." default:"data" type:"path"`
	Database string `help:"PostgreSQL URL, such as postgres://user@host:5432/name (the password belongs into ~/.pgpass or this variable), or the path of a SQLite file. Default: heliograph.db in --data." placeholder:"URL"`
	KeyFile  string `help:"File with the keys of the stored secrets, made on the first start; every node needs the same. HELIOGRAPH_KEY may hold its content instead. Default: heliograph.key in --data." type:"path" placeholder:"PATH"`
}

// Validate is called by kong, for each command that has a place. What was given is not repeated: it may hold a password.
func (p place) Validate() error {
	if strings.Contains(p.Database, "://") && !store.IsPostgres(p.Database) && !strings.HasPrefix(p.Database, "sqlite:") {
		return errors.New("--database must be a URL that begins with postgres://, or the path of a SQLite file")
	}
	return nil
}

func (p place) options() app.Database {
	return app.Database{DataDir: p.Data, URL: p.Database, KeyFile: p.KeyFile, Keys: os.Getenv(app.KeysEnv)}
}
