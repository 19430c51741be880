package mailbox_test

import (
	"fmt"
	"testing"
	"time"

	"heliograph/mailbox"
	"heliograph/message"
	"heliograph/store/storetest"
)

// TestBadgeIsRightOrAbsent: only the inbox tells a count, the newest by the mail server's time of the same subscription,
// and never one that is guessed.
func TestBadgeIsRightOrAbsent(t *testing.T) {
	at := func(s mailbox.Signal, ago time.Duration) mailbox.Signal {
		s.At, s.BadgeAt = s.At.Add(-ago), s.BadgeAt.Add(-ago)
		return s
	}
	of := func(s mailbox.Signal, id string) mailbox.Signal {
		s.Subscription = id
		return s
	}
	cases := []struct {
		name  string
		scene func(*stage, storetest.MailPhone)
		want  []int
	}{
		{"zero is sent", func(st *stage, p storetest.MailPhone) { st.inbox(p, st.signal(change, 0)) }, []int{0}},
		{"no count, no badge", func(st *stage, p storetest.MailPhone) { st.inbox(p, st.signal(newMail, -1)) }, []int{-1}},
		{"calendar", func(st *stage, p storetest.MailPhone) { st.touch(p, mailbox.Calendar, st.signal(change, 5)) }, []int{-1}},
		{"other", func(st *stage, p storetest.MailPhone) { st.touch(p, mailbox.OtherFolder, st.signal(change, 5)) }, []int{-1}},
		{"older than what is known", func(st *stage, p storetest.MailPhone) {
			st.inbox(p, st.signal(newMail, 3))
			later(2 * time.Second)
			st.inbox(p, at(st.signal(change, 2), time.Minute))
		}, []int{3, 3}},
		{"at the same time the later one counts", func(st *stage, p storetest.MailPhone) {
			first := st.signal(newMail, 3)
			st.inbox(p, first)
			later(2 * time.Second)
			second := st.signal(change, 2)
			second.BadgeAt = first.BadgeAt
			st.inbox(p, second)
		}, []int{3, 2}},
		{"a new subscription starts afresh", func(st *stage, p storetest.MailPhone) {
			st.inbox(p, st.signal(newMail, 3))
			later(2 * time.Second)
			st.inbox(p, of(at(st.signal(newMail, 1), time.Hour), "mail1.example.com/new"))
		}, []int{3, 1}},
		{"of two subscriptions each has its own time", func(st *stage, p storetest.MailPhone) {
			old := st.signal(newMail, 3)
			st.inbox(p, old)
			later(2 * time.Second)
			st.inbox(p, of(st.signal(newMail, 4), "mail1.example.com/new"))
			later(2 * time.Second)
			st.inbox(p, at(old, time.Minute))
		}, []int{3, 4, 4}},
		{"known after a restart", func(st *stage, p storetest.MailPhone) {
			st.inbox(p, st.signal(newMail, 3))
			later(3 * time.Second)
			again := &stage{Mail: storetest.NewMail(st.T, st.Store, st.Provider, mailbox.WakerOptions{})}
			if err := again.Waker.Refresh(st.Context()); err != nil {
				st.Fatal(err)
			}
			again.inbox(p, at(st.signal(change, 2), time.Minute))
		}, []int{3, 3}},
		{"without a time it does not count", func(st *stage, p storetest.MailPhone) {
			s := st.signal(newMail, 3)
			s.BadgeAt = time.Time{}
			st.inbox(p, s)
		}, []int{-1}},
		{"a time in the future holds nothing up", func(st *stage, p storetest.MailPhone) {
			st.inbox(p, at(st.signal(newMail, 3), -1000*time.Hour))
			later(2 * time.Second)
			st.inbox(p, st.signal(change, 2))
		}, []int{3, 2}},
		{"a clock that is a little ahead keeps its order", func(st *stage, p storetest.MailPhone) {
			st.inbox(p, at(st.signal(newMail, 3), -5*time.Minute))
			later(2 * time.Second)
			st.inbox(p, st.signal(change, 2))
		}, []int{3, 3}},
		{"a failure tells none", func(st *stage, p storetest.MailPhone) {
			st.inbox(p, mailbox.Signal{Subscription: "mail1.example.com/sub", Failed: true})
		}, []int{-1}},
		{"several subscriptions in one post", func(st *stage, p storetest.MailPhone) {
			st.touch(p, mailbox.Inbox, at(st.signal(newMail, 3), time.Second), st.signal(newMail, 4))
		}, []int{4}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			play(t, nil, func(st *stage) {
				c.scene(st, st.Register("token", nil))
				st.wantBadges(c.want...)
			})
		})
	}
}

