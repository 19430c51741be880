package app

import (
	"heliograph/courier"
	"heliograph/jobs"
	"heliograph/store"
)

// registerWorkers says who does each kind of job.
func registerWorkers(e *jobs.Engine, c *courier.Courier, s *store.Store) {
	jobs.Work(e, nil, c.Expand)
	jobs.Work(e, c.DispatchTime, c.Dispatch)
	jobs.Work(e, c.RetryTime, c.Retry)
	jobs.Work(e, c.ProbeTime, c.Probe)
	jobs.Work(e, nil, c.Cancel)
	jobs.Work(e, nil, c.GiveUp)
	jobs.Work(e, nil, c.Again)
	jobs.Work(e, nil, c.Hurry)
	jobs.Work(e, nil, c.CleanUp)
	jobs.Work(e, nil, s.Reseal)
}
