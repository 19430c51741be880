package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"heliograph/access"
	"heliograph/intake"
	"heliograph/mailbox"
)

// MailPush is the door's side that decides about mail push, and knows how it does.
type MailPush interface {
	MailSettings(ctx context.Context) (mailbox.Settings, error)
	SetMailSettings(ctx context.Context, actor access.Actor, s mailbox.Settings) (mailbox.Settings, error)
	MailPlace(ctx context.Context) (mailbox.Place, error)
	AppKeys(ctx context.Context) ([]mailbox.AppKey, error)
	AppKey(ctx context.Context, id string) (mailbox.AppKey, error)
	CreateAppKey(ctx context.Context, actor access.Actor, n mailbox.NewAppKey) (secret string, k mailbox.AppKey, err error)
	RevokeAppKey(ctx context.Context, actor access.Actor, id string) (mailbox.AppKey, error)
	MailConfiguration(ctx context.Context, apps map[mailbox.Platform]string, appKey string) ([]mailbox.Value, []mailbox.Document, error)
	MailNetworkNow(ctx context.Context) (intake.MailNetwork, error)
	Diagnosis(ctx context.Context, code string) (mailbox.Diagnosis, error)
	MailHealth(ctx context.Context, hours int) (mailbox.Health, error)
	Brakes(ctx context.Context) ([]mailbox.Brake, error)
	ReleaseBrake(ctx context.Context, actor access.Actor, app string, dead bool) (held int64, err error)
}

// MailPushSettings are what an administrator decides about mail push.
type MailPushSettings struct {
	Enabled         bool          `json:"enabled" default:"true" doc:"false: registrations and events are taken, and nothing is pushed."`
	Region          string        `json:"region" doc:"This installation's, one of regions." example:"EMEA"`
	Regions         []string      `json:"regions" maxItems:"50" doc:"Regions that you have." example:"[\"Americas\",\"EMEA\",\"APAC\"]"`
	RegistrationURL string        `json:"registration_url" doc:"Origin under which devices reach the registration service. Empty = as the process was told, or where it listens." example:"https://register.emea.example.com"`
	ListenerURL     string        `json:"listener_url" doc:"Origin under which mail servers reach the listener; likewise." example:"https://listener.emea.example.com"`
	EWSHost         string        `json:"ews_host" doc:"Host on which apps reach Exchange Web Services. Empty = the mail server’s." example:"ews.example.com"`
	Wake            string        `json:"wake" enum:"badge,background,rich" default:"badge" doc:"Default in the apps’ managed configuration, and of registrations that do not say."`
	StatusFrequency int           `json:"status_frequency_minutes" minimum:"1" maximum:"1440" default:"30" doc:"How often Exchange says that it is alive, as apps are told to ask for. It is also the outage that subscriptions survive."`
	CoalesceMS      int           `json:"coalesce_ms" minimum:"0" maximum:"1000" default:"1000" doc:"Events of a device within this time after a first one share one push."`
	AndroidPriority string        `json:"android_priority" enum:"auto,high,normal" default:"auto" doc:"auto: high for new mail, normal for changes."`
	TTLHours        int           `json:"ttl_hours" minimum:"1" maximum:"672" default:"24" doc:"How long push providers keep a wake for a device that is away."`
	AppKeyRate      int           `json:"app_key_rate" minimum:"1" maximum:"100000" default:"100" doc:"Registrations a second with one app key, on each node."`
	Effective       MailPushPlace `json:"effective" readOnly:"true" doc:"Where mail push is reached now."`
}

// MailPushPlace is where mail push is reached.
type MailPushPlace struct {
	RegistrationURL string `json:"registration_url" doc:"Empty = not known: another process listens, and nobody said where."`
	ListenerURL     string `json:"listener_url"`
}

