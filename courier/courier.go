package courier

import (
	"context"
	cryptorand "crypto/rand"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/text/language"

	"heliograph/channel"
	"heliograph/message"
	"heliograph/notice"
)

// Courier does the work of the jobs in this package.
type Courier struct {
	store   Store
	queues  Queues
	options Options
	servers *servers
	plans   plans
	inHand  inHand
	resting resting
	node    string // a name of its own among the processes

	handing context.Context // ends when the courier drains: nothing more is handed over
	drain   context.CancelFunc
	ticker  sync.WaitGroup
}

// Queues is what the courier needs of the job engine beside its jobs: to work the queue of each server.
type Queues interface {
	EnsureQueue(name string, workers int) error
}

// Options of a courier. The zero value works.
type Options struct {
	Logger    *slog.Logger       // nil = silent
	Providers []channel.Provider // how to open each kind of server
	Env       channel.Env
	Callback  func(server string) string // where a server's service posts receipts; nil = nowhere
	Observer  Observer                   // nil = nobody counts
	Now       func() time.Time           // nil = the machine's clock
	Random    func() float64             // nil = math/rand; jitter of back-offs
	Location  *time.Location             // the organisation's time zone; nil = UTC
	Tick      time.Duration              // how often to look for what is due; 0 = a second
}

// Observer counts what happens, for metrics.
type Observer interface {
	// Outcome counts deliveries that came to a state; reason is empty for success.
	Outcome(c message.Channel, s message.State, r message.Reason)
	// Sent measures one batch of a kind of server.
	Sent(kind string, messages int, took time.Duration)
	// Trouble counts a batch that paused a server, or let it stay so.
	Trouble(kind string, r message.Reason)
}

type nobody struct{}

func (nobody) Outcome(message.Channel, message.State, message.Reason) {}
func (nobody) Sent(string, int, time.Duration)                        {}
func (nobody) Trouble(string, message.Reason)                         {}

// New makes a courier. Its methods are the workers of this package's jobs; Start makes it look for what is due.
func New(s Store, q Queues, o Options) *Courier {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Observer == nil {
		o.Observer = nobody{}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Float64
	}
	if o.Tick == 0 {
		o.Tick = time.Second
	}
	handing, drain := context.WithCancel(context.Background())
	return &Courier{
		store: s, queues: q, options: o, servers: newServers(s, o), handing: handing, drain: drain,
		resting: resting{}, node: cryptorand.Text(),
	}
}

// Drain stops handing messages over: batches end as soon as what is on the wire was answered, and what is left of them
// becomes new jobs. It returns at once.
func (c *Courier) Drain() { c.drain() }

// Close drains, waits for the courier's own work and gives up its connections. Jobs must have ended before.
func (c *Courier) Close() {
	c.drain()
	c.ticker.Wait()
	c.servers.close()
}

// language of texts until people have their own.
var textLanguage = language.English

func (c *Courier) place() notice.Place {
	return notice.Place{Location: c.options.Location, Language: textLanguage}
}

// plans keeps the parsed texts of the notifications that are being sent, for a few seconds each; it is emptied when it
// grows beyond what is sent at a time.
type plans struct {
	mu   sync.Mutex
	list map[int64]planned
}

type planned struct {
	message.Notification
	plan *notice.Plan
	read time.Time
}

const (
	plansKept = 64
	planFresh = 5 * time.Second
)

// planOf reads a notification and makes its texts ready. State and counts of what it returns may be old.
func (c *Courier) planOf(ctx context.Context, key int64) (planned, error) {
	c.plans.mu.Lock()
	p, ok := c.plans.list[key]
	c.plans.mu.Unlock()
	if ok && c.options.Now().Sub(p.read) < planFresh {
		return p, nil
	}
	n, err := c.store.NotificationByKey(ctx, key)
	if err != nil {
		return planned{}, err
	}
	return c.keepPlan(n)
}

func (c *Courier) keepPlan(n message.Notification) (planned, error) {
	plan, err := notice.NewPlan(n.Content)
	if err != nil {
		return planned{}, err
	}
	p := planned{n, plan, c.options.Now()}
	c.plans.mu.Lock()
	defer c.plans.mu.Unlock()
	if c.plans.list == nil || len(c.plans.list) >= plansKept {
		c.plans.list = map[int64]planned{}
	}
	c.plans.list[n.Key] = p
	return p, nil
}
