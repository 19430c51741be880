package fleet

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// read reads a whole import and applies it to an empty fleet: what each row came to.
func read(r io.Reader, f Format) (results []string, err error) {
	reader, err := NewImportReader(r, f)
	if err != nil {
		return nil, err
	}
	k := emptyFleet()
	for {
		row, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return results, nil
		}
		if err != nil {
			return results, err
		}
		result := fmt.Sprintf("%d %s", row.Line, row.ID)
		if k.Apply(&row) == Rejected {
			for _, p := range row.Problems {
				result += fmt.Sprintf(" [%s: %s]", p.Field, p.Detail)
			}
		} else {
			result += " " + k.Devices[row.ID].Name
		}
		results = append(results, result)
	}
}

func emptyFleet() *Known {
	return &Known{Devices: map[DeviceID]Device{}, Users: map[UserID]User{}, Usernames: map[string][]UserID{},
		SameToken: func(Device, string) bool { return false }, NewUserID: func() UserID { return "made" }}
}

func TestReadCSV(t *testing.T) {
	const long = maxLine + 1
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"plain", "id,name\na,A\nb,B\n", []string{"2 a A", "3 b B"}},
		{"CRLF, no end of the last line", "id,name\r\na,A\r\nb,B", []string{"2 a A", "3 b B"}},
		{"byte order mark", "\uFEFFid,name\na,A\n", []string{"2 a A"}},
		{"columns in any order", "name,id\nA,a\n", []string{"2 a A"}},
		{"quotes", "id,name\na,\"x, \"\"y\"\"\"\n", []string{`2 a x, "y"`}},
		{"a line break in quotes counts as a line", "id,name\na,\"x\ny\"\nb,B\n", []string{"2 a x\ny", "4 b B"}},
		{"CRLF in quotes is kept", "\"id\",\"name\"\r\na,\"x\r\ny\"\r\nb,B\r\n", []string{"2 a x\r\ny", "4 b B"}},
		{"empty lines are no rows", "id,name\n\na,A\r\n\r\n\n", []string{"3 a A"}},
		{"an empty last cell", "name,id,model\n,a,", []string{"2 a "}},
		{"wrong number of cells", "id,name\na\nb,B\nc,C,\n", []string{"2  [: has 1 cells instead of 2]", "3 b B", "4  [: has 3 cells instead of 2]"}},
		{"bad UTF-8", "id,name\na,\xff\nb,B\n", []string{"2  [: is not valid UTF-8]", "3 b B"}},
		{"bad UTF-8 over two lines", "id,name\na,\"\n\xff\"\nb,B\n", []string{"2  [: is not valid UTF-8]", "4 b B"}},
		{"an id twice", "id,name\na,A\na,B\n", []string{"2 a A", "3 a [id: is already in this file]"}},
		{"no id", "id,name\n,A\n", []string{"2  [id: is empty]"}},
		{"a bad boolean", "id,managed\na,maybe\nb,0\n", []string{"2 a [managed: must be true, false, 1 or 0]", "3 b "}},
		{"a bad time", "id,last_seen\na,yesterday\nb,2026-03-01T08:00:00+02:00\n",
			[]string{"2 a [last_seen: must be a time such as 2026-03-01T08:00:00Z (RFC 3339)]", "3 b "}},
		{"a quote inside a cell", "id,name\na,5\" phone\nb,B\n",
			[]string{"2  [: has a quote in the middle of a cell: such a cell must be quoted, and the quote doubled]", "3 b B"}},
		{"a quote that is never closed rejects its line alone", "id,name\na,\"A\nb,B\nc,C\n",
			[]string{"2  [: has a cell whose opening quote is never closed]", "3 b B", "4 c C"}},
		{"a long line", "id,name\na," + strings.Repeat("x", long) + "\nb,B\n", []string{"2  [: is longer than 1 MiB]", "3 b B"}},
		{"a long line in quotes", "id,name\na,\"" + strings.Repeat("x", long) + "\"\nb,B\n", []string{"2  [: is longer than 1 MiB]", "3 b B"}},
		{"a long line at the end", "id,name\nb,B\na," + strings.Repeat("x", 10*long), []string{"2 b B", "3  [: is longer than 1 MiB]"}},
		{"a line that is not too long", "id,name\na," + strings.Repeat("x", maxLine-2) + "\nb,B\n", []string{"2 a [name: is longer than 256 characters]", "3 b B"}},
		{"words about a token that is not there", "id,push.provider,push.app,push.token\na,apns,x,\n", []string{"2 a "}},
		{"a token without its words", "id,push.token\na,ab\n", []string{"2 a [push.provider: must be apns, fcm or webpush] [push.app: is required]"}},
		{"a person by nothing", "id,user.id,user.mail\na,,x@example.org\nb,,\n", []string{"2 a [user.id: or user.username is required to tell who it is]", "3 b "}},
		{"a bad person", "id,user.id,user.mail\na,ana,x@\n", []string{"2 a [user.mail: is not a mail address]"}},
	} {
		for how, r := range map[string]io.Reader{"": strings.NewReader(c.text), ", byte by byte": iotest.OneByteReader(strings.NewReader(c.text))} {
			if how != "" && len(c.text) > 1000 {
				continue
			}
			t.Run(c.name+how, func(t *testing.T) {
				got, err := read(r, CSV)
				if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
					t.Errorf("%v\n%s", err, diff)
				}
			})
		}
	}
}

