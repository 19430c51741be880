package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"time"
)

type sendCmd struct {
	To   audienceFlags `embed:"" group:"To whom"`
	What contentFlags  `embed:"" group:"What"`
	As   templateFlags `embed:"" group:"What"`

	At      string        `help:"Send at this time, not now." placeholder:"2026-01-31T09:00:00Z" group:"When"`
	Expires time.Duration `help:"What was not sent so long after the start is given up, such as 8h. Default: 24h for push, 72h for the rest." placeholder:"DURATION" group:"When"`

	Preview        bool   `help:"Only say whom the audience reaches."`
	Wait           bool   `help:"Wait until the notification is done, and print how it went."`
	JSON           bool   `help:"Print the API's answer as JSON." name:"json"`
	IdempotencyKey string `help:"Sending again with the same key within 24 hours sends nothing twice." placeholder:"KEY"`

	remote
}

// Help is shown by -h below the flags.
func (sendCmd) Help() string {
	return `Texts may hold macros, such as ${user.givenname} or ${device.name}; quote them, so that the shell leaves them alone. The id of the notification is printed.

Examples:

    heliograph send --all --push 'Maintenance tonight at 22:00'
    heliograph send --platform ios --platform ipados --push 'Hello ${user.givenname}, please update ${device.name}'
    heliograph send --group Berlin --subject 'Office closed' --mail-file text.txt --wait
    heliograph send --user maria --sms 'Your device is ready for collection'
    heliograph send --property floor=3 --push 'Fire drill' --preview
    heliograph send --audience-file audience.json --content-file - < content.json
    heliograph send --no-compliant --template 'Out of Compliance' --channel smtp --subject 'Please act today'

--audience-file and --content-file hold the objects "audience" and "ad_hoc" (with --template "overrides") of the API.

The exit code with --wait is 1 when a delivery failed or its outcome is unknown.`
}

// notification is the part of the API's answer that is shown.
type notification struct {
	ID         string                      `json:"id"`
	State      string                      `json:"state"`
	Recipients int64                       `json:"recipients"`
	Counts     map[string]map[string]int64 `json:"counts"` // channel → state → n
}

// Run asks the API to send, and waits if it should.
func (c *sendCmd) Run(ctx context.Context, term terminal) error {
	if err := c.oneStdin(); err != nil {
		return err
	}
	body := map[string]any{}
	if !c.To.none() || c.As.Template == "" || c.Preview { // a template may know by itself whom to reach
		audience, err := c.To.audience(term.in)
		if err != nil {
			return err
		}
		body["audience"] = audience
	}
	if !c.Preview {
		if err := c.complete(body, term.in); err != nil {
			return err
		}
	}
	api, err := c.client(term)
	if err != nil {
		return err
	}
	if c.Preview {
		return c.preview(ctx, term, api, body)
	}
	return c.send(ctx, term, api, body)
}

// complete adds what is said, and when.
func (c *sendCmd) complete(body map[string]any, in io.Reader) error {
	if err := c.As.fill(body, c.What, in); err != nil {
		return err
	}
	if c.At != "" {
		at, err := time.Parse(time.RFC3339, c.At)
		if err != nil {
			return misused("--at must be a time such as 2026-01-31T09:00:00Z or 2026-01-31T10:00:00+01:00")
		}
		body["send_at"] = at.UTC()
	}
	if c.Expires != 0 {
		if c.Expires < time.Second {
			return misused("--expires must be a second or more")
		}
		body["expires_in_seconds"] = int64(c.Expires / time.Second)
	}
	return nil
}

// oneStdin refuses to read two things from standard input.
func (c *sendCmd) oneStdin() error {
	readers := 0
	for _, file := range []string{c.TokenFile, c.To.AudienceFile, c.What.ContentFile, c.What.PushFile, c.What.MailFile, c.What.SMSFile} {
		if file == "-" {
			readers++
		}
	}
	if readers > 1 {
		return misused("only one thing can be read from standard input")
	}
	return nil
}

