package seal

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// keyFile is the form on disk. Keys are base64, the oldest first.
type keyFile struct {
	Sealing []string `json:"sealing"`
	Index   []string `json:"index"`
}

// FileError says that a key file is missing, or cannot be one, in words.
type FileError struct{ text string }

func (e *FileError) Error() string { return e.text }

func fileError(format string, args ...any) error { return &FileError{fmt.Sprintf(format, args...)} }

const maxKeyFile = 1 << 20 // bytes; a key is 50 of them

// Parse reads the content of a key file. name says in errors where it came from.
func Parse(name string, content []byte) (*Keys, error) {
	var f keyFile
	if err := json.Unmarshal(content, &f); err != nil {
		return nil, fileError("%s is not a key file", name) // the error of the parser could quote the key
	}
	sealing, err := decodeKeys(name, "a sealing key", f.Sealing, newSealingKey)
	if err != nil {
		return nil, err
	}
	index, err := decodeKeys(name, "an index key", f.Index, newIndexKey)
	if err != nil {
		return nil, err
	}
	return newKeys(sealing, index), nil
}

func decodeKeys[K any](name, what string, texts []string, made func([]byte) K) (list []K, err error) {
	for i, text := range texts {
		key, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(key) != keySize {
			return nil, fileError("%s: %s, number %d, is not %d bytes in base64", name, what, i+1, keySize)
		}
		if slices.Contains(texts[:i], text) {
			return nil, fileError("%s: %s, number %d, is there twice", name, what, i+1)
		}
		list = append(list, made(key))
	}
	if len(list) == 0 {
		return nil, fileError("%s holds no %s", name, what[2:])
	}
	return list, nil
}

// Load reads a key file. A file that is missing is reported as fs.ErrNotExist; one that everybody may read, or others may
// write, is refused.
func Load(path string) (*Keys, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	switch {
	case info.IsDir():
		return nil, fileError("%s is a directory, not a key file", path)
	case info.Size() > maxKeyFile:
		return nil, fileError("%s is not a key file: it is larger than any", path)
	}
	if err := checkMode(path, info); err != nil {
		return nil, err
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, raw)
}

// LoadOrCreate reads the key file, or makes one when it is missing and mayCreate is true: beside an empty database, and
// nowhere else, for a new key would lock the old secrets away.
func LoadOrCreate(path string, mayCreate bool) (*Keys, error) {
	k, err := Load(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	if !mayCreate {
		return nil, fileError("the key file %s is missing, and the database holds secrets that only it can open: put it back from your backup", path)
	}
	k = New()
	return k, k.Save(path)
}

// Text is the content of a key file: whoever has it can open everything.
func (k *Keys) Text() []byte {
	r, f := k.ring.Load(), keyFile{}
	for _, s := range r.sealing {
		f.Sealing = append(f.Sealing, base64.StdEncoding.EncodeToString(s.key))
	}
	for _, i := range r.index {
		f.Index = append(f.Index, base64.StdEncoding.EncodeToString(i.key))
	}
	text, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		panic(err) // texts are always written
	}
	return append(text, '\n')
}

// Save writes the key file, whole or not at all. A new one has mode 0600; one that is replaced keeps its mode and its
// owner, for the command that rotates may run as another user than the server.
func (k *Keys) Save(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("making the directory of the key file: %w", err)
	}
	if to, err := filepath.EvalSymlinks(path); err == nil { // the link stays a link
		path = to
	}
	if err := writeWhole(path, k.Text()); err != nil {
		return fmt.Errorf("writing the key file %s: %w", path, err)
	}
	return nil
}

func writeWhole(path string, content []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".key-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(content)
	err = errors.Join(err, likeBefore(tmp, path), tmp.Sync(), tmp.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// Change reads a key file, lets do make other keys of it, and writes those. Two of them at once wait for each other: what
// one of them adds must not be lost by the other.
func Change(path string, do func(*Keys) (*Keys, error)) error {
	if to, err := filepath.EvalSymlinks(path); err == nil {
		path = to
	}
	release, err := exclusively(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer release()
	keys, err := Load(path)
	if err != nil {
		return err
	}
	if keys, err = do(keys); err != nil {
		return err
	}
	return keys.Save(path)
}
