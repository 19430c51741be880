package mailbox_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"heliograph/fleet"
	"heliograph/mailbox"
	"heliograph/message"
	"heliograph/store/storetest"
)

// refuses makes the provider refuse one token so, and take all others.
func refuses(token string, f message.Failure) func(context.Context, message.Message) message.Outcome {
	return func(_ context.Context, m message.Message) message.Outcome {
		if m.Address == token {
			return message.Fail(f)
		}
		return message.Accept("")
	}
}

var (
	dead   = message.Failure{Scope: message.RecipientFinal, Reason: message.TokenDead, Answer: "410 Unregistered"}
	misfit = message.Failure{Scope: message.RecipientFinal, Reason: message.TokenMismatch, Answer: "400 BadDeviceToken"}
)

// sends is an app that tells its token.
func (st *stage) sends(r mailbox.Registration, token string) {
	st.Helper()
	err := st.Store.PutToken(st.Context(), r.Key, mailbox.NewToken{
		ID: r.ID, Platform: r.Platform, App: r.App, Token: token, Environment: fleet.Production, Wake: r.Wake,
	})
	if err != nil {
		st.Fatal(err)
	}
}

// TestReplacedToken: what the provider says of a token that the app has replaced ends nothing, and loses no wake.
func TestReplacedToken(t *testing.T) {
	for name, failure := range map[string]message.Failure{"dead": dead, "misfit": misfit} {
		t.Run(name, func(t *testing.T) {
			play(t, nil, func(st *stage) {
				p := st.Register("old", nil)
				st.wantAnswer(st.inbox(p, st.signal(newMail, 1)), mailbox.OK)
				later(3 * time.Second)
				st.sends(p.Registration, "new")
				st.Provider.Answers(refuses("old", failure))
				st.wantAnswer(st.inbox(p, st.signal(newMail, 2)), mailbox.OK)
				later(3 * time.Second)
				st.Retry()
				st.wantBadges(1, 2)
				if r := st.Now(p); r.State != mailbox.Live || r.WakeResult != "accepted" {
					st.Errorf("%s, and the last wake %s", r.State, r.WakeResult)
				}
			})
		})
	}
}

// TestReplacedTokenOfARow: the same for a wake that waited.
func TestReplacedTokenOfARow(t *testing.T) {
	play(t, nil, func(st *stage) {
		p := st.Register("old", nil)
		st.Provider.Fails(message.Failure{Scope: message.Trouble, Reason: message.ServerError})
		st.wantAnswer(st.inbox(p, st.signal(newMail, 2)), mailbox.OK)
		st.Provider.Answers(func(ctx context.Context, m message.Message) message.Outcome {
			if m.Address == "old" { // the app sends another one while this one is on the wire
				st.sends(p.Registration, "new")
			}
			return refuses("old", dead)(ctx, m)
		})
		later(6 * time.Second)
		st.Retry()
		later(3 * time.Second)
		st.Retry()
		st.wantBadges(2)
	})
}

// TestRightSettingsAtOnce: the first event after the provider's settings were corrected is pushed, however lately the node
// looked at the registration.
func TestRightSettingsAtOnce(t *testing.T) {
	play(t, nil, func(st *stage) {
		p := st.Register("token", nil)
		st.Provider.Fails(misfit)
		st.wantAnswer(st.inbox(p, st.signal(newMail, 1)), mailbox.OK)
		later(3 * time.Second)
		st.wantAnswer(st.inbox(p, st.signal(newMail, 2)), mailbox.OK)
		st.Provider.Answers(nil)
		st.sends(p.Registration, "token") // as a change of settings does, past this node
		st.wantAnswer(st.inbox(p, st.signal(newMail, 3)), mailbox.OK)
		st.wantBadges(3)
	})
}

// TestLastWakeAfterWaiting: a wake that waited and was taken is told as taken, though the refusal ended after its event came.
func TestLastWakeAfterWaiting(t *testing.T) {
	play(t, nil, func(st *stage) {
		p := st.Register("token", nil)
		st.Provider.Answers(func(context.Context, message.Message) message.Outcome {
			time.Sleep(300 * time.Millisecond)
			return message.Fail(message.Failure{Scope: message.Trouble, Reason: message.ServerError})
		})
		st.wantAnswer(st.inbox(p, st.signal(newMail, 1)), mailbox.OK)
		later(3 * time.Second)
		if r := st.Now(p); r.WakeResult != "pending" {
			st.Errorf("the last wake is %s", r.WakeResult)
		}
		st.Provider.Answers(nil)
		later(6 * time.Second)
		st.Retry()
		later(3 * time.Second)
		st.wantBadges(1)
		if r := st.Now(p); r.WakeResult != "accepted" || r.WakeReason != "" {
			st.Errorf("the last wake is %s %s", r.WakeResult, r.WakeReason)
		}
	})
}

// TestErrorPushOfAStranger: a subscription of which the first that we hear is that it is lost, is lost; and the app that has
// subscribed anew, and told us of neither, is asked no more.
func TestErrorPushOfAStranger(t *testing.T) {
	play(t, nil, func(st *stage) {
		p := st.Register("token", nil)
		st.wantAnswer(st.inbox(p, mailbox.Signal{Subscription: "mail1.example.com/first", Server: "mail1.example.com", Failed: true}), mailbox.OK)
		later(3 * time.Second)
		if r := st.Now(p); !r.Resubscribe || len(r.Subscriptions) != 1 || !r.Subscriptions[0].Lost() {
			st.Errorf("%t %+v", r.Resubscribe, r.Subscriptions)
		}
		st.wantAnswer(st.inbox(p, st.signal(newMail, 1)), mailbox.OK)
		later(3 * time.Second)
		if r := st.Now(p); r.Resubscribe || len(r.Subscriptions) != 1 || r.Subscriptions[0].Lost() {
			st.Errorf("%t %+v", r.Resubscribe, r.Subscriptions)
		}
	})
}

// TestReleasedAfterAnEvent: an event that was answered just before its registration lives again, and is not written yet,
// wakes its device as well.
func TestReleasedAfterAnEvent(t *testing.T) {
	play(t, nil, func(st *stage) {
		var phones []storetest.MailPhone
		for i := range 25 { // of which the twentieth death puts the brake on
			p := st.Register(fmt.Sprint("token", i), nil)
			st.wantAnswer(st.inbox(p, st.signal(newMail, 1)), mailbox.OK)
			phones = append(phones, p)
		}
		last := phones[len(phones)-1]
		later(3 * time.Second)
		st.Provider.Answers(func(context.Context, message.Message) message.Outcome { return message.Fail(dead) })
		for _, p := range phones {
			st.inbox(p, st.signal(newMail, 2))
		}
		st.Provider.Answers(nil)
		if _, err := st.Store.Release(st.Context(), storetest.MailApp, false); err != nil {
			st.Fatal(err)
		}
		later(100 * time.Millisecond)
		st.Retry()
		later(5 * time.Second)
		st.Retry()
		for _, w := range st.Provider.Accepted() {
			if w.Address == last.Token && *w.Badge == 2 {
				return
			}
		}
		st.Error("the event before the release woke nobody")
	})
}
