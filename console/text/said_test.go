package text

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"heliograph/carrier"
	"heliograph/fleet"
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

// unsaid are sentences that nobody reads in the console: what goes out in messages, errors for the log, and words between
// functions.
var unsaid = []string{
	"This is a test message from Heliograph. Whoever receives it knows that the settings work.",
	"This mail shows that Heliograph can send mail through this server.",
	"does not say something on each channel of its type, and on no other",
	"does not end",
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

// filesUnsaid speak to others: apps that register are answers of an API, metrics have help, and the console has words of its
// own for what is wrong with a provider.
var filesUnsaid = []string{"mailbox/check.go", "mailbox/figure.go", "intake/signin.go"}

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

// badFiles are wrong in every way that a file for import can be.
var badFiles = map[fleet.Format][]string{
	fleet.CSV: {
		"", "name\nx\n", "id,colour\na,red\n", "id,name,id\n", "id;name\n", "id,a;b,a;b\n", "x,{\"a\"}\n", "id,\xff\n", "id,user.mail\n",
		"id,name,compliant,last_seen,user,user.id,user.mail,user.username\nd-1\nd-1,a,true,,,,,\nd-1,a,true,,,,,\n,a,,,,,,\nd 5,a,,,,,,\nd-2,\"a\"b,,,,,,\n" +
			"hidden,a,,,,hidden,,\nd-1a,a,,,,,,twin\nd-3,\xff,,,,,,\nd-4,a,maybe,soon,,,,\nd-6,a,,,u-1,u-2,,\nd-7,a,,,,,x@example.com,\nd-8,a,,,,u-3,nobody,\nd-9,\"a,,,,,,\n",
		"id,platform,push.provider,push.token,push.app,push.environment\nd-1,ios,apns,zz,app,production\nd-2,ios,webpush,{},app,production\nd-3,x,y,z,,w\n",
	},
	fleet.NDJSON: {"[]\n{}\n{\"id\":1}\n{\"id\":\"a\",\"colour\":1}\n{\"id\":\"b\",\"name\":1,\"managed\":1,\"groups\":1,\"properties\":1,\"push\":1}\n{\"id\":\"c\",\"push\":{\"x\":1}}\n\xff\n"},
}

// What is wrong with a file is said whole in every language, also where it is put together of several pieces.
func TestImportsAreTranslated(t *testing.T) {
	said := map[string]bool{}
	for format, files := range badFiles {
		for _, file := range files {
			for _, p := range wrongWith(strings.NewReader(file), format) {
				said[p.Detail] = true
			}
		}
	}
	for english := range said {
		for _, c := range others {
			if words := c.Sentence(english); words == english || strings.Contains(words, " must ") || strings.Contains(words, " is ") {
				t.Errorf("%s says %q for %q", c.Name, words, english)
			}
		}
	}
	if len(said) < 25 {
		t.Errorf("only %d things are wrong", len(said))
	}
}

// wrongWith reads a file into an empty fleet.
func wrongWith(file io.Reader, format fleet.Format) (list []fleet.Problem) {
	reader, err := fleet.NewImportReader(file, format)
	var invalid *fleet.Invalid
	if errors.As(err, &invalid) {
		return invalid.Problems
	}
	known := &fleet.Known{
		Devices: map[fleet.DeviceID]fleet.Device{}, Users: map[fleet.UserID]fleet.User{"a": {ID: "a", Username: "twin"}, "b": {ID: "b", Username: "twin"}},
		Usernames: map[string][]fleet.UserID{"twin": {"a", "b"}}, NewUserID: func() fleet.UserID { return "new" },
		SameToken:     func(fleet.Device, string) bool { return false },
		HiddenDevices: map[fleet.DeviceID]bool{"hidden": true}, HiddenUsers: map[fleet.UserID]bool{"hidden": true},
	}
	for {
		row, err := reader.Next()
		if err != nil {
			return list
		}
		known.Apply(&row)
		list = append(list, row.Problems...)
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