func showMailSettings(m mailbox.Settings, p mailbox.Place) MailPushSettings {
	return MailPushSettings{
		m.Enabled, m.Region, m.Regions, m.RegistrationURL, m.ListenerURL, m.EWSHost, m.Wake, m.StatusFrequencyMinutes,
		m.CoalesceMS, m.AndroidPriority, m.TTLHours, m.AppKeyRate, MailPushPlace{p.Registration, p.Listener},
	}
}

func (m MailPushSettings) noun() mailbox.Settings {
	return mailbox.Settings{
		Enabled: m.Enabled, Region: m.Region, Regions: m.Regions, RegistrationURL: m.RegistrationURL, ListenerURL: m.ListenerURL,
		EWSHost: m.EWSHost, Wake: m.Wake, StatusFrequencyMinutes: m.StatusFrequency, CoalesceMS: m.CoalesceMS,
		AndroidPriority: m.AndroidPriority, TTLHours: m.TTLHours, AppKeyRate: m.AppKeyRate,
	}
}

func (s *server) getMailSettings(ctx context.Context, _ access.Actor, _ *struct{}) (*found[MailPushSettings], error) {
	settings, err := s.door.MailSettings(ctx)
	if err != nil {
		return nil, err
	}
	return s.mailSettings(ctx, settings)
}

func (s *server) mailSettings(ctx context.Context, settings mailbox.Settings) (*found[MailPushSettings], error) {
	place, err := s.door.MailPlace(ctx)
	return find(showMailSettings(settings, place), err)
}

type putMailSettingsInput struct{ payload[MailPushSettings] }

// putMailSettings replaces the settings: what the body does not name takes its default.
func (s *server) putMailSettings(ctx context.Context, actor access.Actor, in *putMailSettingsInput) (*found[MailPushSettings], error) {
	wanted := showMailSettings(mailbox.DefaultSettings(), mailbox.Place{})
	regions := wanted.Regions
	wanted.Regions = nil
	if err := json.Unmarshal(in.RawBody, &wanted); err != nil { // checked already
		return nil, err
	}
	if wanted.Regions == nil {
		wanted.Regions = regions
	}
	settings, err := s.door.SetMailSettings(ctx, actor, wanted.noun())
	if err != nil {
		return nil, err
	}
	return s.mailSettings(ctx, settings)
}

// AppKey lets an app register devices.
type AppKey struct {
	ID           string     `json:"id" example:"01936b1e-6d0c-7c4e-9a53-0c1f5a6f3c11"`
	Name         string     `json:"name" example:"Mail app, 2026"`
	Networks     []string   `json:"networks" doc:"From which alone devices may register with it; empty = from anywhere."`
	MailNetworks []string   `json:"mail_networks" doc:"From which alone mail servers may post to what was registered with it; empty = from anywhere."`
	CreatedAt    time.Time  `json:"created_at"`
	RevokedAt    *time.Time `json:"revoked_at" doc:"null = it is valid. What was registered before stays."`
	LastUsedAt   *time.Time `json:"last_used_at" doc:"At most a minute old; null = never."`
}

// NewAppKey asks for an app key.
type NewAppKey struct {
	Name         string   `json:"name" required:"true" minLength:"1" maxLength:"100" example:"Mail app, 2026"`
	Networks     []string `json:"networks" maxItems:"100" doc:"From which alone devices may register with it, such as 203.0.113.0/24; absent or empty = from anywhere."`
	MailNetworks []string `json:"mail_networks" maxItems:"100" doc:"From which alone mail servers may post to what was registered with it; likewise."`
}

// CreatedAppKey is an app key with its secret, which is shown this once.
type CreatedAppKey struct {
	AppKey
	Secret string `json:"app_key" doc:"Devices send it as Authorization: Bearer KEY when they register. It is never shown again." example:"hgk_qL0…"`
}

func showAppKey(k mailbox.AppKey) AppKey {
	return AppKey{k.ID, k.Name, networkTexts(k.Networks), networkTexts(k.MailNetworks), k.CreatedAt, timeOrNull(k.RevokedAt), timeOrNull(k.LastUsedAt)}
}

