package all

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "print the tables of answers into docs/flow.md")

const (
	flowFile = "../../docs/flow.md"
	begin    = "<!-- tables:begin -->\n"
	end      = "<!-- tables:end -->\n"
)

// TestFlowDocument: docs/flow.md says of every answer what the code does.
func TestFlowDocument(t *testing.T) {
	raw, err := os.ReadFile(flowFile)
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	head, rest, ok := strings.Cut(text, begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has lost the marks of its tables", flowFile)
	}
	want := head + begin + tables() + end + tail
	if *update {
		if err := os.WriteFile(flowFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if text != want {
		t.Errorf("%s does not show what the code does: run go test ./channel/all -update", flowFile)
	}
}

func tables() string {
	var b strings.Builder
	for _, p := range Providers {
		fmt.Fprintf(&b, "\n## Answers: %s\n\n| answer | tried first | scope | reason | the administrator reads |\n|---|---|---|---|---|\n", p.Title)
		for _, r := range p.Rules() {
			fmt.Fprintf(&b, "| %s | %s | %s | `%s` | %s |\n", r.Answer, r.First, r.Scope, r.Reason, r.Means)
		}
	}
	return b.String() + "\n"
}
