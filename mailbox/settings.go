package mailbox

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"heliograph/access"
	"heliograph/fleet"
)

// SettingName is where the settings are kept among the installation's.
const SettingName = "mail_push.settings"

// Settings are what an administrator decides about mail push.
type Settings struct {
	Enabled bool     `json:"enabled"` // false: registrations and events are taken, and nothing is pushed
	Region  string   `json:"region"`  // this installation's, one of Regions
	Regions []string `json:"regions"` // those that the administrator knows

	// RegistrationURL and ListenerURL are the origins under which devices and mail servers reach this region, such as
	// https://listener.emea.example.com; empty = where the process listens.
	RegistrationURL string `json:"registration_url"`
	ListenerURL     string `json:"listener_url"`

	// EWSHost is the host on which apps reach Exchange Web Services; empty = that of the mail server.
	EWSHost string `json:"ews_host"`

	// Wake and StatusFrequencyMinutes are defaults in the apps' managed configuration; each registration says what it wants.
	Wake                   string `json:"wake"`
	StatusFrequencyMinutes int    `json:"status_frequency_minutes"`

	CoalesceMS      int    `json:"coalesce_ms"`      // events within it after the first share one push; 0 = each is pushed alone
	AndroidPriority string `json:"android_priority"` // auto (high for new mail, normal for changes), high, normal
	TTLHours        int    `json:"ttl_hours"`        // how long push providers keep a wake for a device that is away
	AppKeyRate      int    `json:"app_key_rate"`     // registrations a second with one app key, on each node
}

// Values of Settings.AndroidPriority.
const (
	PriorityAuto   = "auto"
	PriorityHigh   = "high"
	PriorityNormal = "normal"
)

// DefaultSettings are those of an installation that nobody has configured.
func DefaultSettings() Settings {
	return Settings{
		Enabled: true, Region: "Americas", Regions: []string{"Americas", "EMEA", "APAC"},
		Wake: WakeBadge.String(), StatusFrequencyMinutes: 30,
		CoalesceMS: 1000, AndroidPriority: PriorityAuto, TTLHours: 24, AppKeyRate: 100,
	}
}

// Coalesce is CoalesceMS as a duration.
func (s Settings) Coalesce() time.Duration { return time.Duration(s.CoalesceMS) * time.Millisecond }

// TTL is TTLHours as a duration.
func (s Settings) TTL() time.Duration { return time.Duration(s.TTLHours) * time.Hour }

// Limits of settings.
const (
	mostRegions    = 50
	longestRegion  = 50 // characters
	mostCoalesceMS = 1000
	mostTTLHours   = 28 * 24 // of FCM, the shortest of the providers' limits
	mostKeyRate    = 100_000
	// MostFrequency is the longest StatusFrequency that Exchange takes, in minutes.
	MostFrequency = 1440
)

// Tidy takes off what surrounds what was typed.
func (s Settings) Tidy() Settings {
	s.Region, s.EWSHost = strings.TrimSpace(s.Region), strings.TrimSpace(s.EWSHost)
	s.RegistrationURL = strings.TrimSuffix(strings.TrimSpace(s.RegistrationURL), "/")
	s.ListenerURL = strings.TrimSuffix(strings.TrimSpace(s.ListenerURL), "/")
	var regions []string
	for _, region := range s.Regions {
		if region = strings.TrimSpace(region); region != "" && !slices.Contains(regions, region) {
			regions = append(regions, region)
		}
	}
	s.Regions = regions
	return s
}

// Check finds everything that is wrong. Fields are the API's names.
func (s Settings) Check() []fleet.Problem {
	var found problems
	found.regions(s)
	found.origin("registration_url", s.RegistrationURL)
	found.origin("listener_url", s.ListenerURL)
	if s.EWSHost != "" && !validHost(s.EWSHost) {
		found.add("ews_host", "must be a host name such as ews.example.com, without https:// or a path")
	}
	if _, ok := ParseWakeStyle(s.Wake); !ok {
		found.add("wake", "must be %s", wakeStyles.list())
	}
	if !slices.Contains([]string{PriorityAuto, PriorityHigh, PriorityNormal}, s.AndroidPriority) {
		found.add("android_priority", "must be auto, high or normal")
	}
	found.between("status_frequency_minutes", s.StatusFrequencyMinutes, 1, MostFrequency)
	found.between("coalesce_ms", s.CoalesceMS, 0, mostCoalesceMS)
	found.between("ttl_hours", s.TTLHours, 1, mostTTLHours)
	found.between("app_key_rate", s.AppKeyRate, 1, mostKeyRate)
	return found
}

