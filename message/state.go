package message

import "fmt"

// State is where a delivery stands. The numbers are what the database keeps.
//
//	queued → sending → sent → delivered
//	                 ↘ failed, unknown
//	queued → skipped, cancelled, failed (expired)
type State uint8

const (
	Queued    State = 1 // waits for its batch, or for its next attempt
	Sending   State = 2 // its batch is being worked; derived from the batch, written for SMS only
	Sent      State = 3 // the provider accepted it
	Delivered State = 4 // a receipt says that it arrived (SMS)
	Failed    State = 5
	Skipped   State = 6 // there was nowhere to send it
	Cancelled State = 7
	Unknown   State = 8 // SMS only: the answer was lost and a second one would cost money
)

// States lists every state in the order of the API's counts.
var States = []State{Queued, Sending, Sent, Delivered, Failed, Skipped, Cancelled, Unknown}

var stateNames = map[State]string{
	Queued: "queued", Sending: "sending", Sent: "sent", Delivered: "delivered",
	Failed: "failed", Skipped: "skipped", Cancelled: "cancelled", Unknown: "unknown",
}

// String is the state's word in the API.
func (s State) String() string {
	if name, ok := stateNames[s]; ok {
		return name
	}
	return fmt.Sprintf("state(%d)", uint8(s))
}

// ParseState reads the API's word for a state.
func ParseState(word string) (State, error) {
	for s, name := range stateNames {
		if name == word {
			return s, nil
		}
	}
	return 0, fmt.Errorf("unknown state %q", word)
}

// Open reports whether the delivery still has something before it. A notification is done when none of its
// deliveries is open.
func (s State) Open() bool { return s == Queued || s == Sending }

func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

func (s *State) UnmarshalText(text []byte) (err error) {
	*s, err = ParseState(string(text))
	return err
}
