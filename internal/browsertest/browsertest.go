// Package browsertest drives a real Chromium in tests.
//
// What a visitor sees cannot be told from the HTML: scripts, styles and the
// content-security policy decide it together. [New] starts a browser of its own,
// without a window and without a word to the outside, and gives a chromedp context
// for it; [Screenshot] keeps what it shows.
//
// A machine without Chromium is a failure that says so, never a skip. Only -short,
// which asks for the quick tests without real servers, skips.
package browsertest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// Packages are the Debian packages that a browser needs.
const Packages = "chromium"

const (
	testTime = 5 * time.Minute // a page that never becomes ready ends the test, not the run
	stopTime = 20 * time.Second
)

// flags keep the browser working as root and on a closed network.
var flags = []string{
	"disable-gpu",
	"disable-quic",
	"no-first-run",
	"disable-background-networking",
	"disable-component-update",
	"disable-sync",
}

// New starts a browser that runs until tb ends. The context is for chromedp.Run
// and its like; it ends after five minutes. Messages on the page's console are not
// judged here: chromedp.Console gives them.
func New(tb testing.TB) context.Context {
	tb.Helper()
	if testing.Short() {
		tb.Skip("-short: a real browser is left out")
	}
	path, err := find()
	if err != nil {
		tb.Fatal(err)
	}
	ctx, timeout := context.WithTimeout(context.Background(), testTime)
	tb.Cleanup(timeout)
	ctx, stop := chromedp.NewExecAllocator(ctx, options(path, tb.TempDir())...)
	tb.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(ctx, chromedp.WithErrorf(tb.Logf))
	tb.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil { // no step: only start it
		tb.Fatalf("starting %s: %v", path, err)
	}
	tb.Cleanup(func() { closeBrowser(tb, ctx) })
	return ctx
}

// closeBrowser asks the browser to end, so that it has let go of its directory
// before that is removed.
func closeBrowser(tb testing.TB, ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, stopTime)
	defer cancel()
	if err := chromedp.Cancel(ctx); err != nil {
		tb.Logf("closing the browser: %v", err)
	}
}

func options(path, userData string) []chromedp.ExecAllocatorOption {
	o := append([]chromedp.ExecAllocatorOption{}, chromedp.DefaultExecAllocatorOptions[:]...)
	o = append(o, chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.UserDataDir(userData))
	for _, name := range flags {
		o = append(o, chromedp.Flag(name, true))
	}
	return o
}

// find is the first browser in PATH under one of the names it goes by.
func find() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("a real browser is needed and not installed: no chromium or google-chrome in PATH "+
		"(Debian: apt-get install %s)", Packages)
}

// visits is how often Visit asks for a page.
const visits = 5

// Visit opens a page and waits until it has loaded. A page that was on its way to somewhere itself (a form that was just
// sent, a link that was just followed) may take a navigation's place, which Chromium reports as aborted: then Visit asks
// again.
func Visit(url string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) (err error) {
		for range visits {
			_, err = chromedp.Navigate(url)(ctx, t)
			var load *chromedp.LoadError
			if !errors.As(err, &load) || load.ErrorText != "net::ERR_ABORTED" {
				return err
			}
		}
		return err
	})
}

// View sets the size of the window in CSS pixels and the colour scheme that the
// page sees through prefers-color-scheme, until it is called again.
func View(ctx context.Context, width, height int, dark bool) error {
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(int64(width), int64(height))); err != nil {
		return fmt.Errorf("setting the size to %d×%d: %w", width, height, err)
	}
	media := emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	}
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, media); err != nil {
		return fmt.Errorf("setting the %s scheme: %w", scheme, err)
	}
	return nil
}

// ScreenshotsEnv is the environment variable with the directory where pictures are
// kept for people to look at; make screenshots sets it.
const ScreenshotsEnv = "HELIOGRAPH_SCREENSHOTS"

// ScreenshotDir is where tests put their pictures: the directory that was asked
// for, or one that goes when tb ends. Tests that take them are named
// TestScreenshots….
func ScreenshotDir(tb testing.TB) string {
	if dir := os.Getenv(ScreenshotsEnv); dir != "" {
		return dir
	}
	return tb.TempDir()
}

// Screenshot writes what the window shows as a PNG, at the given size and colour
// scheme; both stay as View leaves them. Directories are made as needed.
func Screenshot(ctx context.Context, path string, width, height int, dark bool) error {
	if err := View(ctx, width, height, dark); err != nil {
		return err
	}
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		return fmt.Errorf("taking a picture for %s: %w", path, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, png, 0o644)
}
