package exchange

import "time"

// clock is time that may pass faster than on the wall.
type clock struct {
	scale float64
	wall  time.Time // when the scale was set
	begun time.Duration
}

func newClock(scale float64) clock { return clock{scale: scale, wall: time.Now()} }

// now is how much of its own time has passed.
func (c *clock) now() time.Duration {
	return c.begun + time.Duration(float64(time.Since(c.wall))*c.scale)
}

// set changes the speed from now on.
func (c *clock) set(scale float64) {
	c.begun, c.wall, c.scale = c.now(), time.Now(), scale
}

// until is the wait on the wall for a moment of the clock's own time.
func (c *clock) until(due time.Duration) time.Duration {
	return max(0, time.Duration(float64(due-c.now())/c.scale))
}
