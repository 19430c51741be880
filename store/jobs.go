package store

import (
	"context"

	"heliograph/courier"
)

// Jobs is what the store needs of the job engine: jobs that begin and end in the store's own transactions.
type Jobs interface {
	Insert(ctx context.Context, tx Tx, jobs ...courier.Job) error
	Complete(ctx context.Context, tx Tx, running courier.Running) error
	PauseQueue(ctx context.Context, tx Tx, queue string) error
	ResumeQueue(ctx context.Context, tx Tx, queue string) error
}

var _ courier.Store = (*Store)(nil)
