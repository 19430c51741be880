package store

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"heliograph/access"
	"heliograph/internal/pgtest"
	"heliograph/message"
)

// The list of deliveries is read by indexes and by windows of keys; whatever is asked for, it is what a look at all rows
// finds, page by page.
func TestDeliveryListsFindWhatIsThere(t *testing.T) {
	for name, url := range map[string]string{"sqlite": filepath.Join(t.TempDir(), "test.db"), "postgres": pgtest.Database(t)} {
		t.Run(name, func(t *testing.T) {
			s := mixedDeliveries(t, url)
			for _, channel := range append([]message.Channel{0}, message.Channels...) {
				for _, states := range [][]message.State{
					nil, {message.Queued}, {message.Sending}, {message.Sent}, {message.Failed}, {message.Unknown}, {message.Cancelled},
					{message.Failed, message.Unknown}, {message.Sent, message.Skipped}, {message.Queued, message.Sending},
				} {
					for _, search := range []string{"", "Ear7", "nobody"} {
						s.compare(DeliveryFilter{Channel: channel, State: states, Search: search})
					}
				}
			}
		})
	}
}

// mixed is a store with two notifications whose deliveries are in every state.
type mixed struct {
	*testing.T
	*Store
	id   message.NotificationID
	rows []message.Delivery
}

func mixedDeliveries(t *testing.T, url string) *mixed {
	before := windowDeliveries
	windowDeliveries = 7
	t.Cleanup(func() { windowDeliveries = before })
	opened, err := Open(t.Context(), url, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(opened.Close)
	m := &mixed{T: t, Store: opened, id: "one"}
	if err := opened.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := opened.Write(t.Context(), m.fill); err != nil {
		t.Fatal(err)
	}
	return m
}

// fill writes deliveries of two notifications in turn; text messages are few, and the oldest.
func (m *mixed) fill(tx Tx) error {
	ctx := m.Context()
	for _, statement := range []string{ // the job engine has not been here
		`CREATE TABLE river_job (state TEXT, kind TEXT, args JSONB)`,
		`INSERT INTO notifications (key, id, state, audience, content, requested_by, lane, created_at) VALUES
			(1, 'one', 'sending', '{}', '{}', '', 1, 0), (2, 'other', 'sending', '{}', '{}', '', 1, 0)`,
	} {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return err
		}
	}
	counts := newTally()
	for i := range 200 {
		d := message.Delivery{ID: message.DeliveryID(1000 + i), Notification: int64(1 + i%2), Channel: message.Push + message.Channel(i%3)%2,
			State: message.States[i/2%len(message.States)], Address: fmt.Sprintf("ear%d@example.org", i%20)}
		if d.State == message.Sending || i < 20 {
			d.Channel, d.State = message.SMS, message.States[i/2%3*2]
		}
		counts.enter(d)
		_, err := tx.Exec(ctx, `INSERT INTO deliveries (id, notification, channel, state, address) VALUES ($1, $2, $3, $4, $5)`,
			int64(d.ID), d.Notification, int16(d.Channel), int16(d.State), d.Address)
		if err != nil {
			return err
		}
		if d.Notification == 1 {
			m.rows = append(m.rows, d)
		}
	}
	return m.settle(ctx, tx, counts, m.now())
}

func (m *mixed) compare(f DeliveryFilter) {
	m.Helper()
	var want []message.DeliveryID
	for _, d := range slices.Backward(m.rows) {
		if (f.Channel == 0 || d.Channel == f.Channel) && (len(f.State) == 0 || slices.Contains(f.State, d.State)) &&
			strings.Contains(strings.ToLower(d.Address), strings.ToLower(f.Search)) {
			want = append(want, d.ID)
		}
	}
	var got []message.DeliveryID
	for cursor, pages := "", 0; ; pages++ {
		list, next, err := m.ListDeliveries(context.Background(), access.Everything, m.id, f, Page{Limit: 4, Cursor: cursor})
		if err != nil || len(list) > 4 || pages > 100 {
			m.Fatalf("%+v: page %d has %d, %v", f, pages, len(list), err)
		}
		for _, d := range list {
			got = append(got, d.ID)
		}
		if cursor = next; cursor == "" {
			break
		}
	}
	if !slices.Equal(got, want) {
		m.Errorf("%+v: %v, want %v", f, got, want)
	}
}

// A search that may not take long says where to go on.
func TestDeliveryListGivesUpInTime(t *testing.T) {
	m := mixedDeliveries(t, filepath.Join(t.TempDir(), "test.db"))
	f := DeliveryFilter{Search: "nobody"}
	looks := 0
	for cursor := ""; ; looks++ {
		list, next, err := m.ListDeliveries(t.Context(), access.Everything, m.id, f, Page{Cursor: cursor, Within: 1})
		if err != nil || len(list) > 0 {
			t.Fatal(list, err)
		}
		if next == "" {
			break
		}
		if next == cursor {
			t.Fatal("it goes on where it began")
		}
		cursor = next
	}
	if looks < 10 {
		t.Errorf("100 rows were looked through in %d parts", looks+1)
	}
}
