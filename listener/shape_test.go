package listener

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heliograph/mailbox"
	"heliograph/message"
)

var update = flag.Bool("update", false, "write the golden file anew")

// TestShapes posts every payload of mailbox/ews/testdata, whose golden files say what is read from it, to each of a device's
// three addresses: the golden file here says what that means for the device, and what the mail server is told; calendar and
// other only where they differ from the inbox.
func TestShapes(t *testing.T) {
	files, err := filepath.Glob("../mailbox/ews/testdata/*.xml")
	if err != nil || len(files) < 30 {
		t.Fatalf("%d payloads: %v", len(files), err)
	}
	d := &desk{answer: mailbox.OK}
	server, capability := serve(t, d)
	var got strings.Builder
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&got, strings.TrimSuffix(filepath.Base(file), ".xml"))
		inbox := ""
		for _, path := range []string{"", "/calendar", "/other"} {
			d.events = nil
			line := told(t, server.URL+"/ews/"+capability.String()+path, string(body)) + ": " + meaning(d.events[0].Signals)
			if line == inbox {
				continue
			}
			if path == "" {
				inbox = line
			}
			fmt.Fprintf(&got, "  %-8s %s\n", d.events[0].Folder, line)
		}
	}
	const path = "testdata/shapes.golden"
	if *update {
		if err := os.WriteFile(path, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Error(diff)
	}
}

// told is how a post is answered.
func told(t *testing.T, url, body string) string {
	t.Helper()
	answer, err := http.Post(url, "text/xml; charset=utf-8", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	if string(text) == okReply {
		return fmt.Sprint(answer.StatusCode, " OK")
	}
	return fmt.Sprint(answer.StatusCode, " ", string(text))
}

var wakeWords = map[message.WakeKind]string{0: "alive", message.WakeNew: "new", message.WakeChange: "change"}

// meaning writes signals as people read them.
func meaning(signals []mailbox.Signal) string {
	var all []string
	for _, s := range signals {
		text := wakeWords[s.Kind]
		if s.Failed {
			text = "failed"
		}
		if s.Badge != nil {
			text += fmt.Sprintf(", %d unread at %s", *s.Badge, s.BadgeAt.Format(time.RFC3339))
		}
		if s.Subscription == "" {
			text += ", of nobody knows what"
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}
