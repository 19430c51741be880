package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"heliograph/courier"
	"heliograph/internal/pgtest"
	"heliograph/jobs"
	"heliograph/store"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// note is a job that says its text.
type note struct {
	Text string `json:"text"`
}

func (note) Kind() string { return "note" }

const queue = "server-notes"

// desk is an engine whose jobs are heard.
type desk struct {
	*testing.T
	store  *store.Store
	engine *jobs.Engine
	heard  chan string
	answer func(context.Context, note, courier.Running) error // nil = done
}

func onBoth(t *testing.T, test func(d *desk)) {
	t.Run("sqlite", func(t *testing.T) { test(newDesk(t, filepath.Join(t.TempDir(), "test.db"))) })
	t.Run("postgres", func(t *testing.T) { test(newDesk(t, pgtest.Database(t))) })
}

func newDesk(t *testing.T, url string) *desk {
	t.Helper()
	d := &desk{T: t, heard: make(chan string, 100)}
	var err error
	d.store, err = store.Open(t.Context(), url, store.Options{})
	d.must(err)
	t.Cleanup(d.store.Close)
	d.must(d.store.Migrate(t.Context()))
	d.must(jobs.Migrate(t.Context(), d.store))
	d.engine = jobs.New(d.store, jobs.Options{Work: true})
	jobs.Work(d.engine, nil, d.work)
	d.must(d.engine.Open())
	d.store.UseJobs(d.engine)
	return d
}

func (d *desk) work(ctx context.Context, n note, running courier.Running) error {
	d.heard <- n.Text
	if d.answer != nil {
		return d.answer(ctx, n, running)
	}
	return nil
}

func (d *desk) start() {
	d.Helper()
	d.must(d.engine.EnsureQueue(queue, 1))
	d.must(d.engine.Start(context.WithoutCancel(d.Context())))
	d.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := d.engine.Stop(ctx); err != nil {
			d.Errorf("stopping: %v", err)
		}
		if err := d.engine.Stop(ctx); err != nil {
			d.Errorf("stopping twice: %v", err)
		}
	})
}

