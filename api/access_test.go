package api

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func (h *house) with(token string) *house {
	copied := *h
	copied.token = token
	return &copied
}

func TestTokens(t *testing.T) {
	h := newHouse(t)
	made := h.post("/api-tokens", object{"name": "feeder", "role": "administrator", "expires_at": "2026-03-05T00:00:00+01:00"}).is(201).
		has("name", "feeder", "role", "administrator", "expires_at", "2026-03-04T23:00:00Z", "last_used_at", nil)
	secret, id := made.at("token").(string), made.at("id").(string)
	if !strings.HasPrefix(secret, "hel_") || len(secret) != len("hel_")+43 {
		t.Errorf("a token like %q", secret)
	}
	if where := made.header.Get("Location"); where != "/api/v1/api-tokens/"+id {
		t.Errorf("Location %q", where)
	}
	h.with(secret).get("/api-tokens/"+id).is(200).has("last_used_at", "2026-03-04T09:30:00Z")
	if shown := h.get("/api-tokens").is(200); strings.Contains(shown.raw, secret) || strings.Contains(shown.raw, `"token"`) {
		t.Error("a list shows a secret")
	}
	h.clock.advance(24 * time.Hour)
	h.with(secret).get("/devices").is(401)
	h.del("/api-tokens/" + id).is(204)
	h.get("/api-tokens/" + id).is(404)
	h.del("/api-tokens/" + id).is(404)

	h.post("/api-tokens", object{"name": "", "role": "administrator"}).refuses("/name")
	h.post("/api-tokens", object{"name": "x", "role": "emperor"}).refuses("/role")
	h.post("/api-tokens", object{"name": "x", "role": "operator", "groups": []string{}}).refuses("/groups")
	h.post("/api-tokens", object{"name": "x", "role": "operator", "groups": []string{"Nowhere"}}).refuses("/groups/0")
	h.post("/api-tokens", object{"name": "x", "role": "administrator", "groups": []string{"Sales"}}).refuses("/groups")
	h.post("/api-tokens", object{"name": "x", "role": "administrator", "expires_at": "2026-03-04T09:30:00Z"}).refuses("/expires_at")
	h.post("/api-tokens", object{"name": "x", "role": "administrator", "expires_at": "tomorrow"}).refuses("/expires_at")
	h.post("/api-tokens", object{}).refuses("/name", "/role")
}

func TestTokenEndsAtOnce(t *testing.T) {
	h := newHouse(t)
	made := h.post("/api-tokens", object{"name": "x", "role": "administrator"}).is(201)
	other := h.with(made.at("token").(string))
	other.get("/groups").is(200)
	h.del("/api-tokens/" + made.at("id").(string)).is(204)
	other.get("/groups").is(401)
}

// An API that is called all day writes the time of its token's last use once a minute.
func TestLastUse(t *testing.T) {
	h := newHouse(t)
	used := func() any { h.Helper(); return h.get("/api-tokens").is(200).at("items.0.last_used_at") }
	first := used()
	for _, step := range []struct {
		after time.Duration
		want  any
	}{
		{30 * time.Second, first},
		{29 * time.Second, first},
		{time.Second, "2026-03-04T09:31:00Z"},
		{59 * time.Second, "2026-03-04T09:31:00Z"},
		{time.Hour, "2026-03-04T10:31:59Z"},
	} {
		h.clock.advance(step.after)
		if got := used(); got != step.want {
			t.Errorf("%s later: %v, want %v", step.after, got, step.want)
		}
	}
}

func TestWithoutToken(t *testing.T) {
	h := newHouse(t)
	for _, header := range []string{"", "Bearer", "Bearer ", "Bearer hel_wrong", "Basic " + h.token, "Bearer x" + h.token, h.token, "Bearer " + strings.Repeat("hel_", 1<<16)} {
		r := h.call("GET", prefix+"/devices", nil, "Authorization", header).is(401).pointsAt()
		if r.header.Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("%.20q: no WWW-Authenticate", header)
		}
	}
	h.call("GET", prefix+"/devices", nil, "Authorization", "bearer "+h.token).is(200)
}

func TestOpenToAll(t *testing.T) {
	h := newHouse(t)
	for path, kind := range map[string]string{
		"/api/v1/openapi.json": "application/json",
		"/api/v1/openapi.yaml": "application/yaml",
		"/api/docs":            "text/html; charset=utf-8",
	} {
		w := httptest.NewRecorder()
		h.handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", path, nil))
		if w.Code != 200 || w.Header().Get("Content-Type") != kind || w.Body.Len() < 500 {
			t.Errorf("%s: %d %s, %d bytes", path, w.Code, w.Header().Get("Content-Type"), w.Body.Len())
		}
	}
}
