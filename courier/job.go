// Package courier carries messages: it expands a notification into deliveries, hands them over in batches, and tries
// again those that deserve it.
//
// Everything it does is a job of the job engine, so that nothing is lost when a process dies: a job reads once, decides
// with pure functions, and writes once. See docs/flow.md for the states.
package courier

import (
	"time"

	"heliograph/message"
)

// Args are what a job is told; Kind names the worker. They are stored as JSON, so names are short and stay.
type Args interface{ Kind() string }

// Job is work to do later, inserted in the transaction that causes it.
type Job struct {
	Args  Args
	Queue string    // see QueueOf and Control
	Lane  int       // 1 urgent … 4 when nothing else is to do
	At    time.Time // zero = now
	Once  bool      // not again while an equal one waits or runs
}

// Running is the job that is being worked, as the job engine knows it. It goes back to the store, which completes the
// job in the transaction that holds its results.
type Running any

// Control is the queue of everything that touches no server: expanding, cancelling, housekeeping.
const Control = "control"

// Probes is the queue of the messages that paused servers are tried with: a server's own queue rests while it is paused,
// and one that hangs must keep nobody else waiting.
const Probes = "probes"

// probesAtOnce is how many servers each node tries at once. A probe does little but wait.
const probesAtOnce = 64

// QueueOf is the queue of one server, by its id: its concurrency and its pause are the server's own.
func QueueOf(server string) string { return "server-" + server }

// Lanes: what is urgent passes what is long.
const (
	Urgent = 1 // by hand to at most urgentSize recipients
	Normal = 2
	Bulk   = 3
)

const (
	urgentSize = 100
	normalSize = 10_000
)

// LaneOf chooses the lane by the size of the audience.
func LaneOf(recipients int64) int {
	switch {
	case recipients <= urgentSize:
		return Urgent
	case recipients <= normalSize:
		return Normal
	}
	return Bulk
}

// ExpandArgs is one page of an audience.
type ExpandArgs struct {
	Notification int64 `json:"n"`
	Phase        Phase `json:"p"`
	After        int64 `json:"a"` // key of the last one judged
	MaxDevice    int64 `json:"d"` // highest keys when the expansion began: who comes later was not meant
	MaxUser      int64 `json:"u"`
}

// Phase is the part of an audience that is paged through.
type Phase int

const (
	Starting  Phase = iota // nothing was read yet
	Devices                // by device key
	People                 // by user key
	Addresses              // typed ones, by position
)

// DispatchArgs is a batch: a range of deliveries of one notification, on one channel, by one server.
type DispatchArgs struct {
	Notification int64              `json:"n"`
	Server       string             `json:"s"`
	First        message.DeliveryID `json:"f"`
	Last         message.DeliveryID `json:"l"`
}

// RetryArgs sends what is due again by one server.
type RetryArgs struct {
	Server string `json:"s"`
}

// ProbeArgs sends one message by a paused server, to see whether it is well again.
type ProbeArgs struct {
	Server string `json:"s"`
}

// CancelArgs cancels what is still queued, in slices.
type CancelArgs struct {
	Notification int64 `json:"n"`
}

// GiveUpArgs fails everything of a notification and channel that is still queued, in slices: its time is over, or its
// text was refused for all.
type GiveUpArgs struct {
	Notification int64           `json:"n"`
	Channel      message.Channel `json:"c"`
	Reason       message.Reason  `json:"r"`
	Detail       string          `json:"t"`
	SharedOnly   bool            `json:"o,omitempty"` // only deliveries of the text that names nobody
	Language     string          `json:"g,omitempty"` // and of those the ones in this language
}

// HurryArgs tries everything now that waits for its next attempt by a server, in slices.
type HurryArgs struct {
	Server string `json:"s"`
}

// HurryJob is the job that does it.
func HurryJob(server string) Job {
	return Job{Args: HurryArgs{Server: server}, Queue: Control, Lane: Urgent, Once: true}
}

// AgainArgs queues failed or unknown deliveries of a notification again, in slices, because somebody asked for it.
type AgainArgs struct {
	Notification int64              `json:"n"`
	Channel      message.Channel    `json:"c,omitempty"` // 0 = all
	States       []message.State    `json:"s"`
	After        message.DeliveryID `json:"a"`
	Until        message.DeliveryID `json:"u"`
}

func (ExpandArgs) Kind() string   { return "expand" }
func (DispatchArgs) Kind() string { return "dispatch" }
func (RetryArgs) Kind() string    { return "retry" }
func (ProbeArgs) Kind() string    { return "probe" }
func (CancelArgs) Kind() string   { return "cancel" }
func (GiveUpArgs) Kind() string   { return "give_up" }
func (AgainArgs) Kind() string    { return "again" }
func (HurryArgs) Kind() string    { return "hurry" }
