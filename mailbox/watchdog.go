package mailbox

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"heliograph/message"
)

// The watchdog notices subscriptions that their mail server has forgotten. Exchange keeps them in memory and loses them
// without a word: when it restarts, when a mailbox moves, when we were away for too long. It then neither tells of mails
// nor that it is alive, and that is how it shows: a watched subscription says something at least once in its status
// frequency.
//
//	active ─► late: one sign of life is missing ─► lost: two are ─► its app is woken to subscribe anew,
//	   ▲         │                                   │              after 0, 30 and 60 minutes, then daily for 30 days
//	   └─────────┴────── heard again ────────────────┘
//
// Time in which nobody listened counts against nobody. When a mail server loses many at once, there is one alarm, and its
// resubscribe wakes share a rate, so that the phones do not storm it.

// watchStore is what the store knows for the watchdog.
type watchStore interface {
	// Listening notes that a node listens for a region now. When none did for so long, the region listens since now only.
	Listening(ctx context.Context, region string, away time.Duration) error
	// ListeningSince is since when somebody listens; zero = nobody ever did.
	ListeningSince(ctx context.Context, region string) (time.Time, error)

	// DueWatched reads watched subscriptions that are to be looked at, the longest waiting first.
	DueWatched(ctx context.Context, limit int) ([]Watched, error)
	// SaveWatched writes how they stand, unless they were heard of meanwhile. Those that are lost are to be reminded of at
	// once, and their registrations are to subscribe anew.
	SaveWatched(ctx context.Context, list []Watched) error

	// DueReminders reads lost subscriptions whose apps are to be woken.
	DueReminders(ctx context.Context, limit int) ([]Reminder, error)
	// SaveReminders parks a resubscribe wake for each and notes when the next is due.
	SaveReminders(ctx context.Context, list []Reminder) error

	// ServerLosses counts the late and lost watched subscriptions of each mail server that has so many, or has an alarm.
	ServerLosses(ctx context.Context, least int64) ([]ServerLoss, error)
	// SaveServerLoss begins an alarm, or ends it.
	SaveServerLoss(ctx context.Context, l ServerLoss) error

	// ForgetUnbound deletes subscriptions that no app bound and nobody heard of since then: those behind a key, looking at
	// so many. next is the last it looked at; 0 = there are no more.
	ForgetUnbound(ctx context.Context, before time.Time, after int64, look int) (next int64, err error)
}

// Watched is a subscription that the watchdog looks at.
type Watched struct {
	Key       int64
	App       string
	Server    []byte
	Frequency time.Duration
	HeardAt   time.Time // or, when it never was, when it was bound
	Late      bool
	Lost      bool
	LookAt    time.Time // when to look again; zero = when it is heard
}

// look judges a subscription. Nobody could be heard before the region listened.
func (s Watched) look(now, listening time.Time, grace time.Duration) Watched {
	last := s.HeardAt
	if listening.After(last) {
		last = listening
	}
	late, lost := last.Add(s.Frequency+grace), last.Add(2*s.Frequency+grace)
	s.Late, s.Lost = !now.Before(late), !now.Before(lost)
	switch {
	case s.Lost:
		s.LookAt = time.Time{}
	case s.Late:
		s.LookAt = lost
	default:
		s.LookAt = late
	}
	return s
}

// Reminder is a lost subscription whose app is to be woken.
type Reminder struct {
	Key          int64
	Registration int64
	Route        Route
	App          string
	Server       []byte
	LostAt       time.Time
	Sent         int       // reminders before this one
	NextAt       time.Time // of the one after; zero = there is none
	WakeAt       time.Time // of this one
	Paced        bool      // its server lost many
}

// When apps are reminded: at once, after half an hour, after an hour, then daily.
var reminders = [...]time.Duration{0, 30 * time.Minute, time.Hour}

const (
	remindEvery = 24 * time.Hour
	remindFor   = 30 * 24 * time.Hour
)

// next is when the reminder after this one is due.
func (r Reminder) next(now time.Time) time.Time {
	at := now.Add(remindEvery)
	if r.Sent+1 < len(reminders) {
		at = r.LostAt.Add(reminders[r.Sent+1])
	}
	if at.Sub(r.LostAt) > remindFor {
		return time.Time{}
	}
	return at
}

// ServerLoss is a mail server that does not say enough.
type ServerLoss struct {
	Server        []byte // keyed hash
	Watched, Late int64
	Alarm         bool
	Since         time.Time // of the alarm
}

// When a mail server's losses are one.
const (
	lossLeast = 20
	lossPart  = 2 // half of its watched subscriptions
	calmPart  = 4 // under a quarter the alarm ends
)

// resubscribePace is how many apps of a mail server that lost many are woken a second.
const resubscribePace = 28

// judge reports whether there is an alarm now.
func (l ServerLoss) judge() bool {
	if l.Alarm {
		return l.Late >= lossLeast && l.Late*calmPart >= l.Watched
	}
	return l.Late >= lossLeast && l.Late*lossPart >= l.Watched
}

// Limits of the watchdog.
const (
	watchMany    = 1000
	awayTime     = time.Minute // nobody of a region wrote for so long: nobody listened
	listenEvery  = 10 * time.Second
	unboundTime  = 7 * 24 * time.Hour
	unboundMany  = 5000
	unboundEvery = 24 * time.Hour
)

