package browsertest_test

import (
	"image"
	"image/color"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"

	"heliograph/internal/browsertest"
)

const page = `<!doctype html><title>Lamp</title>
<style>
body { background: #ffffff }
@media (prefers-color-scheme: dark) { body { background: #102030 } }
</style>
<button onclick="document.getElementById('state').textContent = 'on'">Switch</button>
<p id="state">off</p>`

func TestBrowserRunsThePage(t *testing.T) {
	ctx := browsertest.New(t)
	if err := chromedp.Do(ctx, browsertest.Visit(serve(t)), chromedp.Click(chromedp.CSS("button"))); err != nil {
		t.Fatal(err)
	}
	state, err := chromedp.Run(ctx, chromedp.Text(chromedp.CSS("#state")))
	if err != nil {
		t.Fatal(err)
	}
	if state != "on" {
		t.Errorf("the lamp is %q after the click, want on", state)
	}
}

func TestScreenshot(t *testing.T) {
	ctx := browsertest.New(t)
	if err := chromedp.Do(ctx, chromedp.Navigate(serve(t))); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name          string
		width, height int
		dark          bool
		want          color.RGBA
	}{
		{"desk", 1280, 800, false, color.RGBA{0xff, 0xff, 0xff, 0xff}},
		{"phone at night", 390, 844, true, color.RGBA{0x10, 0x20, 0x30, 0xff}},
		{"phone", 390, 844, false, color.RGBA{0xff, 0xff, 0xff, 0xff}},
	}
	for _, tt := range tests {
		path := filepath.Join(t.TempDir(), "new", tt.name+".png")
		if err := browsertest.Screenshot(ctx, path, tt.width, tt.height, tt.dark); err != nil {
			t.Fatal(err)
		}
		got := decode(t, path)
		if size := got.Bounds().Size(); size != image.Pt(tt.width, tt.height) {
			t.Errorf("%s: %v, want %d×%d", tt.name, size, tt.width, tt.height)
		}
		if c := color.RGBAModel.Convert(got.At(tt.width-1, tt.height-1)); c != tt.want {
			t.Errorf("%s: background %v, want %v", tt.name, c, tt.want)
		}
	}
}

func serve(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write([]byte(page))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func decode(t *testing.T, path string) image.Image {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	return img
}
