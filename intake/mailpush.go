package intake

import (
	"context"
	"slices"
	"time"

	"heliograph/access"
	"heliograph/channel"
	"heliograph/fleet"
	"heliograph/mailbox"
)

// MailPush is the store's side that keeps what administrators decide about mail push, and knows what became of it.
type MailPush interface {
	mailbox.SettingsStore
	mailbox.DiagnosisStore

	CreateAppKey(ctx context.Context, k mailbox.AppKey, entry func(mailbox.AppKey) access.Entry) (secret string, made mailbox.AppKey, err error)
	AppKey(ctx context.Context, id string) (mailbox.AppKey, error)
	RevokeAppKey(ctx context.Context, id string, entries ...access.Entry) (mailbox.AppKey, error)
	// MailHealth is how mail push does, with what was counted since a time.
	MailHealth(ctx context.Context, since time.Time) (mailbox.Health, error)
	// Brakes lists the apps about which nobody is told Unsubscribe.
	Brakes(ctx context.Context) ([]mailbox.Brake, error)
	// Release takes the brake off an app: those that were Held become tombstones when dead is true, and live again when it
	// is not. The deaths so far count no more. held is how many there were; mailbox.ErrNoBrake.
	Release(ctx context.Context, app string, dead bool, entries ...access.Entry) (held int64, err error)
}

// MailOptions is what the door knows of mail push in this process. The zero value knows nothing.
type MailOptions struct {
	Config *mailbox.Config // shared with who works by it; nil = the door's own
	// Registration and Listener are origins that count for as long as the settings name no others; nil = not known.
	Registration, Listener func() string
}

// mailSettings is what the audit log calls the settings of mail push.
const mailSettings = "mail_push"

// MailSettings are those of mail push, as they are now.
func (d *Door) MailSettings(ctx context.Context) (mailbox.Settings, error) {
	return d.options.Mail.Config.Read(ctx)
}

// SetMailSettings replaces the settings of mail push.
func (d *Door) SetMailSettings(ctx context.Context, actor access.Actor, s mailbox.Settings) (mailbox.Settings, error) {
	known, err := d.MailSettings(ctx)
	if err != nil {
		return s, err
	}
	s, err = d.options.Mail.Config.Put(ctx, s, put(actor, settingObject(mailSettings), known, s.Tidy())...)
	if err == nil {
		d.options.Logger.Info("settings of mail push changed", "by", actor.Name)
	}
	return s, err
}

// MailPlace is where devices and mail servers reach this region, as the settings are now.
func (d *Door) MailPlace(ctx context.Context) (mailbox.Place, error) {
	s, err := d.MailSettings(ctx)
	return s.Place(d.options.Mail.Registration, d.options.Mail.Listener), err
}

// AppKeys lists the keys with which apps register devices, newest first, revoked ones too.
func (d *Door) AppKeys(ctx context.Context) ([]mailbox.AppKey, error) { return d.store.AppKeys(ctx) }

// AppKey reads one.
func (d *Door) AppKey(ctx context.Context, id string) (mailbox.AppKey, error) {
	return d.store.AppKey(ctx, id)
}

// CreateAppKey makes a key. Its secret is returned this once.
func (d *Door) CreateAppKey(ctx context.Context, actor access.Actor, n mailbox.NewAppKey) (secret string, k mailbox.AppKey, err error) {
	if k, err = n.Check(); err != nil {
		return "", k, err
	}
	secret, k, err = d.store.CreateAppKey(ctx, k, func(made mailbox.AppKey) access.Entry {
		return actor.Did(access.Create, appKeyObject(made), nil, appKeyFields(made))
	})
	if err == nil {
		d.options.Logger.Info("app key created", "name", k.Name, "by", actor.Name)
	}
	return secret, k, err
}

// RevokeAppKey ends a key: no device registers with it any more, and those that did stay.
func (d *Door) RevokeAppKey(ctx context.Context, actor access.Actor, id string) (mailbox.AppKey, error) {
	before, err := d.store.AppKey(ctx, id)
	if err != nil || !before.Valid() {
		return before, err
	}
	k, err := d.store.RevokeAppKey(ctx, id, actor.Did(access.Revoke, appKeyObject(before), appKeyFields(before), nil))
	if err == nil {
		d.options.Logger.Info("app key revoked", "name", k.Name, "by", actor.Name)
	}
	return k, err
}

func appKeyObject(k mailbox.AppKey) access.Object {
	return access.Object{Kind: access.AnAppKey, ID: k.ID, Name: k.Name}
}

func appKeyFields(k mailbox.AppKey) any {
	return fields{"name": k.Name, "networks": k.Networks, "mail_networks": k.MailNetworks, "revoked_at": timeField(k.RevokedAt)}
}

// Diagnosis is what is known of the device whose app shows a support code. mailbox.ErrUnknown when there is none.
func (d *Door) Diagnosis(ctx context.Context, code string) (mailbox.Diagnosis, error) {
	return mailbox.Diagnose(ctx, d.store, code)
}

// MailHealth is how mail push does, with what was counted in the last hours.
func (d *Door) MailHealth(ctx context.Context, hours int) (mailbox.Health, error) {
	since := d.options.Now().Truncate(time.Hour).Add(-time.Duration(hours-1) * time.Hour)
	return d.store.MailHealth(ctx, since)
}

// Brakes lists the apps about which no mail server is told Unsubscribe, because too many of their registrations died at
// once.
func (d *Door) Brakes(ctx context.Context) ([]mailbox.Brake, error) { return d.store.Brakes(ctx) }