func networkTexts(list []netip.Prefix) []string {
	texts := make([]string, 0, len(list))
	for _, network := range list {
		texts = append(texts, network.String())
	}
	return texts
}

type listAppKeysInput struct{ Paged }

// listAppKeys pages through keys by their ids, which are in the order of time: there are a few of them.
func (s *server) listAppKeys(ctx context.Context, _ access.Actor, in *listAppKeysInput) (*found[page[AppKey]], error) {
	all, err := s.door.AppKeys(ctx)
	if err != nil {
		return nil, err
	}
	list, next := make([]mailbox.AppKey, 0, len(all)), ""
	for _, k := range all {
		switch {
		case in.Cursor != "" && k.ID >= in.Cursor:
		case len(list) == in.Limit:
			next = list[in.Limit-1].ID
		default:
			list = append(list, k)
		}
	}
	return pageOf(list, next, showAppKey), nil
}

func (s *server) getAppKey(ctx context.Context, _ access.Actor, in *ByID) (*found[AppKey], error) {
	k, err := s.door.AppKey(ctx, in.ID)
	return find(showAppKey(k), err)
}

type createAppKeyInput struct{ payload[NewAppKey] }

func (s *server) createAppKey(ctx context.Context, actor access.Actor, in *createAppKeyInput) (*made[CreatedAppKey], error) {
	secret, k, err := s.door.CreateAppKey(ctx, actor, mailbox.NewAppKey{Name: in.body.Name, Networks: in.body.Networks, MailNetworks: in.body.MailNetworks})
	if err != nil {
		return nil, err
	}
	return &made[CreatedAppKey]{prefix + appKeysPath + "/" + k.ID, CreatedAppKey{showAppKey(k), secret}}, nil
}

func (s *server) revokeAppKey(ctx context.Context, actor access.Actor, in *ByID) (*nothing, error) {
	_, err := s.door.RevokeAppKey(ctx, actor, in.ID)
	return &nothing{}, err
}

// AppConfiguration is what managed devices tell their mail apps.
type AppConfiguration struct {
	Values    map[string]any          `json:"values" doc:"The settings by their keys."`
	Documents []ConfigurationDocument `json:"documents" doc:"The same in the forms that management systems read."`
}

// ConfigurationDocument is a managed configuration in one form.
type ConfigurationDocument struct {
	Platform  string `json:"platform" enum:"ios,android"`
	Format    string `json:"format" enum:"plist,appconfig,json,restrictions" doc:"plist: Apple’s property list; appconfig: XML of the AppConfig Community; json; restrictions: XML that an Android app declares."`
	FileName  string `json:"file_name" example:"managed-app-configuration.plist"`
	MediaType string `json:"media_type" example:"application/x-plist"`
	Content   string `json:"content"`
}

// ConfigurationRequest says what an administrator knows and the installation does not.
type ConfigurationRequest struct {
	AppKey  string `json:"app_key" maxLength:"200" doc:"As it was shown when it was made; it is not kept. Absent = a placeholder."`
	IOS     string `json:"ios_app" maxLength:"255" doc:"Bundle id of the app; absent = that of the only APNs provider." example:"com.example.mail"`
	Android string `json:"android_app" maxLength:"255" doc:"Package name of the app; absent = that of the only FCM provider." example:"com.example.mail"`
}

func (s *server) getAppConfiguration(ctx context.Context, _ access.Actor, _ *struct{}) (*found[AppConfiguration], error) {
	return s.appConfiguration(ctx, ConfigurationRequest{})
}

type makeAppConfigurationInput struct {
	payload[ConfigurationRequest]
}

func (s *server) makeAppConfiguration(ctx context.Context, _ access.Actor, in *makeAppConfigurationInput) (*found[AppConfiguration], error) {
	return s.appConfiguration(ctx, in.body)
}

