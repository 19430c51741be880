package console

import (
	"context"
	"net/http"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"heliograph/access"
)

// settingsPage leads to everything that can be set.
type settingsPage struct {
	Sections []settingsSection
}

type settingsSection struct {
	Name  string // of its text
	Links []settingsLink
}

// settingsLink is one tile: "settings.<Name>" and "settings.<Name>.lead" are its words.
type settingsLink struct {
	Name, Path, Picture string
	State               string // how things stand; empty = nothing to say
}

func (p settingsPage) heading(ctx context.Context) heading {
	return heading{Title: t(ctx, "nav.settings"), Nav: "settings"}
}

func (c *console) settings(w http.ResponseWriter, r *http.Request) error {
	about := settingsSection{"system", []settingsLink{
		{"api", "/api/docs", "api", ""},
		{"about", "/settings/about", "info-circle", t(r.Context(), "about.version.short", c.version())},
	}}
	if !may(r.Context(), access.SeeSettings) {
		return c.show(w, r, http.StatusOK, settingsPage{[]settingsSection{about}})
	}
	var links []settingsLink
	for _, f := range serverFamilies {
		state, err := c.familyState(r.Context(), f)
		if err != nil {
			return err
		}
		links = append(links, settingsLink{f.name, f.path, f.picture, state})
	}
	gateways, err := c.carrierTile(r.Context())
	if err != nil {
		return err
	}
	templates, err := c.templateTile(r.Context())
	if err != nil {
		return err
	}
	links = append(slices.Insert(links, 1, gateways), templates, settingsLink{"sounds", soundsPath, "music", ""})
	signIn, err := c.signInTile(r.Context())
	if err != nil {
		return err
	}
	system := []settingsLink{{"organization", organizationPath, "building", ""}, {"network", networkPath, "world", ""}}
	if may(r.Context(), access.ManageFleet) {
		system = append(system, settingsLink{"import", importPath, "file-import", ""})
	}
	about.Links = append(system, about.Links...)
	return c.show(w, r, http.StatusOK, settingsPage{[]settingsSection{
		{"notifications", links},
		{"access", []settingsLink{
			{"administrators", administratorsPath, "users", ""},
			{"signin", signInSettingsPath, "fingerprint", signIn},
			{"tokens", apiTokensPath, "key", ""},
			{"audit", auditPath, "history", ""},
		}},
		about,
	}})
}

// familyState says how many servers of a family there are, and whether one is in trouble.
func (c *console) familyState(ctx context.Context, f serverFamily) (string, error) {
	list, err := c.serversOf(ctx, f)
	if err != nil || len(list) == 0 {
		return t(ctx, "settings.none"), err
	}
	for _, s := range list {
		if s.Pause != nil {
			return t(ctx, "settings.paused", s.Name), nil
		}
		if n := int64(len(s.Resting)); n > 0 {
			return tn(ctx, "dashboard.resting", n, s.Name), nil
		}
	}
	active := int64(0)
	for _, s := range list {
		if s.Active {
			active++
		}
	}
	return tn(ctx, "settings.active", active), nil
}

// keyWords say which key seals, and how far sealing again is while another one takes its place.
func (c *console) keyWords(ctx context.Context) (string, error) {
	if c.Keys == nil || !may(ctx, access.SeeSettings) {
		return "", nil
	}
	status, err := c.Keys.KeyStatus(ctx)
	if err != nil {
		return "", err
	}
	var seen, total int64
	resealing := false
	for _, p := range status.Reseals {
		if p.Keys == status.InUse {
			seen, total, resealing = seen+p.Seen, total+p.Total, resealing || p.FinishedAt.IsZero()
		}
	}
	switch id := string(status.InUse.Sealing); {
	case status.Waiting():
		return t(ctx, "about.keys.waiting", id), nil
	case resealing:
		return t(ctx, "about.keys.sealing", id, number(ctx, min(seen, total)), number(ctx, total)), nil
	default:
		return t(ctx, "about.keys.use", id), nil
	}
}

// aboutPage says what is running.
type aboutPage struct {
	Version, Revision, Go, Machine string
	Built                          time.Time // of the source; zero = unknown
	Keys                           string    // how far their rotation is; empty = not to be shown
}

func (p aboutPage) heading(ctx context.Context) heading {
	return heading{Title: t(ctx, "about.title"), Nav: "settings", Parents: []crumb{{t(ctx, "nav.settings"), "/settings"}}}
}

func (c *console) about(w http.ResponseWriter, r *http.Request) error {
	p := aboutPage{Version: c.version(), Go: runtime.Version(), Machine: runtime.GOOS + "/" + runtime.GOARCH}
	if info, has := debug.ReadBuildInfo(); has {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				p.Revision = s.Value
			case "vcs.time":
				p.Built, _ = time.Parse(time.RFC3339, s.Value) // zero = unknown
			}
		}
	}
	var err error
	if p.Keys, err = c.keyWords(r.Context()); err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, p)
}

func (c *console) version() string {
	if c.Version == "" {
		return "dev"
	}
	return c.Version
}

// component is something of others that the pages are made with.
type component struct{ Name, Licence string }

// components are listed with their licences on the About page; the licences themselves are in assets/vendor.
var components = []component{
	{"Tabler, Tabler Icons", "MIT"}, {"htmx", "0BSD"}, {"uPlot", "MIT"},
}
