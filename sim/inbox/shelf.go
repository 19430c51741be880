package inbox

import (
	"container/list"
	"slices"
	"strings"
)

// Bounds of what is held, as in package phone.
const (
	maxBoxes    = 10_000
	maxItems    = 20   // of one box
	maxText     = 4000 // bytes of a text that a page gets
	catchUpStep = 2000
)

// shelf keeps what arrived at each address, within bounds. It is not safe for concurrent use.
type shelf[T any] struct {
	boxes map[string]*list.Element
	order *list.List // of *box[T], the one that got something last in front
}

// box is one address and what arrived there, newest first.
type box[T any] struct {
	address  string
	received int64
	items    []T
}

func newShelf[T any]() shelf[T] { return shelf[T]{map[string]*list.Element{}, list.New()} }

func (s *shelf[T]) forget() { *s = newShelf[T]() }

// place is how far a simulator's history was read.
type place struct {
	generation int64 // of the history: it begins anew when somebody resets it
	last       int64 // seq of what was read last
	count      int64 // all that the simulator read
}

// catchUp reads on, oldest first. It calls forget when the history began anew.
func catchUp[I any](p *place, after func(seq int64, limit int) (items []I, generation, count, last int64), seq func(I) int64,
	forget func(), take func(I)) {
	for {
		items, generation, count, last := after(p.last, catchUpStep)
		if generation != p.generation {
			forget()
			p.generation = generation
		}
		p.count = count
		for _, item := range items {
			take(item)
		}
		if len(items) == 0 {
			p.last = last
			return
		}
		if p.last = seq(items[len(items)-1]); p.last >= last {
			return
		}
	}
}

// put adds an item to the box of an address.
func (s *shelf[T]) put(address string, item T) {
	b := s.touch(address)
	b.received++
	b.items = slices.Insert(b.items, 0, item)
	b.items = b.items[:min(len(b.items), maxItems)]
}

// touch finds or makes the box and moves it to the front; the one that has been quiet longest makes room.
func (s *shelf[T]) touch(address string) *box[T] {
	if e, ok := s.boxes[address]; ok {
		s.order.MoveToFront(e)
		return e.Value.(*box[T])
	}
	if s.order.Len() >= maxBoxes {
		oldest := s.order.Back()
		delete(s.boxes, oldest.Value.(*box[T]).address)
		s.order.Remove(oldest)
	}
	b := &box[T]{address: address}
	s.boxes[address] = s.order.PushFront(b)
	return b
}

// find returns copies of the newest boxes that contain query, with up to limit items altogether. When the address does,
// all items of the box are in, else those whose words do.
func (s *shelf[T]) find(query string, limit int, words func(T) string) []box[T] {
	var found []box[T]
	query = strings.ToLower(query)
	for e := s.order.Front(); e != nil && limit > 0; e = e.Next() {
		b := e.Value.(*box[T])
		items := slices.Clone(b.items)
		if !strings.Contains(strings.ToLower(b.address), query) {
			items = slices.DeleteFunc(items, func(item T) bool { return !strings.Contains(strings.ToLower(words(item)), query) })
		}
		if len(items) == 0 {
			continue
		}
		items = items[:min(len(items), limit)]
		limit -= len(items)
		found = append(found, box[T]{b.address, b.received, items})
	}
	return found
}

// shortened is a text that is short enough for a page.
func shortened(text string) string {
	if len(text) <= maxText {
		return text
	}
	return strings.ToValidUTF8(text[:maxText], "") + " …"
}