func TestCSVHeader(t *testing.T) {
	for text, want := range map[string]string{
		"":                              "the file is empty: its first line must name the columns",
		"\uFEFF":                        "the file is empty: its first line must name the columns",
		"name\nx\n":                     "there is no column id",
		"id,colour\na,red\n":            "column 2 (colour) is not known",
		"id,name,id\n":                  "column 3 (id) is there twice",
		"id;name\na;b\n":                "column 1 is not known; there is no column id",
		"c6f1=secret,{\"a\"}\n":         "line 1, which names the columns, has a quote in the middle of a cell: such a cell must be quoted, and the quote doubled",
		"id,\xff\n":                     "line 1, which names the columns, is not valid UTF-8",
		"id,user.mail\n":                "the columns of the user need user.id or user.username beside them",
		"id,property.\n":                "column 2 (property.) is not known",
		"id," + strings.Repeat("x", 70): "column 2 is not known",
	} {
		_, err := NewImportReader(strings.NewReader(text), CSV)
		var invalid *Invalid
		if !errors.As(err, &invalid) || err.Error() != want {
			t.Errorf("%.40q: %v", text, err)
		}
	}
}

func TestReadNDJSON(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"plain", "{\"id\":\"a\",\"name\":\"A\"}\n{\"id\":\"b\"}", []string{"1 a A", "2 b "}},
		{"byte order mark, CRLF, empty lines", "\uFEFF\r\n{\"id\":\"a\"}\r\n  \n", []string{"2 a "}},
		{"not JSON", "{\"id\":\n[]\nnull\n{\"id\":\"a\"}\n", []string{"1  [: is not a JSON object]", "2  [: is not a JSON object]", "3  [: is not a JSON object]", "4 a "}},
		{"no id", "{}\n{\"id\":7}\n", []string{"1  [id: is required, as a text]", "2  [id: is required, as a text]"}},
		{"an unknown field", `{"id":"a","colour":"red","user.id":"x","push.token":"x"}`,
			[]string{"1 a [colour: is not a field of a device] [push.token: is not a field of a device] [user.id: is not a field of a device]"}},
		{"wrong types", `{"id":"a","name":1,"managed":"true","groups":"x","properties":{"A":1},"push":[]}`, []string{
			"1 a [groups: must be a list of names] [managed: must be true or false] [name: must be a text] [properties: must be an object of texts] [push: must be an object]"}},
		{"an unknown field of push", `{"id":"a","push":{"token_set":true}}`, []string{"1 a [push.token_set: is not a field of a device]"}},
		{"bad UTF-8", "{\"id\":\"a\",\"name\":\"\xff\"}\n{\"id\":\"b\"}", []string{"1  [: is not valid UTF-8]", "2 b "}},
		{"an id twice", "{\"id\":\"a\"}\n{\"id\":\"a\"}", []string{"1 a ", "2 a [id: is already in this file]"}},
		{"a long line", `{"id":"` + strings.Repeat("x", 3*maxLine) + "\"}\n{\"id\":\"b\"}\n", []string{"1  [: is longer than 1 MiB]", "2 b "}},
		{"an empty file", "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := read(strings.NewReader(c.text), NDJSON)
			if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}

