//go:build !unix

package bench

import (
	"errors"
	"time"
)

// processorTime: what is measured is measured on Linux.
func processorTime() (time.Duration, error) {
	return 0, errors.New("the processor time is not known on this system")
}
