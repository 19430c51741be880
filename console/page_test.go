package console

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"heliograph/access"
	"heliograph/channel"
	"heliograph/console/text"
)

// Every page is safe under its own policy: no inline script or style, and nothing from elsewhere.
func TestPagesKeepThePolicy(t *testing.T) {
	f := newFixture(t)
	furnish(f)
	f.get("/enter/let-me-in", http.StatusOK)
	for _, path := range []string{
		"/", "/settings", "/settings/about", "/settings/network", "/settings/network?look=1", "/settings/servers", "/settings/servers/s0", "/settings/servers/new?kind=smtp",
		"/settings/push-providers", "/settings/push-providers/s2",
		"/settings/carrier-gateways", "/settings/carrier-gateways/g0", "/settings/carrier-gateways/new", "/settings/carrier-gateways/detect",
	} {
		page := f.get(path, http.StatusOK)
		for _, script := range page.find("script") {
			if !strings.HasPrefix(script.attr["src"], "/assets/") || script.words() != "" {
				t.Errorf("%s: inline or foreign script %q", path, script.attr["src"])
			}
		}
		for _, attr := range []string{"style", "onclick", "onsubmit", "onload"} {
			if n := len(page.find("[" + attr + "]")); n > 0 {
				t.Errorf("%s: %d elements with %s", path, n, attr)
			}
		}
		if n := len(page.find("h1")); n != 1 {
			t.Errorf("%s: %d h1", path, n)
		}
		page.one(t, "main#main")
		wantLabels(t, path, page)
	}
}

// wantLabels wants a label or name for every field and button, and no id twice.
func wantLabels(t *testing.T, path string, page *element) {
	t.Helper()
	labelled, ids := map[string]bool{}, map[string]bool{}
	for _, label := range page.find("label") {
		labelled[label.attr["for"]] = true
		for _, input := range label.find("[name]") {
			labelled[input.attr["id"]] = true
		}
	}
	for _, e := range page.find("[id]") {
		if ids[e.attr["id"]] {
			t.Errorf("%s: id %s stands twice", path, e.attr["id"])
		}
		ids[e.attr["id"]] = true
	}
	for _, input := range append(page.find("input[id]"), page.find("textarea")...) {
		if input.attr["type"] != "hidden" && !labelled[input.attr["id"]] && input.attr["aria-label"] == "" {
			t.Errorf("%s: the field %s has no label", path, input.attr["id"])
		}
	}
	for _, button := range append(page.find("button"), page.find("a")...) {
		if button.words() == "" && button.attr["aria-label"] == "" {
			t.Errorf("%s: a %s without words: %v", path, button.name, button.attr)
		}
	}
}

func TestHeaders(t *testing.T) {
	f := newFixture(t)
	h := f.header("/sign-in", "Accept-Encoding", "gzip")
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "same-origin", "Content-Encoding": "gzip",
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if policy := h.Get("Content-Security-Policy"); strings.Contains(policy, "unsafe") || !strings.Contains(policy, "default-src 'none'") {
		t.Errorf("policy %q", policy)
	}
	asset := f.get("/sign-in", http.StatusOK).find("script[defer]")[0].attr["src"]
	if got := f.header(asset).Get("Cache-Control"); asset == "" || !strings.Contains(got, "immutable") {
		t.Errorf("the asset %s may be kept: %q", asset, got)
	}
}

func TestOtherOriginIsRefused(t *testing.T) {
	f := signedIn(t)
	furnishServers(f)
	r, _ := http.NewRequest(http.MethodPost, f.url+"/settings/servers/s0/delete", nil)
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	response, err := f.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	f.wantTitle(f.page(response, http.StatusForbidden), "Not allowed")
	if len(f.servers.list) != 4 {
		t.Errorf("%d servers are left", len(f.servers.list))
	}
}

// brokenServers fails, and its error holds what nobody should see.
type brokenServers struct{ *fakeServers }

func (brokenServers) Servers(context.Context, ...string) ([]channel.Server, error) {
	return nil, errors.New("the database said a secret")
}

func TestErrorPages(t *testing.T) {
	var log bytes.Buffer
	f := newFixture(t, func(o *Options) {
		o.Servers = brokenServers{&fakeServers{}}
		o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	})
	f.get("/enter/let-me-in?next=/settings/about", http.StatusOK)
	page := f.get("/settings", http.StatusInternalServerError)
	f.wantTitle(page, "Something broke on our side")
	if strings.Contains(page.text.String(), "secret") {
		t.Error("the page tells what the database said")
	}
	if !strings.Contains(log.String(), "the database said") {
		t.Error("the log does not say why")
	}
	f.wantTitle(f.get("/no/such/page", http.StatusNotFound), "Nothing here")
	if strings.Contains(log.String(), "let-me-in") {
		t.Error("the log holds the secret of the link")
	}
}

func TestTimesAreTheViewersOwn(t *testing.T) {
	f := signedIn(t)
	furnishServers(f)
	title := func() string {
		return f.get("/settings/servers/s0", http.StatusOK).find(".facts time")[0].attr["title"]
	}
	if got := title(); got != "21 Mar 2026, 13:57 UTC" {
		t.Errorf("without a zone: %q", got)
	}
	f.setCookie("zone", "Europe%2FLisbon")
	if got := title(); got != "21 Mar 2026, 13:57 WET" {
		t.Errorf("in Lisbon: %q", got)
	}
	f.setCookie("zone", "America%2FSao_Paulo")
	if got := title(); got != "21 Mar 2026, 10:57 UTC−03" {
		t.Errorf("in São Paulo: %q", got)
	}
	f.setCookie("zone", "../../etc/passwd")
	if got := title(); !strings.HasSuffix(got, "UTC") {
		t.Errorf("with a zone that is none: %q", got)
	}
}

func TestAgo(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	c := &console{Options: Options{Now: func() time.Time { return testTime }, Languages: text.All}}
	ctx := c.withView(r, access.Session{}, access.Account{}).Context()
	for _, one := range []struct {
		gone time.Duration
		want string
	}{
		{3 * time.Second, "just now"}, {time.Minute, "1 minute ago"}, {90 * time.Minute, "1 hour ago"}, {47 * time.Hour, "47 hours ago"},
		{49 * time.Hour, "2 days ago"}, {90 * 24 * time.Hour, "3 months ago"}, {800 * 24 * time.Hour, "2 years ago"}, {-80 * time.Second, "in 1 minute"},
	} {
		if got := ago(ctx, testTime.Add(-one.gone)); got != one.want {
			t.Errorf("%s: %q, want %q", one.gone, got, one.want)
		}
	}
}
