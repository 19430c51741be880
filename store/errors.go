package store

import "errors"

var (
	// ErrNotFound says that there is no such object, or none in the caller's scope: the two look the same from outside.
	ErrNotFound = errors.New("there is no such object")
	// ErrConflict says that a unique name is taken, or that the object is in use.
	ErrConflict = errors.New("the name is taken, or the object is in use")
	// ErrCursor says that a cursor was not made by the same list in the same order.
	ErrCursor = errors.New("the cursor does not belong to this list")
)

// Taken says that another object of the kind has a value already that only one may have. It is an ErrConflict.
type Taken struct {
	Field string // as the API calls it: name, domain
	Words string // what there is already: "a server with this name exists already"
}

func (t *Taken) Error() string { return t.Words + ": " + ErrConflict.Error() }
func (t *Taken) Unwrap() error { return ErrConflict }

// nameTaken is the commonest: what is "a server", "a template".
func nameTaken(what string) error { return &Taken{"name", what + " with this name exists already"} }

// notFound turns an empty result into ErrNotFound.
func notFound(err error) error {
	if errors.Is(err, ErrNoRows) {
		return ErrNotFound
	}
	return err
}
