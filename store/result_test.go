package store

import (
	"testing"

	"heliograph/courier"
	"heliograph/message"
)

func results(names ...string) (list []courier.Result) {
	for i, name := range names {
		d := message.Delivery{ID: message.DeliveryID(100 + i), Channel: message.SMTP, State: message.Queued}
		list = append(list, courier.Result{Delivery: d, State: message.Sent, Attempts: 1, ProviderID: name})
	}
	return list
}

func TestRunsOf(t *testing.T) {
	list := results("a", "b", "c", "d", "e", "f")
	list[2].Attempts = 2                 // another outcome
	list[5].Delivery.ID++                // a key is missing before
	list[1].Delivery.Address = "differs" // which is not written
	var lengths []int
	for _, run := range runsOf(list) {
		lengths = append(lengths, len(run))
	}
	if len(lengths) != 4 || lengths[0] != 2 || lengths[1] != 1 || lengths[2] != 2 || lengths[3] != 1 {
		t.Errorf("runs of %v", lengths)
	}
	if len(runsOf(nil)) != 0 {
		t.Error("nothing has a run")
	}
}

func TestNamesAreCutWhereTheyChangeSeldom(t *testing.T) {
	var long, quick []string
	for i := range 40 {
		long = append(long, []string{"first mail", "second mail"}[i/20])
		quick = append(quick, []string{"a", "b"}[i%2])
	}
	if parts := named(results(long...)); len(parts) != 2 || !parts[0].same || len(parts[1].list) != 20 || parts[1].names[0] != "second mail" {
		t.Errorf("%d parts", len(parts))
	}
	if parts := named(results(quick...)); len(parts) != 1 || parts[0].same || len(parts[0].names) != 40 {
		t.Errorf("%d parts", len(parts))
	}
}

func TestAnIDOfTheDeliveryItselfIsNotStored(t *testing.T) {
	id := message.DeliveryID(1<<41 + 7)
	push := courier.Result{Delivery: message.Delivery{ID: id, Channel: message.Push}, ProviderID: id.UUID()}
	if got := nameOf(push); got != derivedName || fullName(id, got) != id.UUID() {
		t.Errorf("stored as %q", got)
	}
	push.ProviderID = "projects/x/messages/1"
	if got := nameOf(push); fullName(id, got) != push.ProviderID {
		t.Errorf("stored as %q", got)
	}
	if nameOf(courier.Result{Delivery: push.Delivery}) != "" {
		t.Error("no name became one")
	}
}
