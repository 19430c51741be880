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

// collectAt is how much the heap may grow between two collections, in percent of what is in use.
const collectAt = 200
