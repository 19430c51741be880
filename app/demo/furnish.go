package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"os"
	"strconv"
	"time"

	"heliograph/access"
	"heliograph/app"
	"heliograph/fleet"
	"heliograph/intake"
	"heliograph/internal/demofleet"
	"heliograph/sim"
)

// AppID is the app of the demo's fleet, on both push services.
const AppID = "com.example.heliograph"

// WebAppID is the same app in browsers.
const WebAppID = "https://app.heliograph.example"

// demoRate is how many text messages a second leave: more than an account is given, so that nobody waits for a demo.
const demoRate = 100

// furnish fills the installation with servers that lead to the simulators, a fleet and a token. A demo that was stopped
// and started again on the same directory keeps its fleet; the servers learn the simulators' new ports.
func (d *Demo) furnish(ctx context.Context) (token string, err error) {
	actor, err := d.administrator(ctx)
	if err != nil {
		return "", err
	}
	if err := d.putServers(ctx, actor); err != nil {
		return "", err
	}
	if err := d.fillFleet(ctx); err != nil {
		return "", err
	}
	if err := d.introduce(ctx, actor); err != nil {
		return "", err
	}
	if err := d.makeAppKey(ctx, actor); err != nil {
		return "", err
	}
	token, _, err = d.app.Store().CreateToken(ctx, "demo", access.Administrator, time.Time{})
	if err != nil {
		return "", fmt.Errorf("making the demo's token: %w", err)
	}
	return token, nil
}

// introduce says whose fleet it is, once: who changes it finds it changed.
func (d *Demo) introduce(ctx context.Context, actor access.Actor) error {
	known, err := d.app.Door().Organization(ctx)
	if err != nil || known != (fleet.Organization{}) {
		return err
	}
	_, err = d.app.Door().SetOrganization(ctx, actor, fleet.Organization{
		Name: "Hospital Example", Helpdesk: "the service desk, extension 4711", Mail: "servicedesk@" + demofleet.Domain, Phone: "4711",
	})
	return err
}

// administrator is the account that the visitor is signed in as.
func (d *Demo) administrator(ctx context.Context) (access.Actor, error) {
	if err := d.app.MakeFirstAccount(ctx); err != nil {
		return access.Actor{}, err
	}
	account, err := d.app.Store().AccountByName(ctx, app.FirstAdministrator)
	if err != nil {
		return access.Actor{}, fmt.Errorf("looking for the demo's administrator: %w", err)
	}
	return access.Actor{ID: account.ID, Name: account.Name, Role: account.Role, Scope: access.Everything}, nil
}

func (d *Demo) putServers(ctx context.Context, actor access.Actor) error {
	inputs, err := d.servers()
	if err != nil {
		return err
	}
	list, err := d.app.Door().Servers(ctx)
	if err != nil {
		return fmt.Errorf("listing the demo's servers: %w", err)
	}
	known := map[string]string{}
	for _, s := range list {
		known[s.Name] = s.ID
	}
	for _, in := range inputs {
		if id, ok := known[in.Name]; ok {
			_, err = d.app.Door().UpdateServer(ctx, actor, id, in)
		} else {
			_, err = d.app.Door().CreateServer(ctx, actor, in)
		}
		if err != nil {
			return fmt.Errorf("setting up the demo's server %q: %w", in.Name, err)
		}
	}
	return nil
}

// servers are the simulators, as an administrator would enter them.
func (d *Demo) servers() ([]intake.ServerInput, error) {
	sims := d.sims.Ready()
	ca, err := os.ReadFile(sims.CAFile)
	if err != nil {
		return nil, fmt.Errorf("reading the simulators' authority: %w", err)
	}
	host, portText, err := net.SplitHostPort(sims.Sims[sim.SMTP])
	if err != nil {
		return nil, fmt.Errorf("reading the mail simulator's address: %w", err)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return nil, fmt.Errorf("reading the mail simulator's port: %w", err)
	}
	mail := map[string]any{
		"host": host, "port": port, "security": "tls", "trusted_ca": string(ca),
		"from_name": "Heliograph Demo", "from_email": "heliograph@example.com",
	}
	apple := map[string]any{
		"app": AppID, "key_p8": sims.Credentials.APNs.KeyP8, "key_id": sims.Credentials.APNs.KeyID,
		"team_id": sims.Credentials.APNs.TeamID, "endpoint": sims.Sims[sim.APNs], "trusted_ca": string(ca),
	}
	google := map[string]any{
		"app": AppID, "service_account": sims.Credentials.FCM.ServiceAccount,
		"endpoint": sims.Sims[sim.FCM], "trusted_ca": string(ca),
	}
	browsers := map[string]any{
		"app": WebAppID, "subject": "mailto:heliograph@example.com", "allowed_networks": "127.0.0.0/8", "trusted_ca": string(ca),
	}
	texts := map[string]any{
		"key": sims.Credentials.Vonage.Key, "secret": sims.Credentials.Vonage.Secret, "country": "+1",
		"virtual_number": "12015550100", "rate_per_second": demoRate, "rate_per_second_us": demoRate,
		"endpoint": sims.Sims[sim.Vonage], "trusted_ca": string(ca),
	}
	return inputs(append([]server{
		{"smtp", "Simulated mail server", mail},
		{"sms", "Simulated SMS gateway", texts},
		{"apns", "Simulated APNs", with(apple, "environment", "production")},
		{"apns", "Simulated APNs (sandbox)", with(apple, "environment", "sandbox")},
		{"fcm", "Simulated FCM", google},
		{"webpush", "Simulated Web Push", browsers},
	}, mailServers(apple, google, browsers)...))
}

type server struct {
	kind, name string
	settings   map[string]any
}

func with(settings map[string]any, field string, value any) map[string]any {
	all := maps.Clone(settings)
	all[field] = value
	return all
}

// inputs writes settings the way the door reads them.
func inputs(list []server) ([]intake.ServerInput, error) {
	var out []intake.ServerInput
	for _, s := range list {
		in := intake.ServerInput{
			Kind: s.kind, Name: s.name, Description: "Runs on this machine and really sends nothing.",
			Settings: map[string]json.RawMessage{},
		}
		for field, value := range s.settings {
			text, err := json.Marshal(value)
			if err != nil {
				return nil, fmt.Errorf("writing %s of %s: %w", field, s.name, err)
			}
			in.Settings[field] = text
		}
		out = append(out, in)
	}
	return out, nil
}
