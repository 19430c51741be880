package main

import (
	"context"
	"errors"
	"fmt"

	"heliograph/access"
	"heliograph/app"
	"heliograph/intake"
	"heliograph/store"
)

type adminCmd struct {
	Create adminCreateCmd `cmd:"" help:"Make an administrator and print a one-time link that sets the password."`
	Reset  adminResetCmd  `cmd:"" help:"Print a one-time link that sets a new password."`
}

// adminFlags are those of both commands.
type adminFlags struct {
	Name string `arg:"" help:"What the administrator signs in with."`
	URL  string `help:"Address of the console, for the link." default:"http://127.0.0.1:8080" name:"public-url"`

	place `embed:"" group:"Where everything is kept"`
}

type adminCreateCmd struct {
	adminFlags `embed:""`
}

// Help is shown by -h below the flags.
func (adminCreateCmd) Help() string {
	return `It works on the database, also while heliograph serve runs. The link works once, within a day.

Example:

    heliograph admin create maria --public-url https://notify.example.com`
}

// Run makes the account.
func (c *adminCreateCmd) Run(ctx context.Context, term terminal) error {
	return c.withLink(ctx, term, func(_ *store.Store, door *intake.Door) (string, error) {
		_, link, err := door.CreateAccount(ctx, access.CommandLine, intake.AccountInput{Name: c.Name, Role: access.Administrator})
		if errors.Is(err, store.ErrConflict) {
			return "", fmt.Errorf("there is an account %q already; heliograph admin reset lets it in again", c.Name)
		}
		return link, err
	})
}

type adminResetCmd struct {
	adminFlags   `embed:""`
	SecondFactor bool `help:"Also turn the second factor off, for who lost their phone and recovery codes." name:"second-factor"`
}

// Help is shown by -h below the flags.
func (adminResetCmd) Help() string {
	return `It works on the database, also while heliograph serve runs. The old password goes on until the link is used, which also signs the account out everywhere; the link works once, within a day, and earlier links of the account stop working.

Examples:

    heliograph admin reset admin
    heliograph admin reset admin --second-factor`
}

// Run finds the account.
func (c *adminResetCmd) Run(ctx context.Context, term terminal) error {
	return c.withLink(ctx, term, func(s *store.Store, door *intake.Door) (string, error) {
		account, err := s.AccountByName(ctx, c.Name)
		if errors.Is(err, store.ErrNotFound) {
			return "", fmt.Errorf("there is no account %q; heliograph admin create makes one", c.Name)
		}
		if err != nil {
			return "", err
		}
		if c.SecondFactor {
			if err := forgetSecondFactor(ctx, s, account); err != nil {
				return "", err
			}
		}
		return door.InviteAccount(ctx, access.CommandLine, account.ID)
	})
}

func forgetSecondFactor(ctx context.Context, s *store.Store, a access.Account) error {
	entry := access.CommandLine.Did(access.TwoFactor, access.Object{Kind: access.AnAccount, ID: a.ID, Name: a.Name}, nil, map[string]bool{"second_factor": false})
	return s.RemoveSecondFactor(ctx, a.ID, entry)
}

// withLink gets the secret of a link and prints the link, and nothing else, on standard output.
func (c *adminFlags) withLink(ctx context.Context, term terminal, get func(*store.Store, *intake.Door) (string, error)) error {
	if err := checkOrigin("--public-url", c.URL); err != nil {
		return err
	}
	s, err := app.OpenDatabase(ctx, c.options())
	if err != nil {
		return err
	}
	defer s.Close()
	secret, err := get(s, intake.New(s, intake.Options{NotFound: store.ErrNotFound}))
	if err != nil {
		return fmt.Errorf("making the link: %w", inWords(err))
	}
	_, err = fmt.Fprintln(term.out, app.LinkURL(c.URL, secret))
	return err
}

// inWords says what is wrong with the name, which is all that was typed.
func inWords(err error) error {
	var refused *intake.Refused
	if !errors.As(err, &refused) {
		return err
	}
	for _, p := range refused.Problems {
		if p.Pointer == "/name" {
			return fmt.Errorf("the name %s", p.Detail)
		}
	}
	return err
}
