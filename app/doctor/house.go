package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"heliograph/channel"
	"heliograph/mailbox"
	"heliograph/seal"
	"heliograph/store"
)

// House is an installation to examine.
type House struct {
	DataDir string
	Open    func(context.Context) (*store.Store, error) // opens the database with its keys
	Places  []Place                                     // those that whoever asks named
	Tell    func(Finding)                               // hears each finding at once; nil = nobody does
}

// Examine looks at everything: the database, the keys, the disk, the services that messages leave by, and the addresses
// under which the installation is reached.
func Examine(ctx context.Context, h House) Report {
	b := &book{tell: h.Tell}
	disk(b, h.DataDir)
	s, err := h.Open(ctx)
	if err != nil {
		openTrouble(b, err)
		return b.report()
	}
	defer s.Close()
	b.fine("schema", "is the one of this version")
	database(ctx, b, s)
	keys(ctx, b, s)
	certificates(ctx, b, s, time.Now())
	servers(ctx, b, s)
	places := h.places(ctx, s)
	proxies(b, places)
	proxies(b, nil)
	for _, p := range places {
		reach(ctx, b, p)
	}
	return b.report()
}

// openTrouble says why the database cannot be opened, which ends the examination.
func openTrouble(b *book, err error) {
	var other *store.KeyError
	var file *seal.FileError
	switch {
	case errors.As(err, &other), errors.As(err, &file):
		b.fail("key file", err.Error(), "Put the right key file in its place; its backup should lie apart from that of the database.")
	case errors.Is(err, store.ErrOlder):
		b.fail("schema", err.Error(), "Run heliograph migrate, or heliograph serve.")
	case errors.Is(err, store.ErrNewer):
		b.fail("schema", err.Error(), "Use the heliograph that runs as server.")
	default:
		b.fail("database", err.Error(), "Check --data, --database and --key-file, and who may read there.")
	}
}

// slow is how long a database may take for nearly nothing.
const slow = 100 * time.Millisecond

func database(ctx context.Context, b *book, s *store.Store) {
	health, err := s.Health(ctx)
	if err != nil {
		b.fail("database", err.Error(), "Look into the log of the database.")
		return
	}
	detail := fmt.Sprintf("%s answers in %v", health.Name, health.Took.Round(100*time.Microsecond))
	switch {
	case health.Took > slow:
		b.warn("database", detail, "Bring the database closer, or find out what keeps it busy: every batch of messages waits for it.")
	default:
		b.fine("database", "%s", detail)
	}
	for _, setting := range health.Unsafe {
		b.warn("database safety", setting, "What was committed may be lost with the power: turn it on.")
	}
	if off := time.Since(health.Now).Abs(); health.Remote && off > clockOff {
		b.warn("clock", fmt.Sprintf("this machine's clock and the database's are %v apart", off.Truncate(time.Second)), "Let both follow a time server.")
	} else if health.Remote {
		b.fine("clock", "goes with the database's")
	}
	if health.Stuck > 0 {
		b.warn("work", fmt.Sprintf("%d jobs have waited for more than ten minutes", health.Stuck), "Check that a process with the worker role runs, and that no server is paused.")
	} else {
		b.fine("work", "nothing waits for a worker")
	}
}

func keys(ctx context.Context, b *book, s *store.Store) {
	counts, err := s.SealedCounts(ctx)
	if err != nil {
		b.fail("sealed values", err.Error(), "Look into the log of the database.")
		return
	}
	rows, whole := int64(0), true
	for _, c := range counts {
		rows += c.Rows
		if c.Unopened > 0 {
			whole = false
			b.fail("sealed values", fmt.Sprintf("%d of %d values of %s do not open, the first at %s", c.Unopened, c.Rows, c.Place, c.First),
				"They were sealed with a key that is gone, or are damaged: put the key file of that time back, or enter them anew.")
		}
	}
	if whole {
		b.fine("key file", "belongs to the database, and opens all %d sealed values", rows)
	}
	status, err := s.KeyStatus(ctx)
	if err != nil {
		return // the database has been found to be ill already
	}
	if all := slices.Concat(s.Keys().Sealing(), s.Keys().Index()); len(all) > 2 {
		b.warn("key rotation", fmt.Sprintf("%d keys, of which %s seals", len(all), status.InUse.Sealing), "heliograph keys status says how far it is.")
	}
}

// servers looks at all servers at once, for most of the time is waiting.
func servers(ctx context.Context, b *book, s *store.Store) {
	list, err := s.Servers(ctx)
	if err != nil {
		b.fail("servers", err.Error(), "If their settings do not open, enter them anew.")
		return
	}
	if len(list) == 0 {
		b.warn("servers", "there are none: nothing can be sent", "Add a mail server, an SMS gateway or a push provider under Settings.")
	}
	found := make([]Finding, len(list))
	var looking sync.WaitGroup
	for i, server := range list {
		looking.Go(func() { found[i] = look(ctx, server) })
	}
	looking.Wait()
	for _, f := range found {
		b.add(f)
	}
}

func look(ctx context.Context, server channel.Server) Finding {
	f := Finding{Check: server.Kind + " " + server.Name, Verdict: OK, Detail: "is active and answers"}
	if !server.Active {
		f.Detail = "is not active, and answers"
	}
	looking, ok := server.Settings.(channel.Looking)
	if !ok {
		f.Detail = "has no server of its own to be asked"
		return f
	}
	ctx, cancel := context.WithTimeout(ctx, 2*Patience)
	defer cancel()
	report := looking.Look(ctx, channel.Env{})
	last := channel.Step{}
	if len(report.Steps) > 0 {
		last = report.Steps[len(report.Steps)-1]
	}
	switch {
	case !report.OK && server.Active:
		f.Verdict, f.Detail, f.Advice = Failed, last.Name+": "+report.Detail, "Correct it under Settings, and press Test there."
	case !report.OK:
		f.Verdict, f.Detail, f.Advice = Warning, "is not active. "+last.Name+": "+report.Detail, "Correct it before it is needed, or delete it."
	case server.Pause != nil:
		f.Verdict, f.Detail, f.Advice = Warning, "is paused since "+server.Pause.Since.Format(time.RFC3339)+", and answers now: "+server.Pause.Detail, "Press Retry now under Settings."
	case strings.HasPrefix(last.Detail, "not checked"):
		f.Detail += "; its credentials were " + last.Detail
	}
	return f
}

// places are those that were named, and those that the installation knows of itself.
func (h House) places(ctx context.Context, s *store.Store) []Place {
	list := slices.Clone(h.Places)
	text, err := s.Setting(ctx, mailbox.SettingName)
	if err != nil || text == "" {
		return list
	}
	var settings mailbox.Settings
	if json.Unmarshal([]byte(text), &settings) != nil {
		return list
	}
	for _, p := range []Place{{Name: "registration", URL: settings.RegistrationURL}, {Name: "listener", URL: settings.ListenerURL, Listener: true}} {
		named := slices.ContainsFunc(list, func(other Place) bool { return other.Name == p.Name })
		if p.URL != "" && !named {
			list = append(list, p)
		}
	}
	return list
}
