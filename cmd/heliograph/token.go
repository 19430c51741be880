package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"heliograph/access"
	"heliograph/app"
	"heliograph/intake"
	"heliograph/store"
)

type tokenCmd struct {
	Create tokenCreateCmd `cmd:"" help:"Make a token and print it, and nothing else, on standard output."`
}

type tokenCreateCmd struct {
	Role    string        `help:"What the token may do: administrator, operator (sends), support (sees, and sends again) or auditor (sees)." required:"" placeholder:"ROLE"`
	Group   []string      `help:"Limit it to this group, by name or id; may be given several times. An administrator cannot be limited." placeholder:"GROUP" sep:"none"`
	Name    string        `help:"What it is for, to recognise it by. Default: command line." default:"command line" placeholder:"TEXT"`
	Expires time.Duration `help:"How long it works, such as 720h. Default: until it is deleted." placeholder:"DURATION"`

	place `embed:"" group:"Where everything is kept"`
}

// Help is shown by -h below the flags.
func (tokenCreateCmd) Help() string {
	return `It works on the database, also while heliograph serve runs. The token is shown this once; only a hash of it is stored.

Examples:

    heliograph token create --role administrator > token
    heliograph token create --role administrator --name "nightly import" --expires 8760h
    heliograph token create --role support --group Sales --group Paris --name "service desk"`
}

// Run makes the token.
func (c *tokenCreateCmd) Run(ctx context.Context, term terminal) error {
	role, ok := access.ParseRole(c.Role)
	if !ok {
		return misused("--role: there is no role %q; there are %s", c.Role, roles())
	}
	if c.Expires < 0 {
		return misused("--expires must not be negative")
	}
	if len(c.Group) > 0 && !role.Limitable() {
		return misused("--group: an administrator sees the whole fleet")
	}
	in := intake.TokenInput{Name: c.Name, Role: role, Limited: len(c.Group) > 0, Groups: c.Group}
	if c.Expires > 0 {
		in.ExpiresAt = time.Now().Add(c.Expires)
	}
	s, err := app.OpenDatabase(ctx, c.options())
	if err != nil {
		return err
	}
	defer s.Close()
	secret, _, err := intake.New(s, intake.Options{NotFound: store.ErrNotFound}).CreateToken(ctx, access.CommandLine, in)
	if err != nil {
		return fmt.Errorf("making the token: %w", c.inWords(err))
	}
	_, err = fmt.Fprintln(term.out, secret)
	return err
}

// inWords names what was typed wrong.
func (c *tokenCreateCmd) inWords(err error) error {
	var refused *intake.Refused
	if !errors.As(err, &refused) {
		return err
	}
	for _, p := range refused.Problems {
		if p.Pointer == "/name" {
			return fmt.Errorf("--name %s", p.Detail)
		}
	}
	for i, group := range c.Group {
		if slices.ContainsFunc(refused.Problems, func(p intake.Problem) bool { return p.Pointer == fmt.Sprintf("/groups/%d", i) }) {
			return fmt.Errorf("there is no group %q", group)
		}
	}
	return err
}

func roles() string {
	words := make([]string, len(access.Roles))
	for i, role := range access.Roles {
		words[i] = string(role)
	}
	return strings.Join(words, ", ")
}
