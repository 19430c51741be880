package smtp

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/htmlindex"

	"heliograph/sim/control"
)

// record is one message as it came, decoded when somebody looks at it.
type record struct {
	from       string
	recipients []string
	user       string
	secure     bool
	body       []byte
}

// Item is one message as the history shows it.
type Item struct {
	Seq        int64             `json:"seq"`
	Time       time.Time         `json:"time"`
	Status     int               `json:"status"` // reply to the final dot; 0 = not answered
	Reason     string            `json:"reason"` // its text, unless accepted
	From       string            `json:"from"`   // of the envelope; "" = null sender
	Recipients []string          `json:"recipients"`
	Subject    string            `json:"subject"`
	Text       string            `json:"text"`    // the plain text, lines end in \n
	HTML       string            `json:"html"`    // the HTML text, if there is one
	Headers    map[string]string `json:"headers"` // names in lower case, values decoded; repeated ones joined by ", "
	User       string            `json:"user"`    // who signed in
	Secure     bool              `json:"secure"`  // came over TLS
}

var words = mime.WordDecoder{CharsetReader: charsetReader}

func decode(e control.Entry[record]) Item {
	item := Item{
		Seq: e.Seq, Time: e.Time(), Status: e.Status, Reason: e.Reason,
		From: e.Record.from, Recipients: e.Record.recipients, User: e.Record.user, Secure: e.Record.secure,
		Headers: map[string]string{},
	}
	message, err := mail.ReadMessage(bytes.NewReader(e.Record.body))
	if err != nil { // not even headers: show what came
		item.Text = plain(e.Record.body)
		return item
	}
	for name, values := range message.Header {
		item.Headers[strings.ToLower(name)] = decodeWords(strings.Join(values, ", "))
	}
	item.Subject = item.Headers["subject"]
	body, _ := io.ReadAll(message.Body) // reads from memory
	item.addPart(message.Header.Get("Content-Type"), message.Header.Get("Content-Transfer-Encoding"), body, 0)
	return item
}

// maxDepth of multiparts in multiparts.
const maxDepth = 8

// addPart takes the first plain and the first HTML text out of a part and the parts in it.
func (item *Item) addPart(contentType, encoding string, body []byte, depth int) {
	kind, parameters, err := mime.ParseMediaType(contentType)
	if err != nil {
		kind = "text/plain"
	}
	if strings.HasPrefix(kind, "multipart/") && depth < maxDepth {
		reader := multipart.NewReader(bytes.NewReader(body), parameters["boundary"])
		for {
			part, err := reader.NextRawPart()
			if err != nil {
				return
			}
			inner, _ := io.ReadAll(part)
			item.addPart(part.Header.Get("Content-Type"), part.Header.Get("Content-Transfer-Encoding"), inner, depth+1)
		}
	}
	target := map[string]*string{"text/plain": &item.Text, "text/html": &item.HTML}[kind]
	if target == nil || *target != "" {
		return
	}
	*target = plain(decodeCharset(parameters["charset"], decodeTransfer(encoding, body)))
}

// decodeTransfer undoes the transfer encoding; what is broken is shown as far as it goes.
func decodeTransfer(encoding string, body []byte) []byte {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "quoted-printable":
		decoded, err := io.ReadAll(quotedprintable.NewReader(bytes.NewReader(body)))
		if err != nil && len(decoded) == 0 {
			return body
		}
		return decoded
	case "base64":
		decoded, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, bytes.NewReader(body)))
		if err != nil && len(decoded) == 0 {
			return body
		}
		return decoded
	}
	return body
}

func decodeCharset(charset string, body []byte) []byte {
	reader, err := charsetReader(charset, bytes.NewReader(body))
	if err != nil {
		return body
	}
	decoded, err := io.ReadAll(reader)
	if err != nil {
		return body
	}
	return decoded
}

func charsetReader(charset string, input io.Reader) (io.Reader, error) {
	switch strings.ToLower(charset) {
	case "", "utf-8", "us-ascii":
		return input, nil
	}
	encoding, err := htmlindex.Get(charset)
	if err != nil {
		return nil, err
	}
	return encoding.NewDecoder().Reader(input), nil
}

func decodeWords(text string) string {
	decoded, err := words.DecodeHeader(text)
	if err != nil {
		decoded = text
	}
	return strings.ToValidUTF8(decoded, string(utf8.RuneError))
}

// plain is a text with lines that end in \n, without the line end that closes every message.
func plain(body []byte) string {
	text := strings.ToValidUTF8(string(body), string(utf8.RuneError))
	return strings.TrimRight(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
}