func (d *desk) must(err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

func (d *desk) insert(list ...courier.Job) {
	d.Helper()
	for i := range list {
		list[i].Queue = queue
	}
	d.must(d.store.Enqueue(d.Context(), list...))
}

// hears waits for the next note.
func (d *desk) hears(want string) {
	d.Helper()
	select {
	case got := <-d.heard:
		if got != want {
			d.Fatalf("heard %q, want %q", got, want)
		}
	case <-time.After(20 * time.Second):
		d.Fatalf("never heard %q", want)
	}
}

func TestCauseAndJobCommitTogether(t *testing.T) {
	onBoth(t, func(d *desk) {
		d.start()
		changed := errors.New("changed my mind")
		err := d.store.Write(d.Context(), func(tx store.Tx) error {
			if err := d.engine.Insert(d.Context(), tx, courier.Job{Args: note{"never"}, Queue: queue, Lane: courier.Urgent}); err != nil {
				return err
			}
			return changed
		})
		if !errors.Is(err, changed) {
			d.Fatal(err)
		}
		d.insert(courier.Job{Args: note{"committed"}, Lane: courier.Normal})
		d.hears("committed") // and the other one not before it, though its lane is more urgent
	})
}

func TestUrgentPassesBulk(t *testing.T) {
	onBoth(t, func(d *desk) {
		d.insert(courier.Job{Args: note{"bulk"}, Lane: courier.Bulk}, courier.Job{Args: note{"normal"}, Lane: courier.Normal}, courier.Job{Args: note{"urgent"}, Lane: courier.Urgent})
		d.start()
		d.hears("urgent")
		d.hears("normal")
		d.hears("bulk")
	})
}

func TestOnce(t *testing.T) {
	onBoth(t, func(d *desk) {
		same := courier.Job{Args: note{"same"}, Lane: courier.Normal, Once: true}
		d.insert(same)
		d.insert(same)
		d.insert(courier.Job{Args: note{"other"}, Lane: courier.Bulk, Once: true})
		d.start()
		d.hears("same")
		d.hears("other")
	})
}

func TestFailedJobIsTriedAgainAndLaterWaits(t *testing.T) {
	onBoth(t, func(d *desk) {
		tries := 0
		d.answer = func(context.Context, note, courier.Running) error {
			tries++
			switch tries {
			case 1:
				return errors.New("the database was away")
			case 2:
				return &courier.Later{After: 10 * time.Millisecond}
			}
			return nil
		}
		d.insert(courier.Job{Args: note{"try"}, Lane: courier.Normal})
		d.start()
		d.hears("try")
		d.hears("try")
		d.hears("try")
	})
}

func TestJobCompletesWithItsResults(t *testing.T) {
	onBoth(t, func(d *desk) {
		refused := errors.New("refused")
		first := true
		d.answer = func(ctx context.Context, _ note, running courier.Running) error {
			return d.store.Write(ctx, func(tx store.Tx) error {
				if err := d.engine.Complete(ctx, tx, running); err != nil {
					return err
				}
				if first {
					first = false
					return refused // rolls the completion back: the job must come again
				}
				return nil
			})
		}
		d.insert(courier.Job{Args: note{"result"}, Lane: courier.Normal})
		d.start()
		d.hears("result")
		d.hears("result")
		d.insert(courier.Job{Args: note{"after"}, Lane: courier.Normal})
		d.hears("after")
	})
}

func TestPausedQueueWaits(t *testing.T) {
	onBoth(t, func(d *desk) {
		d.start()
		d.insert(courier.Job{Args: note{"before"}, Lane: courier.Normal})
		d.hears("before") // the queue is known now
		d.must(d.store.Write(d.Context(), func(tx store.Tx) error { return d.engine.PauseQueue(d.Context(), tx, queue) }))
		d.must(d.store.Write(d.Context(), func(tx store.Tx) error {
			if err := d.engine.PauseQueue(d.Context(), tx, "server-unknown"); err != nil {
				return err
			}
			return d.engine.ResumeQueue(d.Context(), tx, "server-unknown")
		}))
		d.must(d.engine.EnsureQueue("server-other", 1))
		left := d.pausedAtLast()
		d.must(d.store.Write(d.Context(), func(tx store.Tx) error { return d.engine.ResumeQueue(d.Context(), tx, queue) }))
		d.hears(left)
	})
}

// pausedAtLast sends notes through the paused queue and another one, until only the other is heard: a node takes a
// moment to learn of a pause. It returns the note that waits.
func (d *desk) pausedAtLast() (left string) {
	d.Helper()
	for i := range 100 {
		left, other := fmt.Sprint("paused ", i), fmt.Sprint("other ", i)
		d.insert(courier.Job{Args: note{left}, Lane: courier.Urgent})
		d.must(d.store.Enqueue(d.Context(), courier.Job{Args: note{other}, Queue: "server-other", Lane: courier.Bulk}))
		switch first := <-d.heard; first {
		case other:
			return left
		case left:
			d.hears(other)
		default:
			d.Fatalf("heard %q", first)
		}
	}
	d.Fatal("the pause never came")
	return ""
}

// TestJobOfADeadProcessIsTakenUp: what SQLite's only process left running when it died is worked after the next start.
func TestJobOfADeadProcessIsTakenUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	d := newDesk(t, path)
	d.insert(courier.Job{Args: note{"left"}, Lane: courier.Normal})
	d.must(d.store.Write(d.Context(), func(tx store.Tx) error { // as River leaves it
		_, err := tx.Exec(d.Context(), `UPDATE river_job SET state = 'running', attempt = 1, attempted_at = CURRENT_TIMESTAMP`)
		return err
	}))
	d.start()
	d.hears("left")
}
