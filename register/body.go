package register

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"heliograph/web"
)

// body is a JSON object that a device sent. Each field is asked for once; what is wrong, and what nobody asked for, is
// told by end.
type body struct {
	fields map[string]any
	asked  []string
	faults []web.Fault
}

// read reads one JSON object and nothing behind it. Its values are looked at when they are asked for.
func read(from io.Reader) (*body, error) {
	raw, err := io.ReadAll(from)
	if err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return nil, err
		}
		return nil, malformed("broke off")
	}
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil, malformed("is empty; a JSON object is needed")
	}
	value, err := web.ParseJSON(raw, maxDepth)
	if err != nil {
		return nil, malformed(err.Error())
	}
	fields, ok := value.(map[string]any)
	if !ok {
		return nil, refused(web.Fault{Pointer: "", Detail: "must be an object"})
	}
	return &body{fields: fields}, nil
}

func malformed(detail string) *web.Problem {
	return web.NewProblem(http.StatusBadRequest, "The body of the request could not be read.", web.Fault{Pointer: "", Detail: detail})
}

// ask gives a field; nil when it is absent or null.
func (b *body) ask(name string) any {
	b.asked = append(b.asked, name)
	return b.fields[name]
}

func (b *body) fault(pointer, detail string) {
	b.faults = append(b.faults, web.Fault{Pointer: pointer, Detail: detail})
}

// text is a field that holds text; empty when it is absent.
func (b *body) text(name string) string {
	value := b.ask(name)
	text, ok := value.(string)
	if value != nil && !ok {
		b.fault("/"+name, "must be a text")
	}
	return text
}

// texts is a field that holds a list of texts.
func (b *body) texts(name string) (list []string) {
	value := b.ask(name)
	items, ok := value.([]any)
	if value != nil && !ok {
		b.fault("/"+name, "must be a list")
	}
	for i, item := range items {
		text, ok := item.(string)
		if !ok {
			b.fault("/"+name+"/"+strconv.Itoa(i), "must be a text")
		}
		list = append(list, text)
	}
	return list
}

// whole is a field that holds a whole number; 0 when it is absent. A 0 that was sent is none that any field takes.
func (b *body) whole(name string) int {
	value := b.ask(name)
	if value == nil {
		return 0
	}
	number, ok := value.(json.Number)
	n, err := strconv.Atoi(string(number))
	if !ok || err != nil || n == 0 {
		b.fault("/"+name, "must be a whole number from 1")
	}
	return n
}

// token is what the push provider of a platform reaches the device by: a text, and of web a subscription as browsers give
// it.
func (b *body) token(platform string) string {
	value := b.ask("token")
	switch token := value.(type) {
	case nil:
		return ""
	case string:
		if platform != "web" {
			return token
		}
		b.fault("/token", `must be an object with "endpoint", "p256dh" and "auth"`)
	case map[string]any:
		if platform == "web" {
			return b.subscription(token)
		}
		b.fault("/token", "must be a text")
	default:
		b.fault("/token", "must be a text, or of web an object")
	}
	return ""
}

var subscriptionFields = []string{"endpoint", "p256dh", "auth"}

func (b *body) subscription(fields map[string]any) string {
	before := len(b.faults)
	for _, name := range sorted(fields) {
		if !slices.Contains(subscriptionFields, name) {
			b.fault("/token/"+escape(name), unknownField)
		}
	}
	for _, name := range subscriptionFields {
		if text, ok := fields[name].(string); !ok || text == "" {
			b.fault("/token/"+name, "is required, as a text")
		}
	}
	if len(b.faults) > before {
		return ""
	}
	text, _ := json.Marshal(fields) // three texts
	return string(text)
}

const (
	unknownField = "is not a field that is known here"
	mostFaults   = 50 // that are worth telling
	longestName  = 100
)

// end is everything that was wrong, and the fields that nobody asked for.
func (b *body) end() error {
	for _, name := range sorted(b.fields) {
		if !slices.Contains(b.asked, name) {
			b.fault("/"+escape(name), unknownField)
		}
	}
	if len(b.faults) == 0 {
		return nil
	}
	return refused(b.faults[:min(len(b.faults), mostFaults)]...)
}

func sorted(fields map[string]any) (names []string) {
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// escape writes a field's name as a part of a JSON pointer (RFC 6901 section 3).
func escape(name string) string {
	if len(name) > longestName {
		name = strings.ToValidUTF8(name[:longestName], "")
	}
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}
