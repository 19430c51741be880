package doctor

import "fmt"

// Space below which it is wrong, or worth a look.
const (
	leastRoom = 200 << 20
	fairRoom  = 2 << 30
)

func disk(b *book, path string) {
	free, size, err := room(path)
	if err != nil {
		b.warn("disk", "cannot be looked at: "+err.Error(), "Check --data.")
		return
	}
	detail := fmt.Sprintf("%.1f of %.1f GiB are free where %s is", gib(free), gib(size), path)
	const advice = "Make room: when the disk is full nothing can be accepted any more. What was accepted is kept and goes on when there is room."
	switch {
	case free < leastRoom:
		b.fail("disk", detail, advice)
	case free < fairRoom:
		b.warn("disk", detail, advice)
	default:
		b.fine("disk", "%s", detail)
	}
}

func gib(bytes uint64) float64 { return float64(bytes) / (1 << 30) }
