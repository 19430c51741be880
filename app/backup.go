package app

import (
	"context"
	"os"
	"path/filepath"

	"heliograph/access"
	"heliograph/store"
)

// Backup writes a database into a file, without its key file, and returns the file's size in bytes. See store.Backup.
func Backup(ctx context.Context, d Database, file string) (size int64, err error) {
	s, err := OpenDatabase(ctx, d) // a path that is wrong, or a schema of another version, is said in words
	if err != nil {
		return 0, err
	}
	entry := access.CommandLine.Did(access.Export, access.Object{Kind: access.ABackup, Name: filepath.Base(file)}, nil, nil)
	_ = s.Audit(ctx, entry) // a database that cannot take an entry, because its disk is full, needs its backup all the more
	s.Close()
	if err := store.Backup(ctx, d.url(), file); err != nil {
		return 0, err
	}
	info, err := os.Stat(file)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
