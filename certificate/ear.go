package certificate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
)

// ear listens to what the authority says: autocert goes on to the next kind of challenge when one fails, and forgets why.
// It ends a conversation too, whose context is autocert's own.
type ear struct {
	life  context.Context //nolint:containedctx // of the process
	until time.Time
	next  http.RoundTripper

	mu    sync.Mutex
	heard []string
}

// mostHeard bounds an answer, in bytes: a chain of certificates is the longest.
const mostHeard = 1 << 20

// RoundTrip implements http.RoundTripper. The answer is there as a whole when it returns.
func (e *ear) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithDeadline(r.Context(), e.until)
	defer cancel()
	defer context.AfterFunc(e.life, cancel)()
	answer, err := e.next.RoundTrip(r.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	said, err := io.ReadAll(io.LimitReader(answer.Body, mostHeard))
	answer.Body.Close() //nolint:errcheck // it was read
	if err != nil {
		return nil, err
	}
	answer.Body = io.NopCloser(bytes.NewReader(said))
	e.listen(said)
	return answer, nil
}

// problem is RFC 7807's, as RFC 8555 section 6.7 uses it.
type problem struct {
	Type   string `json:"type"`
	Detail string `json:"detail"`
}

// listen takes down what is wrong: by a problem document, in an order, or in the challenges of an authorization.
func (e *ear) listen(said []byte) {
	var answer struct {
		problem
		Error      *problem `json:"error"`
		Challenges []struct {
			Type  string   `json:"type"`
			Error *problem `json:"error"`
		} `json:"challenges"`
	}
	if json.Unmarshal(said, &answer) != nil {
		return
	}
	if strings.HasPrefix(answer.Type, problemPrefix) {
		e.note("", answer.problem)
	}
	if answer.Error != nil && answer.Challenges == nil && answer.Type == "" { // of an order; a challenge alone comes again in its authorization
		e.note("", *answer.Error)
	}
	for _, c := range answer.Challenges {
		if c.Error != nil {
			e.note(c.Type+": ", *c.Error)
		}
	}
}

const problemPrefix = "urn:ietf:params:acme:error:"

// note takes down one thing, once. A nonce that was too old is a part of the protocol.
func (e *ear) note(where string, p problem) {
	kind := strings.TrimPrefix(p.Type, problemPrefix)
	if kind == "badNonce" {
		return
	}
	text := where + strings.TrimPrefix(kind+": "+p.Detail, ": ")
	e.mu.Lock()
	defer e.mu.Unlock()
	if !slices.Contains(e.heard, text) {
		e.heard = append(e.heard, text)
	}
}

// longestReason is how much of what an authority says is kept, in bytes.
const longestReason = 600

// reason is why a conversation failed: in the authority's words when it had any.
func (e *ear) reason(err error) error {
	e.mu.Lock()
	text := strings.Join(e.heard, "; ")
	e.mu.Unlock()
	var called *url.Error
	switch {
	case text == "":
		return plainly(err)
	case errors.As(err, &called): // it was heard, and then no more
		text += "; " + plainly(err).Error()
	}
	return errors.New(strings.Map(printable, strings.ToValidUTF8(text[:min(len(text), longestReason)], "")))
}

// printable lets nobody write on an administrator's terminal.
func printable(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return ' '
}

// plainly says of what was not reached which host that was.
func plainly(err error) error {
	var called *url.Error
	if !errors.As(err, &called) {
		return err
	}
	if errors.Is(err, context.DeadlineExceeded) || called.Timeout() {
		return fmt.Errorf("the authority did not answer in time: %s", called.URL)
	}
	return fmt.Errorf("the authority at %s was not reached: %w", called.URL, called.Err)
}
