package intake

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"

	"heliograph/channel"
)

// ErrNoHook says that no server has such an address.
var ErrNoHook = errors.New("no server has this address")

// TakeReceipt settles a delivery by what its service posted. capability is the secret part of the address, which says
// whose receipt it is. A receipt for a delivery that is not there any more is taken, so that it does not come again.
func (d *Door) TakeReceipt(ctx context.Context, capability string, in channel.Incoming) error {
	server, receiver, err := d.receiver(ctx, capability)
	if err != nil {
		return err
	}
	r, err := receiver.ReadReceipt(in)
	if err != nil {
		return err
	}
	if r.Delivery == 0 || r.State == 0 {
		return nil
	}
	if err := d.store.SaveReceipt(ctx, server.Key, r); err != nil && !errors.Is(err, d.options.NotFound) {
		return fmt.Errorf("settling a delivery of server %s: %w", server.Name, err)
	}
	return nil
}

// oneOf looks for a secret without telling by its time how much of it was right.
func oneOf(secrets []string, given string) bool {
	return slices.ContainsFunc(secrets, func(secret string) bool {
		return subtle.ConstantTimeCompare([]byte(secret), []byte(given)) == 1
	})
}

func (d *Door) receiver(ctx context.Context, capability string) (channel.Server, channel.Receiver, error) {
	servers, err := d.store.Servers(ctx)
	if err != nil {
		return channel.Server{}, nil, err
	}
	for _, s := range servers {
		receiver, ok := s.Settings.(channel.Receiver)
		if ok && oneOf(d.store.HookSecrets(s.ID), capability) {
			return s, receiver, nil
		}
	}
	return channel.Server{}, nil, ErrNoHook
}
