package store

import (
	"cmp"
	"maps"
	"slices"

	"heliograph/message"
)

// tally collects how the counts of notifications change in one transaction.
type tally struct{ counts map[counted]int64 }

type counted struct {
	notification int64
	channel      message.Channel
	state        message.State
}

func newTally() tally { return tally{map[counted]int64{}} }

// enter counts a delivery that comes into being.
func (t tally) enter(d message.Delivery) { t.counts[counted{d.Notification, d.Channel, d.State}]++ }

// move counts a delivery that goes from one state to another.
func (t tally) move(notification int64, c message.Channel, from, to message.State) {
	t.add(notification, c, from, to, 1)
}

// add counts n of them.
func (t tally) add(notification int64, c message.Channel, from, to message.State, n int64) {
	if from != to {
		t.counts[counted{notification, c, from}] -= n
		t.counts[counted{notification, c, to}] += n
	}
}

// sorted lists what changed, always in the same order.
func (t tally) sorted() []counted {
	list := slices.SortedFunc(maps.Keys(t.counts), func(a, b counted) int {
		return cmp.Or(cmp.Compare(a.notification, b.notification), cmp.Compare(a.channel, b.channel), cmp.Compare(a.state, b.state))
	})
	return slices.DeleteFunc(list, func(c counted) bool { return t.counts[c] == 0 })
}

// notifications lists those with a change, in the order of their keys.
func (t tally) notifications() (keys []int64) {
	for _, c := range t.sorted() {
		keys = append(keys, c.notification)
	}
	return slices.Compact(keys)
}

// open is by how much a notification's open deliveries changed.
func (t tally) open(notification int64) (n int64) {
	for c, change := range t.counts {
		if c.notification == notification && c.state.Open() {
			n += change
		}
	}
	return n
}

type hourly struct {
	channel message.Channel
	state   message.State
	n       int64
}

// hours sums the final states over all notifications. What leaves a final state again (a retry) is taken back.
func (t tally) hours() (list []hourly) {
	sums := map[counted]int64{}
	for c, n := range t.counts {
		if !c.state.Open() {
			sums[counted{channel: c.channel, state: c.state}] += n
		}
	}
	for _, c := range (tally{sums}).sorted() {
		list = append(list, hourly{c.channel, c.state, sums[c]})
	}
	return list
}
