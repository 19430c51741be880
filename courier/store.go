package courier

import (
	"context"
	"time"

	"heliograph/access"
	"heliograph/carrier"
	"heliograph/channel"
	"heliograph/fleet"
	"heliograph/message"
)

// Store is what the courier needs to remember. Each method is one transaction; what it inserts, completes and pauses
// commits with what it writes.
type Store interface {
	// Begin marks a notification as started, once, and returns it with the highest keys of the fleet at that moment.
	Begin(ctx context.Context, key int64) (n message.Notification, maxDevice, maxUser int64, err error)
	// NotificationByKey reads a notification without its counts.
	NotificationByKey(ctx context.Context, key int64) (message.Notification, error)
	// AudienceDevices and AudiencePeople read a page in the order of keys; one that is not full is the last.
	AudienceDevices(ctx context.Context, scope access.Scope, a fleet.Audience, want *fleet.Details, after, max int64, limit int) ([]fleet.Recipient, error)
	AudiencePeople(ctx context.Context, scope access.Scope, a fleet.Audience, want *fleet.Details, after, max int64, limit int) ([]fleet.Recipient, error)
	// EarlierWithMail tells which of these people have the mail address of a person with a smaller key in the audience.
	EarlierWithMail(ctx context.Context, scope access.Scope, a fleet.Audience, people []fleet.PersonMail) (map[int64]bool, error)
	// Addressed lists the addresses that a notification already has deliveries for, by person.
	Addressed(ctx context.Context, notification int64, c message.Channel, users []int64) (map[int64][]string, error)
	// Owners lists the people whose own address on a channel is one of these.
	Owners(ctx context.Context, c message.Channel, addresses []string) ([]int64, error)

	// DeliveryKeys reserves n keys and returns the first.
	DeliveryKeys(ctx context.Context, n int) (message.DeliveryID, error)
	SavePage(ctx context.Context, p Page) error

	// Batch reads the deliveries of a range that still wait for their first attempt.
	Batch(ctx context.Context, args DispatchArgs) ([]Parcel, error)
	// Abandoned gives deliveries of a server that were on the wire when their process died the state unknown: those of a
	// range, or those that were tried again when the range is empty.
	Abandoned(ctx context.Context, server int64, first, last message.DeliveryID) error
	// MarkSending writes down what goes on the wire next, by a server whose messages cost money.
	MarkSending(ctx context.Context, list []message.Delivery) error
	// Reserve takes a turn of n messages at a server's rate, over all nodes. When the turn is not within soon, nothing is
	// taken, and it says how long to wait.
	Reserve(ctx context.Context, server int64, n int, perSecond float64, soon time.Duration) (wait time.Duration, err error)
	// Due reads deliveries of a server whose next attempt has come, the longest waiting first.
	Due(ctx context.Context, server int64, now time.Time, limit int) ([]Parcel, error)
	// Waiting reads some deliveries of a server that no batch works on, to probe the server with one.
	Waiting(ctx context.Context, server channel.Server, limit int) ([]Parcel, error)
	SaveResults(ctx context.Context, r Results) error
	// MoveBatch and MoveDue give deliveries of a server that is no longer active to another. They report how many.
	MoveBatch(ctx context.Context, m Move) error
	MoveDue(ctx context.Context, from, to int64, limit int) (int64, error)

	Carriers(ctx context.Context) ([]carrier.Gateway, error)
	// AllServers lists the servers, with those that were deleted: they have no settings and are not active.
	AllServers(ctx context.Context, kinds ...string) ([]channel.Server, error)
	ServerStates(ctx context.Context) ([]ServerState, error)
	// ResumeServer ends a pause; PauseServer begins one, or prolongs it after a probe failed.
	ResumeServer(ctx context.Context, id string) error

	// WakeQueues resumes queues of servers that are not paused, whose jobs nobody has taken for so long, and names them.
	WakeQueues(ctx context.Context, standing time.Duration) ([]string, error)

	// EndSlice gives those a final state that are queued among the next deliveries of a notification, up to limit of them,
	// and in no batch that is being worked. It returns the channel of each, and the key of the last it looked at, 0 at the end.
	EndSlice(ctx context.Context, e Ending, limit int) ([]message.Channel, message.DeliveryID, error)
	// ToCancel reports whether something of a notification that was cancelled is queued, or in a batch that is being worked.
	ToCancel(ctx context.Context, notification int64) (bool, error)
	// Cancelled finds those of some notifications that were cancelled.
	Cancelled(ctx context.Context, notifications []int64) ([]int64, error)
	// AgainSlice queues up to limit deliveries in some states again. It returns the key of the last, 0 at the end.
	AgainSlice(ctx context.Context, args AgainArgs, limit int) (message.DeliveryID, error)
	// Overdue lists notifications and channels with open deliveries whose time is over.
	Overdue(ctx context.Context, now time.Time) ([]GiveUpArgs, error)

	// KeepResting keeps which hosts behind a server a node leaves alone; ProbeWish is when somebody last wished that they are
	// tried now, and HurrySlice makes deliveries due now that wait for the server. It returns how many, up to limit.
	KeepResting(ctx context.Context, server, node string, list []channel.Resting) error
	ProbeWish(ctx context.Context, server string) (time.Time, error)
	HurrySlice(ctx context.Context, server string, limit int) (int64, error)

	Enqueue(ctx context.Context, jobs ...Job) error
	Complete(ctx context.Context, running Running) error
	Setting(ctx context.Context, name string) (string, error)
	// CleanUp deletes up to limit rows of each kind that nobody needs any more, and reports how many it found.
	CleanUp(ctx context.Context, before time.Time, limit int) (int, error)
}