func (p *problems) between(field string, n, least, most int) {
	if n < least || n > most {
		p.add(field, "must be a whole number from %d to %d", least, most)
	}
}

func (p *problems) regions(s Settings) {
	if len(s.Regions) == 0 {
		p.add("regions", "must name at least one region")
	}
	if len(s.Regions) > mostRegions {
		p.add("regions", "are more than %d", mostRegions)
	}
	for i, region := range s.Regions {
		if utf8.RuneCountInString(region) > longestRegion || strings.ContainsFunc(region, func(r rune) bool { return r < ' ' }) {
			p.add("regions."+decimal(i), "must be one line of at most %d characters", longestRegion)
		}
	}
	if len(s.Regions) > 0 && !slices.Contains(s.Regions, s.Region) {
		p.add("region", "must be one of the regions")
	}
}

func (p *problems) origin(field, text string) {
	if text == "" {
		return
	}
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || !validHost(u.Hostname()) || u.Path != "" || u.RawQuery != "" || u.User != nil || u.Fragment != "" {
		p.add(field, "must be an origin such as https://mail.example.com, without a path")
	}
}

// validHost takes host names and addresses, as far as to keep out what could be read as something else.
func validHost(host string) bool {
	return host != "" && len(host) <= 253 && !strings.ContainsFunc(host, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(".-_:", r))
	})
}

// SettingsStore keeps settings as texts by name.
type SettingsStore interface {
	// Setting is empty when it was never set.
	Setting(ctx context.Context, name string) (string, error)
	PutSetting(ctx context.Context, name, value string, entries ...access.Entry) error
}

// settingsKept is how long a node works with settings that another one may have changed.
const settingsKept = 5 * time.Second

// Config reads the settings, and asks the store for them once in a while only. It is safe for concurrent use.
type Config struct {
	store SettingsStore
	now   func() time.Time

	mu    sync.Mutex
	known Settings
	until time.Time
}

// NewConfig reads settings from a store. A nil now is the machine's clock.
func NewConfig(s SettingsStore, now func() time.Time) *Config {
	if now == nil {
		now = time.Now
	}
	return &Config{store: s, now: now}
}

// Settings are those of this moment, or of five seconds ago. When the store does not answer, those known last go on.
func (c *Config) Settings(ctx context.Context) (Settings, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if now.Before(c.until) {
		return c.known, nil
	}
	read, err := c.Read(ctx)
	if err != nil {
		if c.until.IsZero() {
			return Settings{}, err
		}
		return c.known, nil //nolint:nilerr // old settings are better than none
	}
	c.known, c.until = read, now.Add(settingsKept)
	return read, nil
}

// Read asks the store for the settings as they are now.
func (c *Config) Read(ctx context.Context) (Settings, error) {
	s := DefaultSettings()
	text, err := c.store.Setting(ctx, SettingName)
	if err != nil || text == "" {
		return s, err
	}
	s.Regions = nil
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return s, fmt.Errorf("reading the settings of mail push: %w", err)
	}
	return s, nil
}

// Put stores settings, and notes the entries of the audit log with them. What is wrong with them is *fleet.Invalid.
func (c *Config) Put(ctx context.Context, s Settings, entries ...access.Entry) (Settings, error) {
	s = s.Tidy()
	if err := fleet.Refuse(s.Check()); err != nil {
		return s, err
	}
	text, err := json.Marshal(s)
	if err != nil {
		return s, err
	}
	if err := c.store.PutSetting(ctx, SettingName, string(text), entries...); err != nil {
		return s, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known, c.until = s, c.now().Add(settingsKept)
	return s, nil
}
