package seal

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSealedValueOpensOnlyAtItsPlace(t *testing.T) {
	k := New()
	sealed := k.Seal(Server, "server:1", []byte("secret"))
	if bytes.Contains(sealed, []byte("secret")) {
		t.Fatal("the secret is in the open")
	}
	if got, err := k.Open(Server, "server:1", sealed); err != nil || string(got) != "secret" {
		t.Fatalf("Open = %q, %v", got, err)
	}
	damaged := bytes.Clone(sealed)
	damaged[len(damaged)-1] ^= 1
	for name, open := range map[string]func() ([]byte, error){
		"another place":   func() ([]byte, error) { return k.Open(Server, "server:2", sealed) },
		"another purpose": func() ([]byte, error) { return k.Open(PushToken, "server:1", sealed) },
		"another key":     func() ([]byte, error) { return New().Open(Server, "server:1", sealed) },
		"damage":          func() ([]byte, error) { return k.Open(Server, "server:1", damaged) },
		"nothing":         func() ([]byte, error) { return k.Open(Server, "server:1", nil) },
	} {
		if got, err := open(); !errors.Is(err, ErrSealed) || got != nil {
			t.Errorf("%s: Open = %q, %v", name, got, err)
		}
	}
	if bytes.Equal(sealed, k.Seal(Server, "server:1", []byte("secret"))) {
		t.Error("equal secrets look equal")
	}
}

func TestHashRecognises(t *testing.T) {
	k := New()
	if !bytes.Equal(k.Hash(PushToken, []byte("a")), k.Hash(PushToken, []byte("a"))) {
		t.Error("the same secret has two hashes")
	}
	if bytes.Equal(k.Hash(PushToken, []byte("a")), k.Hash(Server, []byte("a"))) || bytes.Equal(k.Hash(PushToken, []byte("a")), New().Hash(PushToken, []byte("a"))) {
		t.Error("purposes or keys do not matter")
	}
}

func TestKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "heliograph.key")
	if _, err := LoadOrCreate(path, false); err == nil || !strings.Contains(err.Error(), "backup") {
		t.Errorf("a missing key file beside a full database: %v", err)
	}
	if _, err := Load(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Load of a missing file: %v", err)
	}
	made, err := LoadOrCreate(path, true)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	again, err := LoadOrCreate(path, false)
	if err != nil || again.Fingerprint() != made.Fingerprint() {
		t.Errorf("another key after loading: %v", err)
	}
	if got, err := again.Open(Server, "x", made.Seal(Server, "x", []byte("s"))); err != nil || string(got) != "s" {
		t.Errorf("Open after loading = %q, %v", got, err)
	}
}

func TestBrokenKeyFileShowsNoKey(t *testing.T) {
	const (
		planted = "cGxhbnRlZCBzZWNyZXQ="
		fullKey = "cGxhbnRlZHBsYW50ZWRwbGFudGVkcGxhbnRlZHBsYW4="
	)
	for name, content := range map[string]string{
		"not JSON":        planted,
		"short key":       `{"sealing": ["` + planted + `"], "index": ["` + planted + `"]}`,
		"no keys":         `{}`,
		"index missing":   `{"sealing": ["` + fullKey + `"]}`,
		"sealing missing": `{"index": ["` + fullKey + `"]}`,
		"one key twice":   `{"sealing": ["` + fullKey + `", "` + fullKey + `"], "index": ["` + fullKey + `"]}`,
	} {
		path := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(path); err == nil || strings.Contains(err.Error(), planted) || strings.Contains(err.Error(), fullKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