// endless is a line that never ends, to a limit.
type endless struct{ left int }

func (e *endless) Read(p []byte) (int, error) {
	if e.left <= 0 {
		return 0, io.EOF
	}
	n := min(len(p), e.left)
	for i := range p[:n] {
		p[i] = 'x'
	}
	e.left -= n
	return n, nil
}

func TestLongLinesNeedNoMemory(t *testing.T) {
	for _, f := range []Format{CSV, NDJSON} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		results, err := read(io.MultiReader(strings.NewReader("id\n"), &endless{200 << 20}), f)
		runtime.ReadMemStats(&after)
		if err != nil || !strings.HasSuffix(results[len(results)-1], "[: is longer than 1 MiB]") {
			t.Errorf("%v, %v", results, err)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 20<<20 {
			t.Errorf("200 MiB in one line took %d MiB of memory", used>>20)
		}
	}
}

func TestReaderErrorsAreTold(t *testing.T) {
	broken := errors.New("the network went away")
	for _, f := range []Format{CSV, NDJSON} {
		for _, text := range []string{"", "id\n", "id\na\n\"b"} {
			_, err := read(io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken)), f)
			if !errors.Is(err, broken) {
				t.Errorf("after %q: %v", text, err)
			}
		}
	}
}

func TestImportReportStopsListing(t *testing.T) {
	var r ImportReport
	for i := range 1500 {
		r.Add(ImportRow{Line: i, Problems: []Problem{{"id", "is empty"}}}, Rejected)
	}
	if r.Rejected != 1500 || r.Rows != 1500 || len(r.Errors) != 1000 {
		t.Errorf("%d rejected of %d, %d listed", r.Rejected, r.Rows, len(r.Errors))
	}
}

// FuzzReadCSV holds the reader against the standard library's where that accepts the whole file.
func FuzzReadCSV(f *testing.F) {
	for _, seed := range []string{"a,A\nb,B\n", "a,\"x\n\"\"y\"\r\n\r\nb,", "a,5\"\n", "a,\"open", "\xff,\n", "\"\"\n", ",\n\"a\",\"\"", "\r", "a,\"b\"\r"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := read(bytes.NewReader(append([]byte("id,name\n"), text...)), CSV)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.ContainsRune(text, '\r') { // the library drops them from cells
			return
		}
		want := csv.NewReader(bytes.NewReader(text))
		want.FieldsPerRecord = -1
		records, err := want.ReadAll()
		if err != nil {
			return
		}
		if len(records) != len(got) {
			t.Fatalf("%d rows instead of %d: %q", len(got), len(records), got)
		}
		for i, record := range records {
			if len(record) == 2 && ValidID(record[0]) && !strings.Contains(got[i], "[") && !strings.HasSuffix(got[i], record[0]+" "+record[1]) {
				t.Errorf("row %d is %q instead of %q", i, got[i], record)
			}
		}
	})
}

func FuzzReadNDJSON(f *testing.F) {
	for _, seed := range []string{`{"id":"a","push":{"token":null},"groups":[null],"properties":{"":""}}`, "{\"id\":\"a\"}\n\n[]", `{"id":"a","properties":null,"push":null}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		lines := 0
		for _, line := range bytes.Split(bytes.TrimPrefix(text, []byte("\uFEFF")), []byte{'\n'}) {
			if len(bytes.TrimSpace(line)) > 0 {
				lines++
			}
		}
		got, err := read(bytes.NewReader(text), NDJSON)
		if err != nil || len(got) != lines {
			t.Errorf("%d rows instead of %d, %v", len(got), lines, err)
		}
	})
}
