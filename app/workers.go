package app

import (
	"heliograph/courier"
	"heliograph/jobs"
)

// registerWorkers says who does each kind of job.
func registerWorkers(e *jobs.Engine, c *courier.Courier) {
	jobs.Work(e, nil, c.Expand)
	jobs.Work(e, nil, c.Dispatch)
	jobs.Work(e, nil, c.Retry)
	jobs.Work(e, nil, c.Probe)
	jobs.Work(e, nil, c.Cancel)
	jobs.Work(e, nil, c.GiveUp)
	jobs.Work(e, nil, c.Again)
	jobs.Work(e, nil, c.CleanUp)
}
