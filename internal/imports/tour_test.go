package imports

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The tour leads past every package.
func TestTourNamesEveryPackage(t *testing.T) {
	tour, err := os.ReadFile(filepath.Join(root, "docs", "tour.md"))
	if err != nil {
		t.Fatal(err)
	}
	for name := range readPackages(t) {
		if strings.HasPrefix(name, "console/text/") { // its languages
			continue
		}
		if !strings.Contains(string(tour), "**"+name+"**") && !strings.Contains(string(tour), "`"+name+"`") {
			t.Errorf("docs/tour.md does not say what %s is for", name)
		}
	}
}

var (
	link    = regexp.MustCompile(`\]\(([^):#]*)(?:#([^)]*))?\)`) // to a file of ours, perhaps to a heading
	heading = regexp.MustCompile(`(?m)^#+ +(.*)$`)
	marks   = regexp.MustCompile(`[^\pL\pN _-]`)
)

// Links between the documents lead somewhere.
func TestLinksLeadSomewhere(t *testing.T) {
	documents := documents(t)
	for file, text := range documents {
		for _, found := range link.FindAllStringSubmatch(text, -1) {
			to := file
			if found[1] != "" {
				to = filepath.Join(filepath.Dir(file), found[1])
			}
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s links to %s, which is not there", file, found[1])
			} else if found[2] != "" && !hasHeading(documents[to], found[2]) {
				t.Errorf("%s links to #%s of %s, which has no such heading", file, found[2], to)
			}
		}
	}
}

func documents(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/decisions/*.md"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v, %v", pattern, files, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			texts[file] = string(text)
		}
	}
	return texts
}

// hasHeading knows headings by the anchors that hosts of repositories make of them.
func hasHeading(text, anchor string) bool {
	for _, found := range heading.FindAllStringSubmatch(text, -1) {
		if strings.ReplaceAll(marks.ReplaceAllString(strings.ToLower(found[1]), ""), " ", "-") == anchor {
			return true
		}
	}
	return false
}
