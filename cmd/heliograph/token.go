package main

import (
	"context"
	"fmt"
	"time"

	"heliograph/access"
	"heliograph/app"
)

type tokenCmd struct {
	Create tokenCreateCmd `cmd:"" help:"Make a token and print it, and nothing else, on standard output."`
}

type tokenCreateCmd struct {
	Role    string        `help:"What the token may do: administrator." required:"" placeholder:"ROLE"`
	Name    string        `help:"What it is for, to recognise it by." default:"command line" placeholder:"TEXT"`
	Expires time.Duration `help:"How long it works. Default: until it is deleted." placeholder:"720h"`

	place `embed:"" group:"Where everything is kept"`
}

// Help is shown by -h below the flags.
func (tokenCreateCmd) Help() string {
	return `It works on the database, also while heliograph serve runs. The token is shown this once; only a hash of it is stored.

Examples:

    heliograph token create --role administrator > token
    heliograph token create --role administrator --name "nightly import" --expires 8760h`
}

// Run makes the token.
func (c *tokenCreateCmd) Run(ctx context.Context, term terminal) error {
	role, ok := access.ParseRole(c.Role)
	if !ok {
		return misused("--role: there is no role %q; there is administrator", c.Role)
	}
	if c.Expires < 0 {
		return misused("--expires must not be negative")
	}
	var expires time.Time
	if c.Expires > 0 {
		expires = time.Now().Add(c.Expires)
	}
	s, err := app.OpenDatabase(ctx, c.options())
	if err != nil {
		return err
	}
	defer s.Close()
	secret, _, err := s.CreateToken(ctx, c.Name, role, expires)
	if err != nil {
		return fmt.Errorf("making the token: %w", err)
	}
	_, err = fmt.Fprintln(term.out, secret)
	return err
}
