package register

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"heliograph/mailbox"
)

// stub takes everything that can be read.
type stub struct {
	Service
	got mailbox.Application
}

func (s *stub) Enter(context.Context, string, netip.Addr) (mailbox.AppKey, error) {
	return mailbox.AppKey{}, nil
}

func (s *stub) Create(_ context.Context, _ mailbox.AppKey, a mailbox.Application) (mailbox.Created, error) {
	s.got = a
	return mailbox.Created{}, nil
}

func (s *stub) Place(context.Context) (mailbox.Place, error) { return mailbox.Place{}, nil }

// FuzzCreate: whatever is sent is read whole or refused in words, and what is read is what encoding/json reads.
func FuzzCreate(f *testing.F) {
	for _, body := range []string{
		good, `{"platform": "web", "token": ` + browser + `, "app": "a"}`, `{}`, `[]`, `null`, ``, `{"a/b~c": 1}`, `{"platform": "ios", "platform": 2}`,
		`{"token": {"endpoint": "a", "p256dh": "b", "auth": "c", "\u0000": {}}}`, `{"folders": [null, [], "inbox"]}`, "{\"\xff\": 1}", `{"folders": [[[[[[[[[]]]]]]]]]}`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		s := &stub{}
		r := httptest.NewRequest("POST", "/v1/registrations", strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer key")
		w := httptest.NewRecorder()
		New(s, Options{}).ServeHTTP(w, r)
		switch w.Code {
		case 201:
			sameAsJSON(t, body, s.got)
		case 400, 413, 422:
			var p struct {
				Errors []struct{ Pointer, Detail string }
			}
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
				t.Fatalf("%q is refused with %q", body, w.Body)
			}
			if len(p.Errors) > mostFaults || w.Code == 422 && len(p.Errors) == 0 {
				t.Errorf("%q is refused for %d reasons", body, len(p.Errors))
			}
		default:
			t.Errorf("%q is answered %d", body, w.Code)
		}
	})
}

func sameAsJSON(t *testing.T, body string, got mailbox.Application) {
	var want struct {
		Platform, App, Environment, Wake string
		Token                            json.RawMessage
		Folders                          []string
	}
	d := json.NewDecoder(strings.NewReader(body))
	if err := d.Decode(&want); err != nil {
		t.Fatalf("%q is taken, and encoding/json says %v", body, err)
	}
	var fields map[string]any
	if err := json.Unmarshal([]byte(body), &fields); err != nil {
		t.Fatal(err)
	}
	for name := range fields { // encoding/json takes names in any case
		if name != strings.ToLower(name) {
			t.Errorf("%q is taken with the field %q", body, name)
		}
	}
	if got.Platform != want.Platform || got.App != want.App || got.Wake != want.Wake || len(got.Folders) != len(want.Folders) {
		t.Errorf("%q is read as %+v", body, got)
	}
	var text string
	if json.Unmarshal(want.Token, &text) == nil && got.Token != text {
		t.Errorf("the token of %q is read as %q", body, got.Token)
	}
}