func (s *server) appConfiguration(ctx context.Context, r ConfigurationRequest) (*found[AppConfiguration], error) {
	values, documents, err := s.door.MailConfiguration(ctx, map[mailbox.Platform]string{mailbox.IOS: r.IOS, mailbox.Android: r.Android}, r.AppKey)
	if err != nil {
		return nil, err
	}
	out := AppConfiguration{Values: map[string]any{}}
	for _, v := range values {
		out.Values[v.Key] = v.Value
	}
	for _, d := range documents {
		out.Documents = append(out.Documents, ConfigurationDocument{d.Platform.String(), d.Format, d.FileName, d.MediaType, d.Text})
	}
	return find(out, nil)
}

// MailNetwork is what firewalls, proxies and gateways must do for mail push.
type MailNetwork struct {
	LookedUpAt  time.Time        `json:"looked_up_at"`
	Connections []MailConnection `json:"connections"`
	Exchange    ExchangeProxy    `json:"exchange_proxy"`
	Gateway     []GatewayRule    `json:"gateway_rules" doc:"For devices that tunnel through a gateway."`
}

// MailConnection is one connection that must be let through.
type MailConnection struct {
	From string `json:"from" enum:"devices,mail_servers,heliograph" doc:"Who opens it."`
	Connection
}

// ExchangeProxy is for Exchange servers behind a proxy.
type ExchangeProxy struct {
	File    string `json:"file" doc:"Below the directory that Exchange is installed in. Exchange 2013 has no such section: type it in."`
	Snippet string `json:"snippet" doc:"A part of configuration, which lets Exchange past the proxy."`
}

// GatewayRule is something that a gateway must do.
type GatewayRule struct {
	Rule   string `json:"rule" enum:"allow_registration,background_services,traffic_policy_ews"`
	Host   string `json:"host"`
	Port   int    `json:"port"`
	Detail string `json:"detail"`
}

var gatewayRules = map[intake.MailRule]string{
	intake.AllowRegistration:   "Let devices reach the registration service when traffic is tunnelled with STA and split tunnel is off.",
	intake.BackgroundServices:  "Name this host among the background network services of the app, so that it syncs while it is woken. An empty host is the mail server.",
	intake.TrafficPolicyForEWS: "EWS is on another host than ActiveSync: give it a traffic policy of its own.",
}

var opensConnection = map[string]string{"registration": "devices", "mailbox": "mail_servers"}

func (s *server) getMailNetwork(ctx context.Context, _ access.Actor, _ *struct{}) (*found[MailNetwork], error) {
	n, err := s.door.MailNetworkNow(ctx)
	if err != nil {
		return nil, err
	}
	out := MailNetwork{LookedUpAt: n.At.UTC().Truncate(time.Millisecond), Connections: []MailConnection{}, Exchange: ExchangeProxy{mailbox.ExchangeConfig, n.Proxy}, Gateway: []GatewayRule{}}
	for _, r := range n.List {
		out.Connections = append(out.Connections, showMailConnection(r))
	}
	for _, rule := range n.Rules {
		host, port := n.EWS.Host, n.EWS.Port
		if rule == intake.AllowRegistration {
			host, port = n.Registration.Host, n.Registration.Port
		}
		out.Gateway = append(out.Gateway, GatewayRule{string(rule), host, port, gatewayRules[rule]})
	}
	return find(out, nil)
}

func showMailConnection(r intake.Requirement) MailConnection {
	if r.Inbound {
		return MailConnection{opensConnection[string(r.Purpose)], showConnection(r)}
	}
	return MailConnection{"heliograph", showConnection(r)}
}