// ReleaseBrake is an administrator's word on an app that is braked: its devices are dead indeed, and their mail servers
// may be told so, or they are not, and live again. mailbox.ErrNoBrake.
func (d *Door) ReleaseBrake(ctx context.Context, actor access.Actor, app string, dead bool) (held int64, err error) {
	entry := actor.Did(access.Update, access.Object{Kind: access.ARegistration, Name: app}, fields{"braked": true}, fields{"braked": false, "dead": dead})
	held, err = d.store.Release(ctx, app, dead, entry)
	if err == nil {
		d.options.Logger.Info("brake of mail push released", "app", app, "dead", dead, "held", held, "by", actor.Name)
	}
	return held, err
}

// MailApps are the apps that push providers serve, by platform, in the order of the providers' names.
func (d *Door) MailApps(ctx context.Context) (map[mailbox.Platform][]string, error) {
	servers, err := d.store.Servers(ctx, string(fleet.APNs), string(fleet.FCM), string(fleet.WebPush))
	if err != nil {
		return nil, err
	}
	apps := map[mailbox.Platform][]string{}
	for _, platform := range mailbox.Platforms {
		for _, s := range servers {
			if s.Kind == string(platform.Provider()) && !slices.Contains(apps[platform], s.Route.App) {
				apps[platform] = append(apps[platform], s.Route.App)
			}
		}
	}
	return apps, nil
}

// MailConfiguration is what managed devices tell their mail apps, in every form. appKey empty leaves a placeholder, and
// an app that is not named is the only one that the platform's push providers serve.
func (d *Door) MailConfiguration(ctx context.Context, apps map[mailbox.Platform]string, appKey string) ([]mailbox.Value, []mailbox.Document, error) {
	s, err := d.MailSettings(ctx)
	if err != nil {
		return nil, nil, err
	}
	served, err := d.MailApps(ctx)
	if err != nil {
		return nil, nil, err
	}
	named := map[mailbox.Platform]string{}
	for _, platform := range mailbox.Platforms {
		if named[platform] = apps[platform]; named[platform] == "" && len(served[platform]) == 1 {
			named[platform] = served[platform][0]
		}
	}
	values := mailbox.Configuration(s, s.Place(d.options.Mail.Registration, d.options.Mail.Listener), appKey)
	return values, mailbox.Documents(values, named), nil
}

// MailNetwork is what firewalls and proxies must let through for mail push.
type MailNetwork struct {
	Network
	Place        mailbox.Place
	Registration channel.Peer
	Proxy        string       // what goes into mailbox.ExchangeConfig
	Rules        []MailRule   // of gateways between devices and the organisation
	EWS          channel.Peer // where apps subscribe; an empty Host is the mail server's own
}

// MailRule is something that a gateway must do. The set is closed: the console has a sentence for each.
type MailRule string

// Rules.
const (
	// AllowRegistration: with tunnelling (STA, split tunnel off), devices must reach the registration service.
	AllowRegistration MailRule = "allow_registration"
	// TrafficPolicyForEWS: EWS is on another host than ActiveSync, so it needs a traffic policy of its own.
	TrafficPolicyForEWS MailRule = "traffic_policy_ews"
	// BackgroundServices: the host of EWS belongs to the background network services of the app.
	BackgroundServices MailRule = "background_services"
)

// mailPurposes are the connections that mail push needs.
var mailPurposes = []channel.Purpose{channel.ForRegistration, channel.ForMailbox, channel.ForPush, channel.ForToken}

// MailNetworkNow looks names up too; it takes a few seconds at most.
func (d *Door) MailNetworkNow(ctx context.Context) (MailNetwork, error) {
	n, err := d.MailNetwork(ctx)
	if err != nil {
		return n, err
	}
	d.lookUp(ctx, n.List)
	n.At = d.options.Now()
	return n, nil
}

// MailNetwork looks at the settings. It looks no name up.
func (d *Door) MailNetwork(ctx context.Context) (MailNetwork, error) {
	s, err := d.MailSettings(ctx)
	if err != nil {
		return MailNetwork{}, err
	}
	all, err := d.Network(ctx)
	if err != nil {
		return MailNetwork{}, err
	}
	place := s.Place(d.options.Mail.Registration, d.options.Mail.Listener)
	n := MailNetwork{
		Place: place, Proxy: mailbox.ExchangeProxy(place.Listener), Rules: []MailRule{AllowRegistration, BackgroundServices},
		EWS: channel.Peer{Host: s.EWSHost, Port: 443, Protocol: "HTTPS"},
	}
	for _, peer := range channel.PeersAt(channel.ForRegistration, place.Registration) {
		n.Registration = peer
	}
	if s.EWSHost != "" {
		n.Rules = append(n.Rules, TrafficPolicyForEWS)
	}
	n.List = mailRequirements(all.List, place)
	return n, nil
}

// mailRequirements keeps what mail push needs, with its own listeners under the names by which others know them.
func mailRequirements(all []Requirement, place mailbox.Place) (list []Requirement) {
	for purpose, origin := range map[channel.Purpose]string{channel.ForRegistration: place.Registration, channel.ForMailbox: place.Listener} {
		for _, peer := range channel.PeersAt(purpose, origin) {
			list = require(list, Requirement{Peer: peer, Inbound: true})
		}
	}
	for _, r := range all {
		if slices.Contains(mailPurposes, r.Purpose) && !r.Inbound && ofPush(r) {
			list = append(list, r)
		}
	}
	slices.SortStableFunc(list, compareRequirements)
	return list
}

// ofPush reports whether a push provider needs a connection: access tokens are for mail servers too.
func ofPush(r Requirement) bool {
	return slices.ContainsFunc(r.Needed, func(n Need) bool {
		return slices.Contains([]string{string(fleet.APNs), string(fleet.FCM), string(fleet.WebPush)}, n.Kind)
	})
}
