package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// burst asks for one notification for each device, all at once, as a system does that reports each event by itself. Each
// must be delivered, or be refused with a word when to come again; those come again. What was accepted is compared with
// what the simulator received.
const burst = "burst"

// burstWidth is how many connections ask at the same time.
const burstWidth = 250

// asker sends the requests of a burst.
type asker struct {
	*sender
	client  *http.Client
	refused atomic.Int64
	mu      sync.Mutex
	took    []time.Duration // of the requests that were accepted
}

// runBurst is one measurement.
func (b *bench) runBurst(ctx context.Context, p *place, n int, r *Result) error {
	s, err := b.startSender(ctx, p)
	if err != nil {
		return err
	}
	defer s.end()
	before, err := s.usage()
	if err != nil {
		return err
	}
	a := &asker{sender: s, client: &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: burstWidth}}}
	defer a.client.CloseIdleConnections()
	start := time.Now()
	err = spread(n, burstWidth, func() (func(int) error, func(), error) {
		return func(i int) error { return a.ask(ctx, i) }, func() {}, nil
	})
	if err != nil {
		return err
	}
	asked := time.Since(start)
	if err := s.settled(ctx); err != nil {
		return err
	}
	took := time.Since(start)
	after, err := s.usage()
	if err != nil {
		return err
	}
	r.Rate, r.AskRate = round(float64(n)/took.Seconds(), 0), round(float64(n)/asked.Seconds(), 0)
	r.CPU = round((after.CPU-before.CPU).Seconds()*1e6/float64(n), 1)
	r.PeakMiB, r.Refused = round(float64(after.PeakKiB)/1024, 1), int(a.refused.Load())
	r.DiskBytes = round(float64(after.Disk-before.Disk)/float64(n), 0)
	r.P50, r.P99 = a.quantiles()
	return b.mustHaveArrived(ctx, n)
}

