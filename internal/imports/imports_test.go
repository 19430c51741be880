package imports

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	module = "heliograph"
	root   = "../.."
)

// A layer is a row of the table.
type layer struct {
	name     string
	packages []string // "x" is x alone, "x/..." is x and all below it
	may      []string // packages of this module it may import, same notation
	foreign  []string // path prefixes of other modules it may import; nil: any
	tests    bool     // the rule holds for its tests too
}

// Other modules that compute on values only: no I/O, no database.
var pure = []string{"golang.org/x/crypto", "golang.org/x/text", "github.com/nyaruka/phonenumbers", "github.com/pquerna/otp"}

// providers are the concrete ones; only the list of them and app know their names.
var providers = []string{
	"channel/smtp", "channel/vonage", "channel/apns", "channel/fcm", "channel/webpush",
}

// nouns in the order data meets them: each may import those above it. Template is
// above message because a message says what type of template it came from.
var nouns = []string{"fleet", "macro", "template", "message", "access", "carrier"}

// stations are behaviour. They may import nouns, seal and each other.
var stations = []string{
	"notice", "intake", "courier", "channel", "channel/h2", "channel/gsm", "mailbox",
}

// edges may import everything but concrete providers, simulators, app and cmd.
var edges = []string{"store/...", "jobs", "web", "oidc", "hook", "console/...", "api/...", "register", "listener", "certificate"}

// sources decode what mail servers post; every one ends in mailbox.
var sources = []string{"mailbox/ews"}

// table is the direction of the code. The first row that names a package holds.
func table() []layer {
	rows := []layer{
		{name: "seal, a leaf", packages: []string{"seal"}, foreign: []string{"golang.org/x/crypto"}},
	}
	for i, noun := range nouns {
		rows = append(rows, layer{name: "a noun", packages: []string{noun}, may: nouns[:i], foreign: pure})
	}
	inner := slices.Concat(nouns, []string{"seal"}, stations)
	return append(rows,
		layer{name: "a provider", packages: providers, may: inner},
		layer{name: "the list of providers", packages: []string{"channel/all"}, may: slices.Concat(inner, providers)},
		layer{name: "the provider test kit", packages: []string{"channel/channeltest"}, may: slices.Concat(inner, []string{"sim/...", "internal/..."})},
		layer{name: "a mail source", packages: sources, may: inner},
		layer{name: "a station", packages: stations, may: inner, foreign: []string{"golang.org/x", "github.com/google/uuid", "github.com/nyaruka/phonenumbers", "github.com/maypok86/otter", "github.com/prometheus/client_golang"}},
		layer{name: "a simulator", packages: []string{"sim", "sim/..."}, may: []string{"sim", "sim/...", "internal/..."}, tests: true},
		layer{name: "the store's test suite", packages: []string{"store/storetest"}, may: slices.Concat(inner, edges, []string{"internal/..."})},
		layer{name: "an edge", packages: edges, may: slices.Concat(inner, edges, sources, []string{"channel/all"})},
		layer{name: "the made-up fleet", packages: []string{"internal/demofleet"}, may: nouns},
		layer{name: "a test helper", packages: []string{"internal/..."}, may: []string{"internal/..."}},
		layer{name: "app", packages: []string{"app", "app/..."}, may: slices.Concat(inner, edges, sources, providers, []string{"app/...", "channel/all", "sim", "sim/...", "internal/..."})},
		layer{name: "the bench", packages: []string{"bench"}, may: slices.Concat(inner, edges, []string{"app", "sim", "sim/...", "internal/..."})},
		layer{name: "the command", packages: []string{"cmd/..."}, may: []string{"..."}},
	)
}

func TestDirection(t *testing.T) {
	rows := table()
	packages := readPackages(t)
	if len(packages) == 0 {
		t.Fatal("found no packages: the test does not look at the module's root")
	}
	for name, p := range packages {
		row, ok := rowOf(rows, name)
		if !ok {
			t.Errorf("package %s is in no layer: say where it belongs, in the table of internal/imports", name)
			continue
		}
		for _, fault := range row.faults(name, p) {
			t.Error(fault)
		}
	}
	for _, row := range rows {
		for _, name := range row.packages {
			if _, there := packages[strings.TrimSuffix(name, "/...")]; !there && name != "internal/..." && name != "cmd/..." {
				t.Errorf("the table names %s, which is no package", name)
			}
		}
	}
}

// pkg is what a package imports, with the file that says so.
type pkg struct {
	imports map[string]string // by its own files
	tests   map[string]string // by its tests
}

func rowOf(rows []layer, name string) (layer, bool) {
	for _, row := range rows {
		if covers(row.packages, name) {
			return row, true
		}
	}
	return layer{}, false
}

// faults are sentences about what p imports and may not.
func (l layer) faults(name string, p pkg) []string {
	faults := l.check(name, p.imports)
	if l.tests {
		faults = append(faults, l.check(name, p.tests)...)
	}
	return faults
}