// MailDiagnosis is what is known of one device. It names nobody.
type MailDiagnosis struct {
	SupportCode   string                  `json:"support_code" example:"7KD4-PX2M"`
	Platform      string                  `json:"platform" enum:"ios,android,web"`
	App           string                  `json:"app"`
	Environment   string                  `json:"environment" enum:"production,sandbox"`
	Wake          string                  `json:"wake" enum:"badge,background,rich"`
	AppKey        string                  `json:"app_key" doc:"Name of the key that it was registered with."`
	State         string                  `json:"state" enum:"live,token_rejected,tombstone"`
	StateReason   string                  `json:"state_reason" doc:"Empty for live."`
	StateAt       time.Time               `json:"state_at"`
	RegisteredAt  time.Time               `json:"registered_at"`
	TokenAt       time.Time               `json:"token_at" doc:"When the app last sent its push token."`
	LastHeardAt   time.Time               `json:"last_heard_at"`
	LastEventAt   *time.Time              `json:"last_event_at"`
	LastWake      *MailWake               `json:"last_wake"`
	Badge         *int                    `json:"badge" doc:"null = not known."`
	Events        int64                   `json:"events"`
	Wakes         int64                   `json:"wakes"`
	Gaps          int64                   `json:"gaps" doc:"Notifications that were found missing."`
	Resubscribe   bool                    `json:"resubscribe" doc:"The app was asked to subscribe anew."`
	Subscriptions []DiagnosedSubscription `json:"subscriptions"`
	Timeline      []DiagnosisLine         `json:"timeline" doc:"Oldest first; 50 lines and 30 days at most."`
}

// MailWake is what became of a wake.
type MailWake struct {
	At     time.Time `json:"at"`
	Result string    `json:"result"`
	Reason string    `json:"reason" doc:"The provider's; empty = it took the wake."`
}

// DiagnosedSubscription is one subscription of a device.
type DiagnosedSubscription struct {
	Folder          string     `json:"folder" enum:"inbox,calendar,other"`
	State           string     `json:"state" enum:"active,lost,unwatched"`
	Bound           bool       `json:"bound" doc:"The app told us of it; else only its mail server did."`
	StatusFrequency *int       `json:"status_frequency_minutes" doc:"null = not known, so it is not watched."`
	SubscribedAt    time.Time  `json:"subscribed_at"`
	LastHeardAt     *time.Time `json:"last_heard_at"`
	LastEventAt     *time.Time `json:"last_event_at"`
	LostAt          *time.Time `json:"lost_at"`
	MailServer      string     `json:"mail_server" doc:"Short keyed hash of the mail server that its id names: it tells servers apart, and no more."`
}

// DiagnosisLine is something that happened.
type DiagnosisLine struct {
	At     time.Time `json:"at"`
	What   string    `json:"what"`
	Detail string    `json:"detail"`
}

// ByCode is the input of a diagnosis.
type ByCode struct {
	Code string `path:"support_code" maxLength:"64" doc:"As the app shows it; case, spaces and hyphens do not matter." example:"7KD4-PX2M"`
}

func (s *server) getDiagnosis(ctx context.Context, _ access.Actor, in *ByCode) (*found[MailDiagnosis], error) {
	d, err := s.door.Diagnosis(ctx, in.Code)
	if errors.Is(err, mailbox.ErrUnknown) {
		return nil, newProblem(404, "There is no registration with this support code.")
	}
	return find(showDiagnosis(d), err)
}

func showDiagnosis(d mailbox.Diagnosis) MailDiagnosis {
	out := MailDiagnosis{
		SupportCode: mailbox.ShowSupportCode(d.SupportCode), Platform: d.Platform.String(), App: d.App, Environment: string(d.Environment),
		Wake: d.Wake.String(), AppKey: d.AppKeyName, State: d.State.String(), StateReason: string(d.StateReason), StateAt: d.StateAt,
		RegisteredAt: d.CreatedAt, TokenAt: d.TokenAt, LastHeardAt: d.HeardAt, LastEventAt: timeOrNull(d.EventAt), Badge: d.Badge.Count,
		Events: d.Events, Wakes: d.Wakes, Gaps: d.Gaps, Resubscribe: d.Resubscribe,
		Subscriptions: []DiagnosedSubscription{}, Timeline: []DiagnosisLine{},
	}
	if !d.WakeAt.IsZero() {
		out.LastWake = &MailWake{d.WakeAt, d.WakeResult, d.WakeReason}
	}
	for _, sub := range d.Subscriptions {
		out.Subscriptions = append(out.Subscriptions, showSubscription(sub))
	}
	for _, line := range d.Timeline {
		out.Timeline = append(out.Timeline, DiagnosisLine{line.At, line.What, line.Detail})
	}
	return out
}

