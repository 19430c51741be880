package app

import (
	"context"
	"os"

	"heliograph/store"
)

// Backup writes a database into a file, without its key file, and returns the file's size in bytes. See store.Backup.
func Backup(ctx context.Context, d Database, file string) (size int64, err error) {
	s, err := OpenDatabase(ctx, d) // a path that is wrong, or a schema of another version, is said in words
	if err != nil {
		return 0, err
	}
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