// ask is one request, until it is accepted.
func (a *asker) ask(ctx context.Context, i int) error {
	body, err := json.Marshal(map[string]any{
		"audience": map[string]any{"device_ids": []string{string(phone(i).ID)}},
		"ad_hoc":   map[string]any{"push": map[string]string{"message": personalPush}},
	})
	if err != nil {
		return err
	}
	for {
		start := time.Now()
		wait, err := a.post(ctx, body)
		if err != nil {
			return err
		}
		if wait == 0 {
			a.mu.Lock()
			a.took = append(a.took, time.Since(start))
			a.mu.Unlock()
			return nil
		}
		a.refused.Add(1)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// post asks once: 0 = accepted, else how long to wait. Any other answer is an error.
func (a *asker) post(ctx context.Context, body []byte) (wait time.Duration, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.api+"/notifications", bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Authorization", "Bearer "+a.token)
	r.Header.Set("Content-Type", "application/json")
	answer, err := a.client.Do(r)
	if err != nil {
		return 0, fmt.Errorf("asking the sender: %w", err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	switch {
	case err != nil:
		return 0, fmt.Errorf("asking the sender: %w", err)
	case answer.StatusCode == http.StatusAccepted:
		return 0, nil
	case answer.StatusCode != http.StatusTooManyRequests && answer.StatusCode != http.StatusServiceUnavailable:
		return 0, fmt.Errorf("the sender answered %s: %s", answer.Status, text)
	}
	seconds, err := strconv.Atoi(answer.Header.Get("Retry-After"))
	if err != nil || seconds < 1 {
		return 0, fmt.Errorf("the sender refused with %s, and Retry-After %q says not when to come again", answer.Status, answer.Header.Get("Retry-After"))
	}
	return time.Duration(seconds) * time.Second, nil
}

func (a *asker) quantiles() (p50, p99 float64) {
	slices.Sort(a.took)
	at := func(share float64) float64 {
		return round(float64(a.took[int(share*float64(len(a.took)-1))].Microseconds())/1000, 1)
	}
	return at(0.5), at(0.99)
}

// settled waits until no notification is under way.
func (s *sender) settled(ctx context.Context) error {
	tick := time.NewTicker(settledEvery)
	defer tick.Stop()
	for {
		var running struct{ Items []notification }
		if err := s.call(ctx, http.MethodGet, "/notifications?limit=1&state=expanding,sending", nil, &running); err != nil {
			return err
		}
		if len(running.Items) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

const settledEvery = 100 * time.Millisecond

// mustHaveArrived compares what was accepted with what the simulator received since it forgot.
func (b *bench) mustHaveArrived(ctx context.Context, n int) error {
	ready, err := readSims(b.sims)
	if err != nil {
		return err
	}
	client, err := trusting(ready.CAFile)
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	var history struct{ Count int }
	if err := get(ctx, client, ready.Sims[b.control]+"/_sim/history?limit=1", &history); err != nil {
		return err
	}
	if history.Count != n {
		return fmt.Errorf("of %d messages that were accepted the provider received %d", n, history.Count)
	}
	return nil
}

func get(ctx context.Context, client *http.Client, url string, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	answer, err := client.Do(r)
	if err != nil {
		return fmt.Errorf("asking the simulator: %w", err)
	}
	defer answer.Body.Close()
	return json.NewDecoder(answer.Body).Decode(into)
}

// fair sends to everybody, and while that goes on to ten devices by hand, again and again.
const fair = "fair"

const (
	fewDevices = 10
	fewEvery   = 2 * time.Second
	fewWithin  = 15 * time.Second
)

// runFair is one measurement. In the second third of the large notification others are sent by hand.
func (b *bench) runFair(ctx context.Context, p *place, c content, n int, r *Result) error {
	s, err := b.startSender(ctx, p)
	if err != nil {
		return err
	}
	defer s.end()
	before, err := s.usage()
	if err != nil {
		return err
	}
	large, err := s.begin(ctx, c, map[string]any{"all": true})
	if err != nil {
		return err
	}
	f := &fairness{sender: s, large: large, n: n, content: c}
	if err := f.watch(ctx); err != nil {
		return err
	}
	after, err := s.usage()
	if err != nil {
		return err
	}
	slices.Sort(f.took)
	r.Rate, r.AloneRate = round(f.rate(1), 0), round((f.rate(0)+f.rate(2))/2, 0)
	r.CPU = round((after.CPU-before.CPU).Seconds()*1e6/float64(n), 1)
	r.PeakMiB, r.Connections = round(float64(after.PeakKiB)/1024, 1), after.Connections
	r.P50, r.P99 = round(f.took[len(f.took)/2].Seconds()*1000, 0), round(f.took[len(f.took)-1].Seconds()*1000, 0)
	if worst := f.took[len(f.took)-1]; worst > fewWithin {
		return fmt.Errorf("the last of ten by hand was handed over after %v", worst)
	}
	return nil
}

// fairness watches a large notification.
type fairness struct {
	*sender
	content content
	large   notification
	n       int
	passed  [4]time.Time    // when it began, and was a third, two thirds and almost done
	at      [4]int          // how much was sent then
	took    []time.Duration // from each request by hand to its last outcome
}

// rate is that of a third.
func (f *fairness) rate(third int) float64 {
	return float64(f.at[third+1]-f.at[third]) / f.passed[third+1].Sub(f.passed[third]).Seconds()
}

// fairShares are the parts of the large notification at which the thirds end: its beginning and its end are left out.
var fairShares = [4]float64{0.1, 0.37, 0.63, 0.9}

func (f *fairness) watch(ctx context.Context) error {
	var few sync.WaitGroup
	var mu sync.Mutex
	var first error
	next, last := 0, time.Time{}
	for next < len(fairShares) {
		var now notification
		if err := f.call(ctx, http.MethodGet, "/notifications/"+f.large.ID, nil, &now); err != nil {
			return err
		}
		if sent := now.Counts["push"]["sent"]; float64(sent) >= fairShares[next]*float64(f.n) {
			f.passed[next], f.at[next] = time.Now(), sent
			next++
		}
		if next == 2 && time.Since(last) >= fewEvery {
			last = time.Now()
			few.Go(func() {
				took, err := f.byHand(ctx)
				mu.Lock()
				defer mu.Unlock()
				f.took = append(f.took, took)
				if first == nil {
					first = err
				}
			})
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(settledEvery):
		}
	}
	few.Wait()
	if first == nil && len(f.took) == 0 {
		first = fmt.Errorf("%d are too few to send anything beside them", f.n)
	}
	return first
}

// byHand sends to ten devices and waits for the last outcome.
func (f *fairness) byHand(ctx context.Context) (time.Duration, error) {
	ids := make([]string, fewDevices)
	for i := range ids {
		ids[i] = string(phone(i * f.n / fewDevices).ID)
	}
	start := time.Now()
	made, err := f.begin(ctx, f.content, map[string]any{"device_ids": ids})
	if err != nil {
		return 0, err
	}
	done, end, err := f.wait(ctx, made.ID, fewDevices, false)
	if err != nil {
		return 0, err
	}
	return end.Sub(start), done.check(fewDevices, false)
}
