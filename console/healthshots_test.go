package console

import (
	"testing"

	"github.com/chromedp/chromedp"

	"heliograph/internal/browsertest"
)

// TestHealthScreenshots takes pictures of what needs a hand, and of what firewalls must let through.
func TestHealthScreenshots(t *testing.T) {
	f := newFixture(t)
	furnish(f)
	furnishExpiry(f)
	furnishNetwork(f)
	ctx := browsertest.New(t)
	messages := chromedp.Console(ctx)
	for _, s := range []shot{
		{name: "network", on: f, path: networkPath, steps: []chromedp.Action[chromedp.Void]{chromedp.WaitVisible(chromedp.CSS("#network-text"))}},
		{name: "network-text", on: f, path: networkPath + "?look=1", steps: []chromedp.Action[chromedp.Void]{
			chromedp.Evaluate[chromedp.Void](`document.querySelector(".network-at").scrollIntoView({behavior: "instant", block: "end"})`),
		}},
		{name: "dashboard-health", on: f, path: "/"},
		{name: "servers-health", on: f, path: "/settings/servers"},
		{name: "push-health", on: f, path: "/settings/push-providers"},
		{name: "push-expiring", on: f, path: "/settings/push-providers/Old%20app"},
	} {
		s.take(ctx, t)
	}
	wantQuiet(ctx, t, messages)
}

// TestNetworkTextIsCopied: the button copies what the text shows, and says that it did.
func TestNetworkTextIsCopied(t *testing.T) {
	f := newFixture(t)
	furnishNetwork(f)
	ctx := browsertest.New(t)
	if err := chromedp.Do(ctx,
		browsertest.Visit(f.url+"/enter/let-me-in?next="+networkPath),
		chromedp.WaitVisible(chromedp.CSS("[data-copy]")),
		chromedp.Evaluate[chromedp.Void](`navigator.clipboard.writeText = function (text) { window.copied = text; return Promise.resolve(); }`),
		chromedp.Click(chromedp.CSS("[data-copy]")),
	); err != nil {
		t.Fatal(err)
	}
	same, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`window.copied === document.getElementById("network-text").textContent && window.copied.includes("api.push.apple.com")`))
	if err != nil || !same {
		t.Errorf("the text was not copied: %v", err)
	}
	said, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.querySelector("[data-copy] span").textContent`))
	if err != nil || said != "Copied" {
		t.Errorf("the button says %q, %v", said, err)
	}
}