func (l layer) check(name string, imports map[string]string) []string {
	var faults []string
	for imported, file := range imports {
		if !l.allows(name, imported) {
			faults = append(faults, fmt.Sprintf("%s imports %s: %s is %s and may import %s",
				file, imported, name, l.name, l.permitted()))
		}
	}
	slices.Sort(faults)
	return faults
}

func (l layer) allows(name, imported string) bool {
	if own, ok := strings.CutPrefix(imported, module+"/"); ok {
		// An external test imports its own package.
		return own == name || covers(l.may, own)
	}
	if first, _, _ := strings.Cut(imported, "/"); !strings.Contains(first, ".") {
		return true // the standard library
	}
	return l.foreign == nil || slices.ContainsFunc(l.foreign, func(prefix string) bool {
		return imported == prefix || strings.HasPrefix(imported, prefix+"/")
	})
}

func (l layer) permitted() string {
	permitted := "the standard library"
	if l.foreign == nil {
		permitted = "other modules"
	}
	return strings.Join(slices.Concat([]string{permitted}, l.foreign, l.may), ", ")
}

func covers(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		parent, tree := strings.CutSuffix(pattern, "...")
		if !tree {
			return pattern == name
		}
		return name == strings.TrimSuffix(parent, "/") || strings.HasPrefix(name, parent)
	})
}

// readPackages parses the import clauses of every Go file of the module, under
// whatever build constraint.
func readPackages(t *testing.T) map[string]pkg {
	t.Helper()
	packages := map[string]pkg{}
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return skipDir(file, d.Name())
		}
		if !strings.HasSuffix(file, ".go") {
			return nil
		}
		return addFile(packages, file)
	})
	if err != nil {
		t.Fatal(err)
	}
	return packages
}

// skipDir passes over what the go command passes over, and other modules.
func skipDir(dir, name string) error {
	if dir == root {
		return nil
	}
	if name == "testdata" || name == "vendor" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") {
		return fs.SkipDir
	}
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
		return fs.SkipDir
	}
	return nil
}

func addFile(packages map[string]pkg, file string) error {
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		return err
	}
	slashed := filepath.ToSlash(strings.TrimPrefix(file, root+string(filepath.Separator)))
	name := path.Dir(slashed)
	p, ok := packages[name]
	if !ok {
		p = pkg{imports: map[string]string{}, tests: map[string]string{}}
		packages[name] = p
	}
	into := p.imports
	if strings.HasSuffix(file, "_test.go") {
		into = p.tests
	}
	for _, spec := range parsed.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return err
		}
		into[imported] = slashed
	}
	return nil
}

// TestTable tries the rules themselves: what they must let pass and must not.
func TestTable(t *testing.T) {
	tests := []struct {
		from, to string
		want     bool
	}{
		{"fleet", "strings", true},
		{"fleet", "golang.org/x/text/language", true},
		{"fleet", "github.com/jackc/pgx/v5", false},
		{"fleet", "heliograph/message", false},
		{"message", "heliograph/fleet", true},
		{"message", "heliograph/courier", false},
		{"seal", "golang.org/x/crypto/hkdf", true},
		{"seal", "heliograph/fleet", false},
		{"courier", "heliograph/channel", true},
		{"courier", "heliograph/channel/smtp", false},
		{"courier", "heliograph/channel/all", false},
		{"courier", "heliograph/store", false},
		{"courier", "heliograph/jobs", false},
		{"courier", "github.com/riverqueue/river", false},
		{"intake", "heliograph/web", false},
		{"channel/smtp", "heliograph/channel", true},
		{"channel/smtp", "heliograph/channel/apns", false},
		{"channel/smtp", "heliograph/store", false},
		{"channel/smtp", "github.com/wneessen/go-mail/smtp", true},
		{"channel/all", "heliograph/channel/apns", true},
		{"sim/apns", "heliograph/sim/control", true},
		{"sim/apns", "heliograph/channel/apns", false},
		{"sim/apns", "heliograph/fleet", false},
		{"store", "heliograph/courier", true},
		{"store", "heliograph/channel/smtp", false},
		{"console", "heliograph/channel/all", true},
		{"console", "heliograph/app", false},
		{"console", "heliograph/internal/pgtest", false},
		{"store/storetest", "heliograph/internal/pgtest", true},
		{"mailbox/ews", "heliograph/mailbox", true},
		{"app", "heliograph/channel/smtp", true},
		{"app", "heliograph/cmd/heliograph", false},
		{"cmd/heliograph", "heliograph/app", true},
	}
	rows := table()
	for _, tt := range tests {
		row, ok := rowOf(rows, tt.from)
		if !ok {
			t.Errorf("%s is in no layer", tt.from)
			continue
		}
		if got := row.allows(tt.from, tt.to); got != tt.want {
			t.Errorf("%s may import %s: %v, want %v", tt.from, tt.to, got, tt.want)
		}
	}
	if row, ok := rowOf(rows, "utils"); ok {
		t.Errorf("a package that nobody placed is %s", row.name)
	}
}