func showSubscription(sub mailbox.Subscription) DiagnosedSubscription {
	out := DiagnosedSubscription{
		Folder: sub.Folder.String(), State: string(sub.State()), Bound: sub.Handle != "", SubscribedAt: sub.CreatedAt,
		LastHeardAt: timeOrNull(sub.HeardAt), LastEventAt: timeOrNull(sub.EventAt), LostAt: timeOrNull(sub.LostAt),
		MailServer: mailbox.ServerName(sub.ServerHash),
	}
	if sub.Frequency > 0 {
		out.StatusFrequency = ptr(int(sub.Frequency / time.Minute))
	}
	return out
}

// MailHealth is how mail push does.
type MailHealth struct {
	At             time.Time           `json:"at"`
	ListeningSince *time.Time          `json:"listening_since" doc:"null = nobody listens."`
	LastWrittenAt  *time.Time          `json:"last_written_at" doc:"When a node last said that it listens."`
	Registrations  []MailRegistrations `json:"registrations" doc:"Up to a minute old."`
	Pending        int64               `json:"pending" doc:"Wakes that no provider has accepted yet."`
	PendingSince   *time.Time          `json:"pending_since" doc:"The oldest of them."`
	Hours          []MailHour          `json:"hours" doc:"What was counted, by hour; oldest first."`
	Reasons        []MailReason        `json:"reasons" doc:"Over the whole time, most frequent first."`
	Latency        []MailLatency       `json:"latency" doc:"How long it took, over the whole time."`
	MailServers    []MailServer        `json:"mail_servers" doc:"Those that lost or recovered subscriptions."`
	Brakes         []MailBrake         `json:"brakes"`
}

// MailRegistrations is how many registrations of an app are in a state.
type MailRegistrations struct {
	Platform string `json:"platform" enum:"ios,android,web"`
	App      string `json:"app"`
	State    string `json:"state" enum:"live,token_rejected,tombstone"`
	Count    int64  `json:"count"`
}

// MailHour is what was counted in an hour.
type MailHour struct {
	Hour   time.Time        `json:"hour"`
	Counts map[string]int64 `json:"counts" doc:"event, heartbeat, accepted, pending, rejected, dead, unsubscribe, unknown, lost, recovered …"`
}

// MailReason is how often something happened for one reason.
type MailReason struct {
	What   string `json:"what"`
	Reason string `json:"reason"`
	Count  int64  `json:"count"`
}

// MailLatency is how many took so long.
type MailLatency struct {
	Leg     string `json:"leg" enum:"arrival,carriage" doc:"arrival: from the event's time to its arrival here; carriage: from there until a provider accepted the wake."`
	BelowMS *int   `json:"below_ms" doc:"null = more than all others."`
	Count   int64  `json:"count"`
}

// MailServer is a mail server, by a short keyed hash.
type MailServer struct {
	Server      string     `json:"server"`
	Lost        int64      `json:"lost"`
	Recovered   int64      `json:"recovered"`
	AlarmSince  *time.Time `json:"alarm_since" doc:"Since when most of its subscriptions are silent; null = they are not."`
	RecoveredAt *time.Time `json:"recovered_at"`
}

// MailBrake is an app about which no mail server is told Unsubscribe.
type MailBrake struct {
	App           string    `json:"app"`
	Since         time.Time `json:"since"`
	Deaths        int64     `json:"deaths" doc:"In the hour before."`
	Registrations int64     `json:"registrations" doc:"That the app had then."`
	Held          int64     `json:"held" doc:"Registrations that are dead by the provider's word, and wait."`
}

func showBrake(b mailbox.Brake) MailBrake {
	return MailBrake{b.App, b.Since, b.Deaths, b.Registrations, b.Held}
}

