package store

// arena holds many small byte strings in few large ones.
type arena struct {
	parts        [][]byte
	held, wasted int
}

// span is where one is.
type span struct {
	part, from, length uint32
}

const arenaPart = 1 << 20

func (a *arena) add(b []byte) span {
	if n := len(a.parts); n == 0 || len(a.parts[n-1])+len(b) > cap(a.parts[n-1]) {
		a.parts = append(a.parts, make([]byte, 0, max(arenaPart, len(b))))
	}
	last := len(a.parts) - 1
	from := len(a.parts[last])
	a.parts[last] = append(a.parts[last], b...)
	a.held += len(b)
	return span{uint32(last), uint32(from), uint32(len(b))} //nolint:gosec // parts are small and few
}

func (a *arena) get(s span) []byte {
	if s.length == 0 {
		return nil
	}
	return a.parts[s.part][s.from : s.from+s.length]
}

func (a *arena) drop(s span) { a.wasted += int(s.length) }

// wasteful reports whether more than half is gone, and that is much.
func (a *arena) wasteful() bool { return a.wasted > arenaPart && a.wasted > a.held/2 }
