package main

import (
	"fmt"
	"io"
	"strings"
)

// The API's words, in the order in which people read them.
var (
	channelWords = []string{"push", "smtp", "sms"}
	stateWords   = []string{"sent", "delivered", "queued", "sending", "failed", "unknown", "skipped", "cancelled"}
)

// in is the number of deliveries in a state, over all channels.
func (n notification) in(state string) (sum int64) {
	for _, counts := range n.Counts {
		sum += counts[state]
	}
	return sum
}

// lines tell the counts that are not 0, a channel a line.
func (n notification) lines() []string {
	var lines []string
	for _, channel := range channelWords {
		var words []string
		for _, state := range stateWords {
			if count := n.Counts[channel][state]; count > 0 {
				words = append(words, fmt.Sprintf("%d %s", count, state))
			}
		}
		if len(words) > 0 {
			lines = append(lines, fmt.Sprintf("  %-4s %s", channel, strings.Join(words, ", ")))
		}
	}
	return lines
}

// progress writes a line whenever something moved.
type progress struct {
	to   io.Writer
	last string
}

func (p *progress) show(n notification) {
	open := n.in("queued") + n.in("sending")
	line := fmt.Sprintf("%s: %d of %d", n.State, n.Recipients-open, n.Recipients)
	if line == p.last {
		return
	}
	p.last = line
	fmt.Fprintln(p.to, line)
}
