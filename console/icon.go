package console

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"

	"github.com/a-h/templ"
)

//go:embed assets/vendor/tabler-icons/outline
var iconFiles embed.FS

// icons are the drawings of Tabler's icons by name, without their frame.
var icons = readIcons()

var iconPaths = regexp.MustCompile(`(?s)<svg[^>]*>(.*)</svg>`)

func readIcons() map[string]string {
	const dir = "assets/vendor/tabler-icons/outline"
	found := map[string]string{}
	entries, err := fs.ReadDir(iconFiles, dir)
	if err != nil {
		panic(err) // it is embedded
	}
	for _, entry := range entries {
		text, err := fs.ReadFile(iconFiles, path.Join(dir, entry.Name()))
		if err != nil {
			panic(err)
		}
		if drawing := iconPaths.FindSubmatch(text); drawing != nil {
			lines := strings.ReplaceAll(string(drawing[1]), `<path stroke="none" d="M0 0h24v24H0z" fill="none" />`, "")
			found[strings.TrimSuffix(entry.Name(), ".svg")] = strings.Join(strings.Fields(lines), " ")
		}
	}
	return found
}

// icon draws one of the icons. It says nothing to a screen reader: the words beside it do.
func icon(name string, classes ...string) templ.Component {
	drawing, known := icons[name]
	if !known {
		panic("console: there is no icon " + name)
	}
	return templ.Raw(fmt.Sprintf(`<svg class="icon %s" width="24" height="24" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">%s</svg>`,
		strings.Join(classes, " "), drawing))
}