// Page is what expanding one page came to.
type Page struct {
	Notification int64
	Deliveries   []message.Delivery // with their keys
	Jobs         []Job              // the batches, and the next page
	Last         bool               // the audience is read to its end
	Running      Running
}

// Parcel is a delivery with all that it takes to send it.
type Parcel struct {
	message.Delivery
	Token      string // push: opened
	Arrived    time.Time
	TokenState fleet.TokenState // empty = there is none any more
	LeftDevice bool             // the device was deleted since
	LeftUser   bool             // the person was deleted since
}

// Result is what became of one delivery, ready to be written.
type Result struct {
	Delivery   message.Delivery // as it was read
	State      message.State
	Attempts   int
	DueAt      time.Time // zero = with its batch
	Reason     message.Reason
	Detail     string
	ProviderID string
	Attempt    *message.Attempt // a failed one to record; nil = none
	Mark       message.Reason   // what the provider said of the address for good; empty = nothing
	Arrived    time.Time        // push: when the token arrived that the answer was about
}

// Results of one batch.
type Results struct {
	Server  int64
	List    []Result
	Pause   *channel.Pause // nil = the server goes on as it was
	Resume  bool           // a probe was accepted
	Answer  string         // the server's last words; empty = it gave none
	Jobs    []Job
	Running Running
	At      time.Time
}

// Move gives the rest of a batch to another server.
type Move struct {
	Batch   DispatchArgs
	From    int64
	To      int64
	Jobs    []Job
	Running Running
}

// Ending is a final state for what is still open.
type Ending struct {
	Notification int64
	After        message.DeliveryID // where the slice begins; 0 = with the first
	Channel      message.Channel    // 0 = all
	SharedOnly   bool               // only deliveries of the text that names nobody
	Language     string             // and of those the ones in this language
	State        message.State
	Reason       message.Reason
	Detail       string
}

// ServerState is what changes from second to second about a server.
type ServerState struct {
	Key         int64
	ID          string
	Kind        string
	Active      bool
	UpdatedAt   time.Time
	PausedUntil time.Time // zero = not paused
	Due         bool      // deliveries wait for their next attempt, and its time has come
}