// WatchArgs is the watchdog's job, which one node inserts every WatchEvery.
type WatchArgs struct{}

// Kind names the job.
func (WatchArgs) Kind() string { return "mail_watch" }

// WatchEvery is how often the watchdog looks.
const WatchEvery = 10 * time.Second

// Watch looks once: at subscriptions that are due, at mail servers, and for whom to wake.
func (w *Waker) Watch(ctx context.Context) error {
	region := w.policy.Load().Region
	since, err := w.store.ListeningSince(ctx, region)
	if err != nil {
		return fmt.Errorf("asking since when somebody listens: %w", err)
	}
	if since.IsZero() {
		return nil // nobody was ever listened to
	}
	if err := w.watchSubscriptions(ctx, since); err != nil {
		return fmt.Errorf("looking for lost subscriptions: %w", err)
	}
	alarms, err := w.watchServers(ctx)
	if err != nil {
		return fmt.Errorf("looking at the mail servers: %w", err)
	}
	if err := w.remind(ctx, alarms); err != nil {
		return fmt.Errorf("waking apps to subscribe anew: %w", err)
	}
	return w.clear(ctx)
}

func (w *Waker) watchSubscriptions(ctx context.Context, since time.Time) error {
	for {
		list, err := w.store.DueWatched(ctx, watchMany)
		if err != nil || len(list) == 0 {
			return err
		}
		now := w.options.Now()
		for i := range list {
			list[i] = list[i].look(now, since, w.options.Grace)
			if list[i].Lost {
				w.count.lost(Lost{App: list[i].App, Server: list[i].Server}, whatLost)
			}
		}
		if err := w.store.SaveWatched(ctx, list); err != nil {
			return err
		}
		if len(list) < watchMany {
			return nil
		}
	}
}

// watchServers begins and ends alarms, and returns the servers that have one.
func (w *Waker) watchServers(ctx context.Context) (map[string]bool, error) {
	list, err := w.store.ServerLosses(ctx, lossLeast)
	if err != nil {
		return nil, err
	}
	alarms := map[string]bool{}
	for _, l := range list {
		alarm := l.judge()
		alarms[string(l.Server)] = alarm
		if alarm == l.Alarm {
			continue
		}
		l.Alarm = alarm
		if err := w.store.SaveServerLoss(ctx, l); err != nil {
			return nil, err
		}
		w.tellLoss(l)
	}
	return alarms, nil
}

func (w *Waker) tellLoss(l ServerLoss) {
	log, words := w.options.Logger.Warn, "a mail server does not say anything about many of its subscriptions any more: its apps are woken to subscribe anew, a few a second"
	if !l.Alarm {
		log, words = w.options.Logger.Info, "a mail server's subscriptions are back"
	}
	log(words, "mail_server", ServerName(l.Server), "watched", l.Watched, "late", l.Late)
}

// remind parks resubscribe wakes. Those of a server with an alarm are spread over the time that its rate needs; when they
// go is decided by their turns (see Claim).
func (w *Waker) remind(ctx context.Context, alarms map[string]bool) error {
	spread := map[string]int{}
	for {
		list, err := w.store.DueReminders(ctx, watchMany)
		if err != nil || len(list) == 0 {
			return err
		}
		now := w.options.Now()
		w.shuffle(list)
		for i := range list {
			r := &list[i]
			r.NextAt, r.WakeAt = r.next(now), now
			if r.Paced = len(r.Server) > 0 && alarms[string(r.Server)]; r.Paced {
				n := spread[string(r.Server)]
				spread[string(r.Server)] = n + 1
				r.WakeAt = now.Add(time.Duration(float64(n) / w.options.Pace * float64(time.Second)))
			}
			w.count.reason(r.App, whatReminded, "")
		}
		slices.SortFunc(list, func(a, b Reminder) int { return cmp.Compare(a.Registration, b.Registration) })
		if err := w.store.SaveReminders(ctx, list); err != nil {
			return err
		}
		if len(list) < watchMany {
			return nil
		}
	}
}

// shuffle is the jitter: phones that registered one after another are not woken one after another.
func (w *Waker) shuffle(list []Reminder) {
	for i := len(list) - 1; i > 0; i-- {
		j := int(math.Floor(w.options.Random() * float64(i+1)))
		list[i], list[j] = list[j], list[i]
	}
}

// clear takes away what is too old.
func (w *Waker) clear(ctx context.Context) error {
	now := w.options.Now()
	expired, err := w.store.ExpirePending(ctx, now.Add(-message.WakeLifetime))
	if err != nil {
		return fmt.Errorf("clearing old wakes away: %w", err)
	}
	for app, n := range expired {
		for range n {
			w.count.one(app, whatExpired)
		}
	}
	return w.forgetUnbound(ctx, now)
}

// forgetUnbound looks at one page of subscriptions each time, and rests when it has seen all: a million of them at once
// would be a second in which others wait.
func (w *Waker) forgetUnbound(ctx context.Context, now time.Time) error {
	if now.UnixNano()-w.cleared.Load() < int64(unboundEvery) {
		return nil
	}
	next, err := w.store.ForgetUnbound(ctx, now.Add(-unboundTime), w.clearing.Load(), unboundMany)
	if err != nil {
		return fmt.Errorf("forgetting old subscriptions: %w", err)
	}
	if w.clearing.Store(next); next == 0 {
		w.cleared.Store(now.UnixNano())
	}
	return nil
}
