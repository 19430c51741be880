package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"heliograph/access"
	"heliograph/fleet"
	"heliograph/internal/demofleet"
)

// fillFleet makes up a fleet where there is none yet.
func (d *Demo) fillFleet(ctx context.Context) error {
	s := d.app.Store()
	has, err := s.CountDevices(ctx, access.Everything, fleet.Filter{})
	if has > 0 || err != nil {
		return err
	}
	o := demofleet.Options{Seed: d.options.Seed, Now: time.Now(), APNs: AppID, FCM: AppID, WebPush: WebAppID, Subscribe: d.subscribe}
	if err := demofleet.Load(ctx, s, o, d.options.Devices, d.options.Progress); err != nil {
		return fmt.Errorf("making up a fleet: %w", err)
	}
	return nil
}

// subscribe is the token of a simulated browser.
func (d *Demo) subscribe(name string) string {
	s := d.sims.WebPush().Subscription(name)
	token, _ := json.Marshal(map[string]string{"endpoint": s.Endpoint, "p256dh": s.Keys.P256dh, "auth": s.Keys.Auth}) // texts always encode
	return string(token)
}
