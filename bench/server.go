package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strconv"

	"heliograph/access"
	"heliograph/app"
	"heliograph/intake"
	"heliograph/sim"
)

// sender of all mails.
const mailFrom = "heliograph@example.com"

// putServer sets up the simulator as the provider.
func putServer(ctx context.Context, a *app.App, t task) error {
	ready, err := readSims(t.Sims)
	if err != nil {
		return err
	}
	kind := subjects[t.Subject].server
	settings, err := settingsOf(kind, ready)
	if err != nil {
		return err
	}
	in := intake.ServerInput{Kind: kind, Name: "Simulator", Settings: map[string]json.RawMessage{}}
	for field, value := range settings {
		if in.Settings[field], err = json.Marshal(value); err != nil {
			return err
		}
	}
	if _, err := a.Door().CreateServer(ctx, access.Actor{Name: "bench", Role: access.Administrator, Scope: access.Everything}, in); err != nil {
		return fmt.Errorf("setting up the server: %w", err)
	}
	return nil
}

// textRate is the highest that can be set: what is measured is us.
const textRate = 10_000

func settingsOf(kind string, ready sim.Ready) (map[string]any, error) {
	if kind == "smtp" {
		host, port, err := net.SplitHostPort(ready.Sims[sim.SMTP])
		if err != nil {
			return nil, fmt.Errorf("reading the simulator's address: %w", err)
		}
		number, err := strconv.Atoi(port)
		return map[string]any{"host": host, "port": number, "security": "none", "from_email": mailFrom, "max_recipients": mailGroup}, err
	}
	ca, err := os.ReadFile(ready.CAFile)
	if err != nil {
		return nil, fmt.Errorf("reading the simulator's authority: %w", err)
	}
	if kind == "sms" {
		c := ready.Credentials.Vonage
		return map[string]any{
			"key": c.Key, "secret": c.Secret, "country": "+33", "sender": "Ward", "rate_per_second": textRate, "rate_per_second_us": textRate,
			"endpoint": ready.Sims[sim.Vonage], "trusted_ca": string(ca),
		}, nil
	}
	c := ready.Credentials.APNs
	return map[string]any{
		"app": appID, "environment": "production", "key_p8": c.KeyP8, "key_id": c.KeyID, "team_id": c.TeamID,
		"endpoint": ready.Sims[sim.APNs], "trusted_ca": string(ca),
	}, nil
}