func (c *sendCmd) preview(ctx context.Context, term terminal, api *client, body any) error {
	var answer json.RawMessage
	if err := api.sendJSON(ctx, "POST", "/audience/preview", body, nil, &answer); err != nil {
		return err
	}
	if c.JSON {
		return writeRaw(term.out, answer)
	}
	var reach struct {
		Devices        int64 `json:"devices"`
		Users          int64 `json:"users"`
		Push           int64 `json:"push"`
		SMTP           int64 `json:"smtp"`
		SMS            int64 `json:"sms"`
		WithoutAddress int64 `json:"without_address"`
		Sample         []struct {
			Name string `json:"name"`
		} `json:"sample"`
	}
	if err := json.Unmarshal(answer, &reach); err != nil {
		return fmt.Errorf("reading the preview: %w", err)
	}
	fmt.Fprintf(term.out, "%d devices, %d people: %d by push, %d by e-mail, %d by text message; %d cannot be reached\n",
		reach.Devices, reach.Users, reach.Push, reach.SMTP, reach.SMS, reach.WithoutAddress)
	for _, s := range reach.Sample {
		fmt.Fprintln(term.out, " ", s.Name)
	}
	return nil
}

func (c *sendCmd) send(ctx context.Context, term terminal, api *client, body any) error {
	headers := map[string]string{}
	if c.IdempotencyKey != "" {
		headers["Idempotency-Key"] = c.IdempotencyKey
	}
	var answer json.RawMessage
	if err := api.sendJSON(ctx, "POST", "/notifications", body, headers, &answer); err != nil {
		return err
	}
	var n notification
	if err := json.Unmarshal(answer, &n); err != nil {
		return fmt.Errorf("reading the API's answer: %w", err)
	}
	if c.Wait {
		return c.wait(ctx, term, api, n)
	}
	if c.JSON {
		return writeRaw(term.out, answer)
	}
	_, err := fmt.Fprintln(term.out, n.ID)
	return err
}

func writeRaw(to io.Writer, answer json.RawMessage) error {
	_, err := fmt.Fprintf(to, "%s\n", answer)
	return err
}

// Polling begins quickly, for small audiences, and becomes slow.
const (
	firstLook = 100 * time.Millisecond
	laterLook = 2 * time.Second
)

// wait looks until the notification is done.
func (c *sendCmd) wait(ctx context.Context, term terminal, api *client, n notification) error {
	fmt.Fprintln(term.err, "notification", n.ID)
	progress := progress{to: term.err}
	var answer json.RawMessage
	for pause := firstLook; ; pause = min(2*pause, laterLook) {
		err := api.call(ctx, "GET", "/notifications/"+url.PathEscape(n.ID), nil, nil, &answer)
		if err == nil {
			n = notification{}
			err = json.Unmarshal(answer, &n)
		}
		if err != nil {
			return stillRunning(ctx, n.ID, err)
		}
		progress.show(n)
		if n.State == "done" || n.State == "cancelled" {
			return c.finish(term, n, answer)
		}
		select {
		case <-ctx.Done():
			return stillRunning(ctx, n.ID, ctx.Err())
		case <-time.After(pause):
		}
	}
}

// stillRunning says that only the waiting ended.
func stillRunning(ctx context.Context, id string, err error) error {
	if stopped(ctx, err) {
		return fmt.Errorf("no longer waiting; notification %s goes on", id)
	}
	return fmt.Errorf("waiting for notification %s, which goes on: %w", id, err)
}

// finish prints the outcome: counts by channel, and whether it went well.
func (c *sendCmd) finish(term terminal, n notification, answer json.RawMessage) error {
	if c.JSON {
		if err := writeRaw(term.out, answer); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(term.out, "%s %s, %d deliveries\n", n.ID, n.State, n.Recipients)
		for _, line := range n.lines() {
			fmt.Fprintln(term.out, line)
		}
	}
	if n.in("failed")+n.in("unknown") > 0 {
		return errSaid
	}
	return nil
}
