package seal

import (
	"bytes"
	"strings"
	"testing"
)

// FuzzParse: a key file is refused in words that quote nothing of it, or its keys open what they sealed.
func FuzzParse(f *testing.F) {
	const key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	f.Add([]byte(`{"sealing": ["` + key + `"], "index": ["` + key + `"]}`))
	f.Add([]byte(`{"sealing": ["` + key + `", "` + key + `"], "index": []}`))
	f.Add([]byte(`{"sealing": "x", "index": [7]}`))
	f.Add([]byte(`not a key file at all`))
	f.Fuzz(func(t *testing.T, content []byte) {
		keys, err := Parse("keys", content)
		if err != nil {
			if text := string(content); len(text) > 20 && strings.Contains(err.Error(), text) {
				t.Errorf("the error quotes the file: %v", err)
			}
			return
		}
		sealed := keys.Seal(Server, "here", []byte("secret"))
		if opened, err := keys.Open(Server, "here", sealed); err != nil || string(opened) != "secret" {
			t.Errorf("what was sealed opens as %q, %v", opened, err)
		}
	})
}

// FuzzOpen: nothing opens but what was sealed, at the place where it was.
func FuzzOpen(f *testing.F) {
	keys := New()
	sealed := keys.Seal(Server, "here", []byte("secret"))
	f.Add(sealed, "here")
	f.Add(sealed, "there")
	f.Add(sealed[:len(sealed)-1], "here")
	f.Add([]byte{}, "")
	f.Fuzz(func(t *testing.T, raw []byte, place string) {
		opened, err := keys.Open(Server, place, raw)
		if err == nil && (place != "here" || !bytes.Equal(raw, sealed)) {
			t.Errorf("%x opens at %q as %q", raw, place, opened)
		}
	})
}