// TestUnsubscribeIsRare: a mail server is told to forget a device only when the device is gone, and not even then when too
// many of an app go at once.
func TestUnsubscribeIsRare(t *testing.T) {
	gone := message.Failure{Scope: message.RecipientFinal, Reason: message.TokenDead, Answer: "410 Unregistered"}
	cases := []struct {
		name  string
		f     message.Failure
		want  mailbox.Answer
		state mailbox.State
		rows  int64
	}{
		{"gone", gone, mailbox.Unsubscribe, mailbox.Tombstone, 0},
		{"gone before the token came", message.Failure{Scope: message.RecipientForNow, Reason: message.TokenDead, KeepToken: true}, mailbox.OK, mailbox.Live, 1},
		{"wrong environment", message.Failure{Scope: message.RecipientFinal, Reason: message.TokenMismatch, Answer: "400 BadDeviceToken"}, mailbox.OK, mailbox.TokenRejected, 0},
		{"no token of FCM", message.Failure{Scope: message.RecipientFinal, Reason: message.TokenDead, Answer: "400 INVALID_ARGUMENT"}, mailbox.OK, mailbox.TokenRejected, 0},
		{"credentials", message.Failure{Scope: message.WholeServer, Reason: message.Credentials}, mailbox.OK, mailbox.Live, 1},
		{"throttled", message.Failure{Scope: message.RecipientForNow, Reason: message.Throttled}, mailbox.OK, mailbox.Live, 1},
		{"unreachable", message.Failure{Scope: message.WholeServer, Reason: message.Unreachable}, mailbox.OK, mailbox.Live, 1},
		{"its own fault", message.Failure{Scope: message.Trouble, Reason: message.ServerError}, mailbox.OK, mailbox.Live, 1},
		{"lost answer", message.Failure{Scope: message.LostAnswer, Reason: message.LostAnswerReason}, mailbox.OK, mailbox.Live, 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			play(t, nil, func(st *stage) {
				p := st.Register("token", nil)
				st.Provider.Fails(c.f)
				st.wantAnswer(st.inbox(p, st.signal(newMail, 1)), c.want)
				if now := st.Now(p); now.State != c.state || st.Pending() != c.rows {
					st.Errorf("%s (%s), %d rows", now.State, now.StateReason, st.Pending())
				}
				later(11 * time.Second) // what was known of it is read again
				st.wantAnswer(st.inbox(p, st.signal(newMail, 2)), c.want)
			})
		})
	}
	t.Run("a whole fleet in the wrong environment", func(t *testing.T) {
		wholeFleet(t, message.Failure{Scope: message.RecipientFinal, Reason: message.TokenMismatch, Answer: "400 BadDeviceToken"}, 0)
	})
	t.Run("a whole fleet called gone", func(t *testing.T) {
		wholeFleet(t, gone, 19) // the twentieth puts the brake on
	})
	t.Run("revoked", func(t *testing.T) {
		play(t, nil, func(st *stage) {
			p := st.Register("token", nil)
			if err := st.Registrations.Revoke(st.Context(), p.Registration); err != nil {
				st.Fatal(err)
			}
			st.wantAnswer(st.inbox(p, st.signal(newMail, 1)), mailbox.Unsubscribe)
			if len(st.Provider.Wakes()) != 0 {
				st.Error("it was pushed to")
			}
		})
	})
	t.Run("revoked within ten seconds", func(t *testing.T) {
		play(t, nil, func(st *stage) {
			p := st.Register("token", nil)
			st.wantAnswer(st.inbox(p, st.signal(newMail, 1)), mailbox.OK)
			if err := st.Store.EndRegistration(st.Context(), p.Key, mailbox.Revoked); err != nil { // as another node does
				st.Fatal(err)
			}
			later(10 * time.Second)
			st.wantAnswer(st.inbox(p, st.signal(newMail, 2)), mailbox.Unsubscribe)
		})
	})
	t.Run("the database is gone", func(t *testing.T) {
		play(t, nil, func(st *stage) {
			later(2 * time.Second) // what is there at the start is remembered
			p, known := st.Register("token", nil), st.Register("known", nil)
			st.wantAnswer(st.inbox(known, st.signal(newMail, 1)), mailbox.OK)
			later(2 * time.Second)
			st.Store.Close()
			st.dead = true
			st.wantAnswer(st.inbox(p, st.signal(newMail, 1)), mailbox.Busy)
			st.wantAnswer(st.inbox(known, st.signal(newMail, 2)), mailbox.OK) // a provider took it
			later(2 * time.Second)
			st.Provider.Fails(message.Failure{Scope: message.WholeServer, Reason: message.Unreachable})
			st.wantAnswer(st.inbox(known, st.signal(newMail, 3)), mailbox.Busy)
		})
	})
}

// wholeFleet lets a provider refuse every device of an app, and wants at most so many to be told Unsubscribe about.
func wholeFleet(t *testing.T, f message.Failure, most int) {
	play(t, nil, func(st *stage) {
		st.Provider.Fails(f)
		told := 0
		var phones []storetest.MailPhone
		for i := range 60 {
			phones = append(phones, st.Register(fmt.Sprint("token", i), nil))
		}
		for round := range 3 {
			for _, p := range phones {
				if a := st.inbox(p, st.signal(newMail, round)); a == mailbox.Unsubscribe && round == 0 {
					told++
				} else if a == mailbox.Unsubscribe && round > 0 {
					st.Errorf("round %d: Unsubscribe", round)
				} else if a != mailbox.OK && a != mailbox.Unsubscribe {
					st.Errorf("answered %s", a)
				}
			}
			later(15 * time.Second)
		}
		if told > most {
			st.Errorf("%d were told Unsubscribe about, at most %d may be", told, most)
		}
	})
}
