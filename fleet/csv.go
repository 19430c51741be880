package fleet

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// csvRows reads CSV as RFC 4180 has it. A row that cannot be read is rejected alone: reading goes on at the physical
// line after the one where it began, so that a stray quote does not swallow the rest of the file.
type csvRows struct {
	lines   *lineReader
	columns []csvColumn
	id      int // its position
}

type csvColumn struct {
	name  string
	field field
}

func newCSVRows(lines *lineReader) (*csvRows, error) {
	r := &csvRows{lines: lines, id: -1}
	cells, detail, err := r.record()
	switch {
	case errors.Is(err, io.EOF):
		return nil, Invalidf("", "the file is empty: its first line must name the columns")
	case err != nil:
		return nil, err
	case detail != "":
		return nil, Invalidf("", "line 1, which names the columns, %s", detail)
	}
	return r, r.header(cells)
}

func (r *csvRows) header(names []string) error {
	c := checker{}
	for i, name := range names {
		f, known := fieldOf(name)
		switch {
		case slices.Contains(names[:i], name):
			c.add("", "%s is there twice", shown(i+1, name))
		case name == "id":
			r.id = i
		case !known:
			c.add("", "%s is not known", shown(i+1, name))
		}
		r.columns = append(r.columns, csvColumn{name, f})
	}
	if r.id < 0 {
		c.add("", "there is no column id")
	}
	person := slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, "user.") })
	if person && !slices.Contains(names, "user.id") && !slices.Contains(names, "user.username") {
		c.add("", "the columns of the user need user.id or user.username beside them")
	}
	return Refuse(c.found)
}

func (r *csvRows) next() (ImportRow, error) {
	if err := r.skipEmpty(); err != nil {
		return ImportRow{}, err
	}
	row := ImportRow{Line: r.lines.line}
	cells, detail, err := r.record()
	if err != nil {
		return row, err
	}
	if detail != "" {
		row.reject("", "%s", detail)
		return row, nil
	}
	if len(cells) != len(r.columns) {
		row.reject("", "has %d cells instead of %d", len(cells), len(r.columns))
		return row, nil
	}
	return r.fill(row, cells), nil
}

func (r *csvRows) fill(row ImportRow, cells []string) ImportRow {
	row.ID = DeviceID(cells[r.id])
	if row.ID == "" {
		row.reject("id", "is empty")
	}
	row.device = make([]func(*Device), 0, len(cells))
	for i, value := range cells {
		if i == r.id {
			continue
		}
		row.set(r.columns[i].name, r.columns[i].field, value)
	}
	if row.owner != "" && row.person.id != "" && row.owner != row.person.id {
		row.reject("user.id", "is somebody else than user")
	}
	return row
}

// skipEmpty passes lines without anything, as at the end of the file.
func (r *csvRows) skipEmpty() error {
	for {
		ahead, _, err := r.lines.window(2)
		switch {
		case err != nil:
			return err
		case len(ahead) == 0:
			return io.EOF
		case ahead[0] == '\n':
			r.lines.take(1)
		case bytes.HasPrefix(ahead, []byte("\r\n")):
			r.lines.take(2)
		default:
			return nil
		}
	}
}

// record reads one record. detail says why it cannot be read; then reading stands at the next physical line.
func (r *csvRows) record() (cells []string, detail string, err error) {
	for need := 1; ; {
		ahead, more, err := r.lines.window(need)
		if err != nil {
			return nil, "", err
		}
		if len(ahead) == 0 {
			return nil, "", io.EOF
		}
		cells, n, problem := splitRecord(ahead, !more)
		switch {
		case problem == nil && n <= maxLine+2:
			r.lines.take(n)
			return cells, "", nil
		case errors.Is(problem, errUnfinished) && len(ahead) <= maxLine:
			need = 2 * len(ahead) // each try reads from the record's beginning: doubling keeps that cheap
			continue
		case errors.Is(problem, errUnfinished):
			problem = errLong
		case errors.Is(problem, errUTF8): // where it ends is certain
			r.lines.take(n)
			return nil, problem.Error(), nil
		}
		return nil, problem.Error(), r.lines.skip()
	}
}

var (
	errUnfinished = errors.New("does not end") // yet
	errLong       = errors.New("is longer than 1 MiB")
	errOpen       = errors.New("has a cell whose opening quote is never closed")
	errQuote      = errors.New("has a quote in the middle of a cell: such a cell must be quoted, and the quote doubled")
	errUTF8       = errors.New("is not valid UTF-8")
)

// splitRecord takes a record from the beginning of text: its cells and its length with the end of its line. last says
// that nothing follows text.
func splitRecord(text []byte, last bool) (cells []string, n int, err error) {
	for {
		cell, end, err := splitCell(text[n:], last)
		if err != nil {
			return nil, 0, err
		}
		cells = append(cells, cell)
		n += end
		switch {
		case n == len(text):
			return cells, n, validRecord(text[:n])
		case text[n] == '\n':
			return cells, n + 1, validRecord(text[:n])
		case text[n] == '\r':
			return cells, n + 2, validRecord(text[:n])
		}
		n++ // the comma
	}
}

func validRecord(text []byte) error {
	switch {
	case len(text) > maxLine:
		return errLong
	case !utf8.Valid(text):
		return errUTF8
	}
	return nil
}

// splitCell takes one cell; text[n] is then the comma or the end of the line behind it, unless the text is at its end.
func splitCell(text []byte, last bool) (cell string, n int, err error) {
	if len(text) > 0 && text[0] == '"' {
		return quotedCell(text, last)
	}
	n = bytes.IndexAny(text, ",\n\"")
	switch {
	case n < 0 && !last:
		return "", 0, errUnfinished
	case n < 0:
		n = len(text)
	case text[n] == '"':
		return "", 0, errQuote
	case text[n] == '\n' && n > 0 && text[n-1] == '\r':
		n--
	}
	return string(text[:n]), n, nil
}

func quotedCell(text []byte, last bool) (cell string, n int, err error) {
	var b strings.Builder
	for n = 1; ; {
		quote := bytes.IndexByte(text[n:], '"')
		switch {
		case quote < 0 && last:
			return "", 0, errOpen
		case quote < 0:
			return "", 0, errUnfinished
		}
		b.Write(text[n : n+quote])
		n += quote + 1
		rest := text[n:]
		switch {
		case len(rest) == 0 && !last, len(rest) == 1 && rest[0] == '\r' && !last:
			return "", 0, errUnfinished
		case len(rest) == 0, rest[0] == ',', rest[0] == '\n', bytes.HasPrefix(rest, []byte("\r\n")):
			return b.String(), n, nil
		case rest[0] != '"':
			return "", 0, errQuote
		}
		b.WriteByte('"')
		n++
	}
}
