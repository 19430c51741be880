package seal

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestEveryKeyOpensAndOneSeals(t *testing.T) {
	old := New()
	sealed := old.Seal(Server, "x", []byte("s"))
	rotated := old.WithSealing()
	if got, err := rotated.Open(Server, "x", sealed); err != nil || string(got) != "s" {
		t.Fatalf("after the rotation Open = %q, %v", got, err)
	}
	again := rotated.Seal(Server, "x", []byte("s"))
	if KeyOf(sealed) != old.Seals() || KeyOf(again) != rotated.Seals() || old.Seals() == rotated.Seals() {
		t.Errorf("sealed with %s and %s, want %s and %s", KeyOf(sealed), KeyOf(again), old.Seals(), rotated.Seals())
	}
	if _, err := old.Open(Server, "x", again); !errors.Is(err, ErrSealed) {
		t.Errorf("the old keys alone open what the new one sealed: %v", err)
	}
	pruned := rotated.Without(old.Seals())
	if _, err := pruned.Open(Server, "x", sealed); !errors.Is(err, ErrSealed) {
		t.Errorf("a key that was removed still opens: %v", err)
	}
	if got, err := pruned.Open(Server, "x", again); err != nil || string(got) != "s" {
		t.Errorf("Open = %q, %v", got, err)
	}
	if rotated.Fingerprint() != old.Fingerprint() {
		t.Error("the rotation of sealing keys changed the fingerprint")
	}
}

func TestTakenKeysOpenBeforeTheySeal(t *testing.T) {
	node := New()
	first := node.Seals()
	file := node.WithSealing().WithIndex()
	if !node.Take(file) {
		t.Fatal("a rotated file is refused")
	}
	if node.Seals() != first || node.Fingerprint() == file.Fingerprint() {
		t.Error("the new keys are in use before anybody said so")
	}
	if got, err := node.Open(Server, "x", file.Seal(Server, "x", []byte("s"))); err != nil || string(got) != "s" {
		t.Errorf("a node that is ahead seals what this one cannot open: %q, %v", got, err)
	}
	if !node.Use(file.Seals(), file.Fingerprint()) || node.Seals() != file.Seals() || node.Fingerprint() != file.Fingerprint() {
		t.Error("the new keys are not put in use")
	}
	if node.Use("00000000", file.Fingerprint()) || node.Seals() != file.Seals() {
		t.Error("a key that is not there is put in use")
	}
	if node.Take(New()) || node.Take(file.Without(file.Seals())) {
		t.Error("a file without the keys in use is taken")
	}
}

func TestHashesFindWhatEitherIndexKeyWrote(t *testing.T) {
	old := New()
	rotated := old.WithIndex()
	hashes := rotated.Hashes(PushToken, []byte("a"))
	if len(hashes) != 2 || !bytes.Equal(hashes[0], rotated.Hash(PushToken, []byte("a"))) || !bytes.Equal(hashes[1], old.Hash(PushToken, []byte("a"))) {
		t.Errorf("Hashes = %x", hashes)
	}
	if got := rotated.Without(old.Fingerprint()).Hashes(PushToken, []byte("a")); len(got) != 1 || !bytes.Equal(got[0], hashes[0]) {
		t.Errorf("without the old index key Hashes = %x", got)
	}
}

func TestRotatedFileKeepsModeAndLink(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "real.key"), filepath.Join(dir, "link.key")
	keys := New()
	if err := keys.Save(path); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(path, 0o640), os.Symlink(path, link)); err != nil {
		t.Fatal(err)
	}
	if err := keys.WithSealing().Save(link); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link became %v, %v", info.Mode(), err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, %v; want that of before", info.Mode(), err)
	}
	read, err := Load(link)
	if err != nil || len(read.Sealing()) != 2 || !slices.Contains(read.Sealing(), keys.Seals()) {
		t.Errorf("read %v, %v", read, err)
	}
	left, _ := os.ReadDir(dir)
	if len(left) != 2 {
		t.Errorf("left behind: %v", left)
	}
}

func TestKeyFileThatOthersReachIsRefused(t *testing.T) {
	for mode, want := range map[os.FileMode]string{
		0o600: "", 0o400: "", 0o440: "", 0o640: "",
		0o644: "chmod 600", 0o604: "chmod 600", 0o660: "chmod 600", 0o602: "chmod 600",
	} {
		path := filepath.Join(t.TempDir(), "key")
		if err := New().Save(path); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := Load(path)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("mode %v: %v", mode, err)
		}
	}
}
