package hook

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"heliograph/channel"
	"heliograph/intake"
)

type door struct {
	err error
	got []channel.Incoming
}

func (d *door) TakeReceipt(_ context.Context, capability string, in channel.Incoming) error {
	if capability != "secret" {
		return intake.ErrNoHook
	}
	d.got = append(d.got, in)
	return d.err
}

func TestAnswers(t *testing.T) {
	tests := []struct {
		name, method, path, body string
		err                      error
		want                     int
	}{
		{"taken by GET", "GET", "/hooks/vonage/secret?status=delivered", "", nil, http.StatusNoContent},
		{"taken by POST", "POST", "/hooks/vonage/secret", `{"status": "delivered"}`, nil, http.StatusNoContent},
		{"unknown address", "POST", "/hooks/vonage/guess", "", nil, http.StatusNotFound},
		{"another service", "POST", "/hooks/other/secret", "", nil, http.StatusNotFound},
		{"no address", "GET", "/hooks/", "", nil, http.StatusNotFound},
		{"another method", "DELETE", "/hooks/vonage/secret", "", nil, http.StatusMethodNotAllowed},
		{"too large", "POST", "/hooks/vonage/secret", strings.Repeat("x", maxBody+1), nil, http.StatusRequestEntityTooLarge},
		{"wrong signature", "POST", "/hooks/vonage/secret", "x", channel.ErrSignature, http.StatusForbidden},
		{"no receipt", "POST", "/hooks/vonage/secret", "x", channel.ErrReceipt, http.StatusBadRequest},
		{"the database is away: it must come again", "POST", "/hooks/vonage/secret", "x", errors.New("down"), http.StatusServiceUnavailable},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := &door{err: test.err}
			w := httptest.NewRecorder()
			New(d, nil).ServeHTTP(w, httptest.NewRequest(test.method, test.path, strings.NewReader(test.body)))
			if w.Code != test.want {
				t.Errorf("status %d, want %d", w.Code, test.want)
			}
			if test.want == http.StatusNoContent && (len(d.got) != 1 || d.got[0].Method != test.method || string(d.got[0].Body) != test.body) {
				t.Errorf("the door got %+v", d.got)
			}
		})
	}
}
