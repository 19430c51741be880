package fleet

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// lineReader reads a file through a window of one row, counting physical lines.
type lineReader struct {
	r    *bufio.Reader
	line int // of the next byte; the first is 1
}

// newLineReader skips the byte order mark that some programs write before UTF-8.
func newLineReader(r io.Reader) (*lineReader, error) {
	l := &lineReader{r: bufio.NewReaderSize(r, maxLine+2), line: 1}
	start, err := l.r.Peek(3)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if bytes.Equal(start, []byte("\uFEFF")) {
		l.take(3)
	}
	return l, nil
}

// window is what lies ahead: at least n bytes, unless the file ends before; more than maxLine+2 never. more is false
// when nothing follows it.
func (l *lineReader) window(n int) (ahead []byte, more bool, err error) {
	_, err = l.r.Peek(min(n, maxLine+2))
	ahead, _ = l.r.Peek(l.r.Buffered())
	if errors.Is(err, io.EOF) {
		return ahead, false, nil
	}
	return ahead, true, err
}

// take goes on by n bytes.
func (l *lineReader) take(n int) {
	ahead, _ := l.r.Peek(n)
	l.line += bytes.Count(ahead, []byte{'\n'})
	l.r.Discard(n) //nolint:errcheck // they were peeked at
}

// physical gives the rest of the physical line ahead, without its end, and its length with it. tooLong: more than
// maxLine bytes. io.EOF: nothing is ahead. What it gives is overwritten by the next read.
func (l *lineReader) physical() (text []byte, n int, tooLong bool, err error) {
	for need := 1; ; {
		ahead, more, err := l.window(need)
		if err != nil {
			return nil, 0, false, err
		}
		if len(ahead) == 0 {
			return nil, 0, false, io.EOF
		}
		if i := bytes.IndexByte(ahead, '\n'); i >= 0 {
			return bytes.TrimSuffix(ahead[:i], []byte{'\r'}), i + 1, i > maxLine, nil
		}
		if !more {
			return ahead, len(ahead), len(ahead) > maxLine, nil
		}
		if len(ahead) > maxLine {
			return nil, 0, true, nil
		}
		need = len(ahead) + 1
	}
}

// skip goes on behind the end of the physical line ahead, however long it is.
func (l *lineReader) skip() error {
	for {
		ahead, more, err := l.window(1)
		if err != nil {
			return err
		}
		if i := bytes.IndexByte(ahead, '\n'); i >= 0 {
			l.take(i + 1)
			return nil
		}
		l.take(len(ahead))
		if !more && len(ahead) == 0 {
			return nil
		}
	}
}
