package text

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"heliograph/carrier"
	"heliograph/macro"
)

// speakers are the packages whose sentences the console shows.
var speakers = []string{
	"fleet", "carrier", "template", "macro", "notice", "intake", "courier",
	"channel", "channel/smtp", "channel/apns", "channel/fcm", "channel/webpush", "channel/vonage", "channel/h2", "access", "oidc", "mailbox",
}

// predicate is how what is wrong with a field begins.
var predicate = regexp.MustCompile(`^(is|are|must|has|hold|holds|cannot|does|names|matches|belongs|no longer) `)

// whole is a sentence, from its capital to its full stop.
var whole = regexp.MustCompile(`^(?s:\p{Lu}.* .* .*\.)$`)

// unsaid are sentences that nobody reads in the console: what goes out in messages, errors for the log, and rows of a
// file that only the API and the command line take.
var unsaid = []string{
	"This is a test message from Heliograph. Whoever receives it knows that the settings work.",
	"This mail shows that Heliograph can send mail through this server.",
	"does not say something on each channel of its type, and on no other",
}

// samples are whole sentences for those literals that become one only with others.
var samples = map[string]string{
	"must be %s":                  "must be production or sandbox",
	"Given up after one attempt.": "Given up after one attempt. The mail server refused the mail: “554 no”.",
	"Given up after %d attempts.": "Given up after 3 attempts. The mail server refused the mail: “554 no”.",
	"The push service %s %s; the message may have arrived.":                         "The push service push.example.com did not answer within 3s; the message may have arrived.",
	"The mail server %s, so it may have arrived; a repeat has the same Message-ID.": "The mail server did not answer within 3s after the mail, so it may have arrived; a repeat has the same Message-ID.",
}

// begun are what sentences of a file begin with.
var begun = map[string]string{"channel/webpush/answer.go": "The push service push.example.com "}

// filesUnsaid speak to others: import files and apps that register are answers of an API, metrics have help, and the console
// has words of its own for what is wrong with a provider.
var filesUnsaid = []string{"fleet/csv.go", "fleet/ndjson.go", "fleet/import.go", "fleet/subscription.go", "fleet/column.go", "fleet/token.go", "mailbox/check.go", "mailbox/figure.go", "intake/signin.go"}

// literal is a string of a Go file.
type literal struct{ file, at, words string }

// english is a sentence that the literal becomes.
func (l literal) english() string {
	if sample := samples[l.words]; sample != "" {
		return sample
	}
	return strings.TrimSpace(begun[l.file] + filled.Replace(l.words))
}

// filled puts something in place of each verb.
var filled = strings.NewReplacer("%d", "7", "%q", `"x"`, "%s", "mail.example.com", "%v", "3s", "%w", "x", "%%", "%")

// literals are the strings of a package that people may read: not its tests', and not parts of longer ones.
func literals(t *testing.T, dir string) (list []literal) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("../..", dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in %s: %v", dir, err)
	}
	for _, file := range files {
		name := dir + "/" + filepath.Base(file)
		if strings.HasSuffix(file, "_test.go") || slices.Contains(filesUnsaid, name) {
			continue
		}
		set := token.NewFileSet()
		tree, err := parser.ParseFile(set, file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.BinaryExpr, *ast.ImportSpec: // a part of a sentence says nothing by itself
				return false
			case *ast.BasicLit:
				if words, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING {
					list = append(list, literal{name, name + ":" + strconv.Itoa(set.Position(n.Pos()).Line), words})
				}
			}
			return true
		})
	}
	return list
}

func TestEverySentenceIsTranslated(t *testing.T) {
	found := 0
	for _, dir := range speakers {
		for _, one := range literals(t, dir) {
			if !whole.MatchString(one.words) && !predicate.MatchString(one.words) || slices.Contains(unsaid, one.words) {
				continue
			}
			found++
			for _, c := range others {
				if english := one.english(); c.Sentence(english) == english {
					t.Errorf("%s: %s does not say %q: add it to said*.go", one.at, c.Name, one.words)
				}
			}
		}
	}
	if found < 200 {
		t.Errorf("only %d sentences were found: the test does not look at the right files", found)
	}
}

func TestEveryMacroIsExplained(t *testing.T) {
	var list []string
	for _, n := range macro.Namespaces() {
		list = append(list, n.Description)
	}
	for _, m := range macro.Table() {
		list = append(list, m.Description)
	}
	for _, f := range macro.Functions() {
		list = append(list, f.Description)
	}
	for _, g := range carrier.Known() {
		list = append(list, g.Note)
	}
	for _, english := range list {
		for _, c := range others {
			if english != "" && c.Sentence(english) == english && !slices.Contains(alike, english) {
				t.Errorf("%s does not say %q", c.Name, english)
			}
		}
	}
}

// alike are descriptions that the languages share.
var alike = []string{"description", "IMEI", "MEID", "BIOS", "Samsung Knox", "pager"}
