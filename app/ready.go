package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Ready is the file that tells scripts where everything listens. Origins have no path; what does not run is absent.
type Ready struct {
	Console string `json:"console,omitempty"`
	API     string `json:"api,omitempty"` // with /api/v1
	Metrics string `json:"metrics,omitempty"`

	Registration string `json:"registration,omitempty"`
	Listener     string `json:"listener,omitempty"`

	CAFile string `json:"ca_file,omitempty"` // signs every https URL here
	PID    int    `json:"pid"`

	// Of the demo.
	Token  string            `json:"token,omitempty"` // of an administrator
	SignIn string            `json:"sign_in,omitempty"`
	AppKey string            `json:"app_key,omitempty"` // registers devices
	Apps   map[string]string `json:"apps,omitempty"`    // app id by push provider
	Sims   map[string]string `json:"sims,omitempty"`    // origin by simulator; of smtp host:port
}

// WriteReady writes a ready file whole, by rename, with mode 0600: it may hold secrets.
func WriteReady(path string, content any) error {
	text, err := json.MarshalIndent(content, "", "  ")
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".ready-*") // mode 0600
	if err != nil {
		return fmt.Errorf("writing the ready file: %w", err)
	}
	defer os.Remove(file.Name())
	_, err = file.Write(append(text, '\n'))
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("writing the ready file: %w", err)
	}
	return nil
}

// RemoveReady removes the file on a clean stop. One that is gone already is fine.
func RemoveReady(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing the ready file: %w", err)
	}
	return nil
}
