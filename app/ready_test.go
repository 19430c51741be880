package app

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadyFileIsWhollyThereAndPrivate(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "ready.json")
	if err := os.WriteFile(path, []byte("of before"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := WriteReady(path, Ready{Console: "http://127.0.0.1:1", API: "http://127.0.0.1:1/api/v1", PID: 7}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode is %v, %v; want 0600", info.Mode(), err)
	}
	var got map[string]any
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &got)
	}
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"console": "http://127.0.0.1:1", "api": "http://127.0.0.1:1/api/v1", "pid": 7.0}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("what does not run must be absent:", diff)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("left behind: %v, %v", files, err)
	}
	if err := RemoveReady(path); err != nil {
		t.Error(err)
	}
	if err := RemoveReady(path); err != nil {
		t.Error("removing it twice:", err)
	}
}

func TestReadyFileInNoDirectory(t *testing.T) {
	if err := WriteReady(filepath.Join(t.TempDir(), "missing", "ready.json"), Ready{}); err == nil {
		t.Error("no error for a directory that does not exist")
	}
}
