package control

// Witness is how Go code asks a simulator what it saw and tells it what to do wrong: what Plane is for HTTP. R is the
// simulator's record of a request, I the same as people read it. A server embeds it.
type Witness[R, I any] struct {
	history *History[R]
	rules   *Rules
	show    func(Entry[R]) I
}

// NewWitness is about a server's own history and rules; show makes an item of an entry.
func NewWitness[R, I any](history *History[R], rules *Rules, show func(Entry[R]) I) Witness[R, I] {
	return Witness[R, I]{history, rules, show}
}

// Fail puts a rule in force. Unlike over HTTP, Times 0 here means for ever.
func (w Witness[R, I]) Fail(rule Rule) error { return w.rules.Add(rule) }

// Reset forgets the history and all rules.
func (w Witness[R, I]) Reset() {
	w.history.Clear()
	w.rules.Clear()
}

// Count is the number of requests read since the last Reset.
func (w Witness[R, I]) Count() int64 { return w.history.Count() }

// Changed returns a channel that is closed when the history changes.
func (w Witness[R, I]) Changed() <-chan struct{} { return w.history.Changed() }

// History returns what is remembered, newest last.
func (w Witness[R, I]) History() []I { return w.items(w.history.Newest(DefaultHistory)) }

// After returns the first limit items after the one with this sequence number, for those who follow the history.
func (w Witness[R, I]) After(seq int64, limit int) (items []I, generation, count, last int64) {
	span := w.history.After(seq, limit)
	return w.items(span), span.Generation, span.Count, span.Last
}

func (w Witness[R, I]) items(span Span[R]) []I {
	items := make([]I, len(span.Entries))
	for i, entry := range span.Entries {
		items[i] = w.show(entry)
	}
	return items
}

// Controls is the same over HTTP. reset is the server's, which may have more to forget.
func (w Witness[R, I]) Controls(magic []Magic, reset func()) Plane {
	return Plane{
		Rules:   w.rules,
		Magic:   magic,
		History: func(q Query) Page { return PageOf(w.history.Read(q), w.show) },
		Reset:   reset,
	}
}