type mailHealthInput struct {
	Hours int `query:"hours" minimum:"1" maximum:"720" default:"24" doc:"How far back counts go."`
}

func (s *server) getMailHealth(ctx context.Context, _ access.Actor, in *mailHealthInput) (*found[MailHealth], error) {
	h, err := s.door.MailHealth(ctx, in.Hours)
	if err != nil {
		return nil, err
	}
	out := MailHealth{
		At: h.At, ListeningSince: timeOrNull(h.ListeningSince), LastWrittenAt: timeOrNull(h.HeardAt), Pending: h.Pending, PendingSince: timeOrNull(h.PendingSince),
		Registrations: []MailRegistrations{}, Hours: mailHours(h.Hours), Reasons: []MailReason{}, Latency: []MailLatency{}, MailServers: []MailServer{}, Brakes: []MailBrake{},
	}
	for _, r := range h.Registrations {
		out.Registrations = append(out.Registrations, MailRegistrations{r.Platform.String(), r.App, r.State.String(), r.N})
	}
	for _, r := range h.Reasons {
		out.Reasons = append(out.Reasons, MailReason{r.What.String(), r.Reason, r.N})
	}
	for _, b := range h.Latency {
		out.Latency = append(out.Latency, showBucket(b))
	}
	for _, m := range h.Servers {
		out.MailServers = append(out.MailServers, MailServer{m.Name, m.Lost, m.Recovered, timeOrNull(m.Alarm), timeOrNull(m.RecoveredAt)})
	}
	for _, b := range h.Brakes {
		out.Brakes = append(out.Brakes, showBrake(b))
	}
	return find(out, nil)
}

func showBucket(b mailbox.HealthBucket) MailLatency {
	shown := MailLatency{Leg: b.Leg.String(), Count: b.N}
	if b.Bound > 0 {
		shown.BelowMS = ptr(b.Bound)
	}
	return shown
}

func mailHours(list []mailbox.HealthHour) []MailHour {
	hours := []MailHour{}
	for _, h := range list {
		if n := len(hours); n == 0 || !hours[n-1].Hour.Equal(h.Hour) {
			hours = append(hours, MailHour{h.Hour, map[string]int64{}})
		}
		hours[len(hours)-1].Counts[h.What.String()] = h.N
	}
	return hours
}

func (s *server) listBrakes(ctx context.Context, _ access.Actor, _ *struct{}) (*found[page[MailBrake]], error) {
	list, err := s.door.Brakes(ctx)
	if err != nil {
		return nil, err
	}
	return pageOf(list, "", showBrake), nil
}

// BrakeRelease names the app whose brake comes off.
type BrakeRelease struct {
	App string `json:"app" required:"true" minLength:"1" maxLength:"255" example:"com.example.mail"`
}

// BrakeReleased says what became of the registrations that waited.
type BrakeReleased struct {
	App  string `json:"app"`
	Held int64  `json:"held" doc:"Registrations that waited."`
}

type releaseBrakeInput struct{ payload[BrakeRelease] }

func (s *server) confirmBrake(ctx context.Context, actor access.Actor, in *releaseBrakeInput) (*found[BrakeReleased], error) {
	return s.releaseBrake(ctx, actor, in.body.App, true)
}

func (s *server) dismissBrake(ctx context.Context, actor access.Actor, in *releaseBrakeInput) (*found[BrakeReleased], error) {
	return s.releaseBrake(ctx, actor, in.body.App, false)
}

func (s *server) releaseBrake(ctx context.Context, actor access.Actor, app string, dead bool) (*found[BrakeReleased], error) {
	held, err := s.door.ReleaseBrake(ctx, actor, app, dead)
	if errors.Is(err, mailbox.ErrNoBrake) {
		return nil, newProblem(404, "This app is not braked.")
	}
	if err != nil {
		return nil, fmt.Errorf("releasing a brake: %w", err)
	}
	return find(BrakeReleased{app, held}, nil)
}
