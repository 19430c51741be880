package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"heliograph/app"
	"heliograph/app/doctor"
	"heliograph/courier"
	"heliograph/store"
)

type doctorCmd struct {
	Listener              string `help:"Examine the way from this machine to a mail listener, such as https://listener.emea.example.com, and nothing else. Needs no database: run it on the Exchange server." placeholder:"URL" group:"What to examine"`
	Registration          string `help:"Examine the way from this machine to a registration service, likewise." placeholder:"URL" group:"What to examine"`
	PublicURL             string `help:"Address under which people reach the console, to be examined with the installation." name:"public-url" placeholder:"URL" group:"What to examine"`
	PublicRegistrationURL string `help:"Address under which devices register, likewise. Default: as Settings say." name:"public-registration-url" placeholder:"URL" group:"What to examine"`
	PublicMailboxURL      string `help:"Address under which mail servers reach the listener, likewise." name:"public-mailbox-url" placeholder:"URL" group:"What to examine"`
	TrustedCA             string `help:"Certificates in PEM to trust besides the system's." name:"trusted-ca" type:"existingfile" placeholder:"PATH" group:"What to examine"`
	Recount               bool   `help:"Compare the counters of notifications with their deliveries, and nothing else." group:"What to examine"`
	Repair                bool   `help:"With --recount: correct counters that are wrong." group:"What to examine"`
	JSON                  bool   `help:"Print JSON."`

	place `embed:"" group:"Where everything is kept"`
}

// Help is shown by -h below the flags.
func (doctorCmd) Help() string {
	return `Without --listener, --registration or --recount it examines the installation: database, schema, disk, key file and whether every sealed value opens, clock, work that nobody does, every server with its credentials (nothing is sent to anybody), and DNS, certificate, TLS versions and answers of the public addresses. It works also while heliograph serve runs.

Exit code 0: nothing is wrong, though there may be something to look at; 1: something is wrong.

Examples:

    heliograph doctor --public-url https://notify.example.com
    heliograph doctor --listener https://listener.emea.example.com
    heliograph doctor --recount --json`
}

// Run examines.
func (c *doctorCmd) Run(ctx context.Context, term terminal) error {
	if c.Repair && !c.Recount {
		return misused("--repair corrects what --recount finds: give both")
	}
	tell := func(f doctor.Finding) { _ = f.Print(term.out) } // who does not listen does not matter
	if c.JSON {
		tell = nil
	}
	report, err := c.examine(ctx, tell)
	if err != nil {
		return err
	}
	if c.JSON {
		e := json.NewEncoder(term.out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(report); err != nil {
			return err
		}
	}
	if !report.OK {
		return errSaid
	}
	return nil
}

func (c *doctorCmd) examine(ctx context.Context, tell func(doctor.Finding)) (doctor.Report, error) {
	if c.Recount {
		return c.recount(ctx, tell)
	}
	ways, err := c.places("--listener", c.Listener, "--registration", c.Registration)
	if err != nil {
		return doctor.Report{}, err
	}
	if len(ways) > 0 {
		return doctor.Reach(ctx, ways, tell), nil
	}
	public, err := c.places("--public-url", c.PublicURL, "--public-registration-url", c.PublicRegistrationURL, "--public-mailbox-url", c.PublicMailboxURL)
	if err != nil {
		return doctor.Report{}, err
	}
	return doctor.Examine(ctx, doctor.House{
		DataDir: c.Data, Places: public, Tell: tell,
		Open: func(ctx context.Context) (*store.Store, error) { return app.OpenWithKeys(ctx, c.options()) },
	}), nil
}

// placeNames say what the address in a flag is.
var placeNames = map[string]string{
	"--listener": "listener", "--public-mailbox-url": "listener",
	"--registration": "registration", "--public-registration-url": "registration", "--public-url": "console",
}

// places reads pairs of a flag and its value; one without a value is left out.
func (c *doctorCmd) places(pairs ...string) (list []doctor.Place, err error) {
	var ca []byte
	if c.TrustedCA != "" {
		if ca, err = os.ReadFile(c.TrustedCA); err != nil {
			return nil, fmt.Errorf("reading the certificates to trust: %w", err)
		}
	}
	for i := 0; i < len(pairs); i += 2 {
		flag, value := pairs[i], pairs[i+1]
		if err := checkOrigin(flag, value); err != nil {
			return nil, err
		}
		if value != "" {
			name := placeNames[flag]
			list = append(list, doctor.Place{Name: name, URL: strings.TrimSuffix(value, "/"), Listener: name == "listener", CA: ca})
		}
	}
	return list, nil
}

func (c *doctorCmd) recount(ctx context.Context, tell func(doctor.Finding)) (doctor.Report, error) {
	s, err := app.OpenDatabase(ctx, c.options())
	if err != nil {
		return doctor.Report{}, err
	}
	defer s.Close()
	set, err := s.Setting(ctx, courier.RetentionSetting)
	if err != nil {
		return doctor.Report{}, err
	}
	return doctor.Recount(ctx, s, time.Now().Add(-courier.Retention(set)), c.Repair, tell), nil
}
