package courier

import (
	"fmt"
	"time"
)

// Later is what a worker returns when it is not the job's time yet: no attempt is spent on it.
type Later struct{ After time.Duration }

func (l *Later) Error() string { return fmt.Sprintf("not before %v", l.After) }
