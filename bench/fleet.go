package bench

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"heliograph/access"
	"heliograph/app"
	"heliograph/channel"
	"heliograph/courier"
	"heliograph/fleet"
	"heliograph/message"
	"heliograph/store"
)

// appID is the app on all devices.
const appID = "org.example.agent"

// filled is the answer of a fill.
type filled struct{ Token string }

// fill makes an installation: a fleet, a server that leads to the simulator, and a token for the API.
func fill(ctx context.Context, t task, answers *json.Encoder, log *slog.Logger) error {
	a, err := app.New(ctx, app.Options{Database: t.database(), Logger: log})
	if err != nil {
		return err
	}
	defer a.Stop(ctx) //nolint:errcheck // the error of the work counts
	make := fillFleet
	if t.Subject == wake {
		make = fillMail
	}
	if err := make(ctx, a.Store(), t.Devices); err != nil {
		return err
	}
	if err := putServer(ctx, a, t); err != nil {
		return err
	}
	token, _, err := a.Store().CreateToken(ctx, "bench", access.Administrator, time.Time{})
	if err != nil {
		return fmt.Errorf("making a token: %w", err)
	}
	return answers.Encode(filled{token})
}

// fillPage is how many people are stored at a time.
const fillPage = 5000

func fillFleet(ctx context.Context, s *store.Store, n int) error {
	for first := 0; first < n; first += fillPage {
		var users []fleet.User
		var devices []fleet.Device
		for i := first; i < min(n, first+fillPage); i++ {
			users, devices = append(users, person(i)), append(devices, phone(i))
		}
		if err := s.PutFleet(ctx, users, devices); err != nil {
			return fmt.Errorf("storing the fleet: %w", err)
		}
	}
	return s.Analyze(ctx)
}

var givenNames = []string{"Ana", "Élodie", "John", "Beatriz", "Margaux", "Olivia", "Rui", "Théo"}

// person is the i-th person.
func person(i int) fleet.User {
	u := fleet.User{
		ID: fleet.UserID(fmt.Sprintf("u%07d", i)), Username: fmt.Sprintf("u%07d", i), Domain: mailDomain,
		GivenName: givenNames[i%len(givenNames)], Surname: fmt.Sprintf("Example %d", i),
		Mail: address(i), Mobile: fmt.Sprintf("+33612%06d", i%1_000_000),
		Properties: map[string]string{"DEPARTMENT": fmt.Sprintf("Ward %d", i%40)},
	}
	u.DisplayName = u.GivenName + " " + u.Surname
	return u
}

// phone is what the i-th person carries.
func phone(i int) fleet.Device {
	d := fleet.NewDevice(fleet.DeviceID(fmt.Sprintf("d%07d", i)))
	d.Name, d.Platform, d.OSVersion, d.Model = givenNames[i%len(givenNames)]+"'s iPhone", fleet.IOS, "18.6.2", "iPhone 16"
	d.SerialNumber, d.Ownership, d.User = fmt.Sprintf("C%011d", i), fleet.Corporate, fleet.UserID(fmt.Sprintf("u%07d", i))
	d.LastSeen = time.Date(2026, 3, 4, 9, 30, 0, 0, time.UTC)
	d.Properties = map[string]string{"ASSET_TAG": fmt.Sprintf("A-%07d", i), "FLOOR": fmt.Sprint(i % 9)}
	d.Push = &fleet.PushToken{Provider: fleet.APNs, App: appID, Environment: fleet.Production, Token: token(i)}
	return d
}

// token looks like one of Apple's.
func token(i int) string {
	sum := sha256.Sum256(fmt.Append(nil, "heliograph bench ", i))
	return hex.EncodeToString(sum[:])
}

const mailDomain = "bench.example"

func address(i int) string { return fmt.Sprintf("user%07d@%s", i, mailDomain) }

// pauseServers stops what would send, as when its provider is in trouble.
func pauseServers(ctx context.Context, s *store.Store) error {
	servers, err := s.AllServers(ctx)
	if err != nil {
		return err
	}
	now := time.Now()
	for _, one := range servers {
		err := s.SaveResults(ctx, courier.Results{Server: one.Key, At: now, Pause: &channel.Pause{
			Since: now, Until: now.Add(100 * time.Hour), Step: 1, Reason: message.Unreachable, Detail: "Paused for a bench.",
		}})
		if err != nil {
			return fmt.Errorf("pausing the server: %w", err)
		}
	}
	return nil
}
