package app

import (
	"os"
	"runtime/debug"
)

// TuneMemory trades some memory for processor time: with the few megabytes that a process of ours holds on to, the
// collector would run dozens of times a second while it sends. GOGC in the environment is left to have its way.
func TuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
}

// holds is called when so many bytes are held for good, in which the collector finds nothing to follow: the heap may grow by
// as much as before, and not by twice of those too.
func holds(bytes int64) {
	if bytes > usualHeap/4 && os.Getenv("GOGC") == "" {
		debug.SetGCPercent(int(max(collectLeast, collectAt*usualHeap/(usualHeap+bytes))))
	}
}

// usualHeap is what a process of ours has in use while it sends, and collectLeast the smallest percentage.
const (
	usualHeap    = 32 << 20
	collectLeast = 20
)

// collectAt is how much the heap may grow between two collections, in percent of what is in use.
const collectAt = 200
