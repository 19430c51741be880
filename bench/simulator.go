package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"heliograph/sim"
	"heliograph/sim/control"
)

// startTime is how long a helper may take until it answers.
const startTime = time.Minute

// startSimulator starts the provider and waits until it listens.
func (b *bench) startSimulator(ctx context.Context) (err error) {
	b.sims = filepath.Join(b.dir, "simulator.json")
	p, err := b.start("sim", b.subject.simulator, "--ready-file", b.sims, "--state-dir", filepath.Join(b.dir, "simulator"))
	if err != nil {
		return err
	}
	b.simulator = p
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := os.Stat(b.sims); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			p.end()
			return fmt.Errorf("waiting for the simulator: %w", ctx.Err())
		case <-p.Done():
			return p.died(ctx, p.Err())
		case <-tick.C:
		}
	}
}

func readSims(path string) (ready sim.Ready, err error) {
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &ready)
	}
	if err != nil {
		return ready, fmt.Errorf("reading where the simulator is: %w", err)
	}
	return ready, nil
}

// setLatency makes the provider forget what it got, and wait before each answer.
func (b *bench) setLatency(ctx context.Context, ms int) error {
	ready, err := readSims(b.sims)
	if err != nil {
		return err
	}
	origin := ready.Sims[b.control]
	client, err := trusting(ready.CAFile)
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	if err := post(ctx, client, origin+"/_sim/reset", nil); err != nil || ms == 0 {
		return err
	}
	rule := control.Rule{Action: control.Answer, Stage: b.stage, DelayMS: ms, Times: 0}
	text, err := json.Marshal(rule)
	if err != nil {
		return err
	}
	return post(ctx, client, origin+"/_sim/fail", text)
}

func post(ctx context.Context, client *http.Client, url string, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	answer, err := client.Do(r)
	if err != nil {
		return fmt.Errorf("asking the simulator: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 1000))
		return fmt.Errorf("the simulator answered %s: %s", answer.Status, text)
	}
	return nil
}
