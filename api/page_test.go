package api

import (
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"heliograph/internal/browsertest"
)

// The page draws every operation from the document, under a policy that lets nothing in from elsewhere.
func TestScreenshotsOfThePage(t *testing.T) {
	h := newHouse(t)
	s := httptest.NewServer(h.handler)
	t.Cleanup(s.Close)
	ctx := browsertest.New(t)
	read := func(script string) string {
		t.Helper()
		value, err := chromedp.Run(ctx, chromedp.Evaluate[string](script))
		h.must(err)
		return value
	}

	h.must(chromedp.Do(ctx, browsertest.Visit(s.URL+"/api/docs#create-notification"), chromedp.WaitVisible(chromedp.CSS("#create-notification[open] pre"))))
	want := 0
	for _, item := range h.server.huma.OpenAPI().Paths {
		want += len(methodsOf(item))
	}
	if drawn := read(`String(document.querySelectorAll('.operation').length)`); drawn != fmt.Sprint(want) {
		t.Errorf("%s operations are drawn, %d exist", drawn, want)
	}
	opened := read(`document.getElementById('create-notification').innerText`)
	for _, word := range []string{"Idempotency-Key", "ad_hoc", "202", "curl", "expires_in_seconds"} {
		if !strings.Contains(opened, word) {
			t.Errorf("the operation says nothing of %s", word)
		}
	}
	if text := read(`document.getElementById('about').innerText`); !strings.Contains(text, "Bearer TOKEN") || strings.Contains(text, "**") {
		t.Errorf("the introduction reads %q", text)
	}
	h.must(chromedp.Do(ctx, chromedp.SendKeys(chromedp.CSS(".search input"), "push token")))
	if found := read(`[...document.querySelectorAll('#index li')].filter(e => !e.hidden).map(e => e.innerText).join('|')`); found != "Give a device its push token" {
		t.Errorf("the search shows %q", found)
	}

	dir := browsertest.ScreenshotDir(t)
	h.must(chromedp.Do(ctx, browsertest.Visit(s.URL+"/api/docs"), chromedp.WaitVisible(chromedp.CSS(".operation"))))
	h.must(browsertest.Screenshot(ctx, filepath.Join(dir, "api.png"), 1280, 900, false))
	h.must(chromedp.Do(ctx, browsertest.Visit(s.URL+"/api/docs#put-device"), chromedp.WaitVisible(chromedp.CSS("#put-device[open] pre"))))
	h.must(browsertest.Screenshot(ctx, filepath.Join(dir, "api-dark.png"), 1280, 900, true))
	h.must(browsertest.Screenshot(ctx, filepath.Join(dir, "api-phone.png"), 390, 844, false))
	if wide := read(`String(document.documentElement.scrollWidth)`); wide != "390" {
		t.Errorf("on a phone the page is %s wide", wide)
	}
}

// Nothing on the page is inline, and nothing comes from elsewhere: so the strict policy can hold.
func TestPageKeepsThePolicy(t *testing.T) {
	h := newHouse(t)
	page := h.call("GET", "/api/docs", nil).is(200)
	for _, bad := range []string{"<style", "style=", "onclick", "onload", "http://", "https://", "<script>"} {
		if strings.Contains(page.raw, bad) {
			t.Errorf("the page holds %s", bad)
		}
	}
	policy := page.header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q", policy)
	}
	assets := regexp.MustCompile(`"(/api/docs/[a-z]+\.[0-9a-f]{12}\.(css|js|svg))"`).FindAllStringSubmatch(page.raw, -1)
	if len(assets) != 4 { // the icon stands there twice
		t.Errorf("the page asks for %v", assets)
	}
	for _, asset := range assets {
		h.call("GET", asset[1], nil).is(200)
	}
	h.call("GET", "/api/docs/nothing.js", nil).mustBe(404)
	h.call("GET", "/api/", nil).mustBe(302)
}

func (a *reply) mustBe(status int) {
	a.h.Helper()
	if a.status != status {
		a.h.Errorf("status %d, want %d", a.status, status)
	}
}
