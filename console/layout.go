package console

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/a-h/templ"
)

// htmxConfig keeps htmx within our Content-Security-Policy, lets forms come back with what is wrong in them (422), and
// keeps no pages in the browser's storage.
const htmxConfig = `{"includeIndicatorStyles":false,"allowEval":false,"allowScriptTags":false,"historyCacheSize":0,` +
	`"responseHandling":[{"code":"204","swap":false},{"code":"[23]..","swap":true},{"code":"422","swap":true},{"code":"[45]..","swap":false,"error":true}]}`

func asset(ctx context.Context, name string) string {
	assets := viewOf(ctx).assets
	if assets == nil {
		return ""
	}
	return assets.Path(name)
}

func documentTitle(ctx context.Context, h heading) string {
	return h.Title + " · " + t(ctx, "shell.product")
}

// themeAttribute is what the page begins with; theme.js replaces it before anything is drawn when the system decides.
func themeAttribute(ctx context.Context) string {
	if theme := viewOf(ctx).theme; theme != "" {
		return theme
	}
	return "light"
}

// current marks a link as the page that is shown.
func current(is bool) templ.Attributes {
	if is {
		return templ.Attributes{"aria-current": "page"}
	}
	return nil
}

// monogram is the first letter of a name.
func monogram(name string) string {
	first, size := utf8.DecodeRuneInString(name)
	if size == 0 {
		return "?"
	}
	return strings.ToUpper(string(first))
}
