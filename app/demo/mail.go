package demo

import (
	"context"
	"fmt"

	"heliograph/access"
	"heliograph/internal/demofleet"
	"heliograph/mailbox"
	"heliograph/sim"
	"heliograph/sim/phone"
)

// MailAppID is the mail app that the demo's phones have.
const MailAppID = "com.example.heliograph.mail"

// mailKey is the name of the app key that the demo's ready file tells.
const mailKey = "Demo mail app"

// mailPhones are phones of people of the fleet, each of them another way of being woken. That they are the same people is
// told nowhere: mail push knows nobody.
var mailPhones = []phone.MailerOptions{
	{Name: "Ana's iPhone", Mailbox: "ana@" + demofleet.Domain, Platform: phone.IOS, Wake: "badge"},
	{Name: "Benoît's Android phone", Mailbox: "benoit@" + demofleet.Domain, Platform: phone.Android, Wake: "badge"},
	{Name: "Fatima's iPhone", Mailbox: "fatima@" + demofleet.Domain, Platform: phone.IOS, Wake: "rich"},
}

// makeAppKey makes the key with which mail apps register; that of an earlier run on the same directory ends, as nobody
// knows it any more.
func (d *Demo) makeAppKey(ctx context.Context, actor access.Actor) error {
	keys, err := d.app.Door().AppKeys(ctx)
	if err != nil {
		return fmt.Errorf("listing the demo's app keys: %w", err)
	}
	for _, key := range keys {
		if key.Name != mailKey || !key.Valid() {
			continue
		}
		if _, err := d.app.Door().RevokeAppKey(ctx, actor, key.ID); err != nil {
			return fmt.Errorf("ending the app key of an earlier demo: %w", err)
		}
	}
	if d.appKey, _, err = d.app.Door().CreateAppKey(ctx, actor, mailbox.NewAppKey{Name: mailKey}); err != nil {
		return fmt.Errorf("making the demo's app key: %w", err)
	}
	return nil
}

// signInPhones lets the simulated phones register and subscribe, as soon as there is somebody to register with.
func (d *Demo) signInPhones(ctx context.Context) error {
	for _, o := range mailPhones {
		o.App, o.AppKey, o.Registration = MailAppID, d.appKey, d.app.Ready().Registration
		if _, err := d.sims.Mailers().Add(ctx, o); err != nil {
			return fmt.Errorf("signing in %s: %w", o.Name, err)
		}
	}
	return nil
}

// mailServers are the push services once more, for the mail app.
func mailServers(apple, google, browsers map[string]any) []server {
	apple, google, browsers = with(apple, "app", MailAppID), with(google, "app", MailAppID), with(browsers, "app", MailAppID)
	return []server{
		{sim.APNs, "Simulated APNs (mail)", with(apple, "environment", "production")},
		{sim.APNs, "Simulated APNs (mail, sandbox)", with(apple, "environment", "sandbox")},
		{sim.FCM, "Simulated FCM (mail)", google},
		{sim.WebPush, "Simulated Web Push (mail)", browsers},
	}
}
