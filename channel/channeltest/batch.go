package channeltest

import (
	"context"
	"testing"

	"go.uber.org/goleak"

	"heliograph/channel"
	"heliograph/message"
)

// Batch is n messages like m with keys of their own, and addresses as the function says; nil = all the same.
func Batch(m message.Message, n int, address func(i int) string) []message.Message {
	batch := make([]message.Message, n)
	for i := range batch {
		batch[i] = m
		batch[i].ID = m.ID + message.DeliveryID(i)
		if address != nil {
			batch[i].Address = address(i)
		}
	}
	return batch
}

// Held is a service that keeps its answers back until it is told.
type Held struct {
	Service
	Arrived <-chan struct{} // receives once, or is closed, when the first message was read
	Release func()
}

// Cancellation checks that the end of ctx ends the handing over and nothing else: what was read by the service is
// waited for and accepted, the rest comes back untouched.
func Cancellation(t *testing.T, serve func(testing.TB) Held, m message.Message) {
	t.Helper()
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	held := serve(t)
	defer held.Close()
	sender, err := held.Settings.Open(channel.Env{})
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	const size = 50
	done := make(chan []message.Outcome)
	go func() { done <- sender.Send(ctx, Batch(m, size, nil)) }()
	<-held.Arrived
	cancel()
	held.Release()
	outcomes := <-done
	accepted := 0
	for i, o := range outcomes {
		switch {
		case o.Accepted:
			accepted++
		case o.Handed():
			t.Errorf("message %d: cancelling made a failure: %s", i, show(o))
		}
	}
	if len(outcomes) != size || accepted == 0 || accepted == size || accepted != held.Requests() {
		t.Errorf("%d outcomes, %d accepted; the service has read %d", len(outcomes), accepted, held.Requests())
	}
}

// StopsWith checks that after an answer about the whole server nothing more is handed over. The service gives that
// answer to everyone.
func StopsWith(t *testing.T, service Service, m message.Message, reason message.Reason) {
	t.Helper()
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	defer service.Close()
	sender, err := service.Settings.Open(channel.Env{})
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	const size = 200
	outcomes := sender.Send(context.Background(), Batch(m, size, nil))
	failed := 0
	for _, o := range outcomes {
		if o.Failure != nil && o.Failure.Scope == message.WholeServer && o.Failure.Reason == reason {
			failed++
		} else if o.Handed() {
			t.Errorf("unexpected outcome %s", show(o))
		}
	}
	if len(outcomes) != size || failed == 0 || service.Requests() > size/10 {
		t.Errorf("%d outcomes, %d failed; the service has read %d of %d", len(outcomes), failed, service.Requests(), size)
	}
}
