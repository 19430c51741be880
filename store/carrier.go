package store

import (
	"context"
	"fmt"

	"heliograph/carrier"
)

const carrierColumns = `id, carrier, domain, country, prefix, ends_on, note`

// Carriers lists the gateways of carriers by name.
func (s *Store) Carriers(ctx context.Context) (list []carrier.Gateway, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		rows, err := tx.Query(ctx, `SELECT `+carrierColumns+` FROM carrier_gateways ORDER BY carrier, domain`)
		list, err = all(rows, err, scanCarrier)
		return err
	})
	return list, err
}

func scanCarrier(r Row) (g carrier.Gateway, err error) {
	var ends int64
	err = r.Scan(&g.ID, &g.Carrier, &g.Domain, &g.Country, &g.Prefix, &ends, &g.Note)
	g.EndsOn = at(ends)
	return g, err
}

// PutCarrier stores a gateway, and reports whether it is new. ErrConflict when the carrier has the same domain already.
func (s *Store) PutCarrier(ctx context.Context, g carrier.Gateway) (created bool, err error) {
	err = s.Write(ctx, func(tx Tx) error {
		n, err := tx.Exec(ctx, `
			UPDATE carrier_gateways SET carrier = $2, domain = $3, country = $4, prefix = $5, ends_on = $6, note = $7 WHERE id = $1`,
			g.ID, g.Carrier, g.Domain, g.Country, g.Prefix, ms(g.EndsOn), g.Note)
		if err != nil || n > 0 {
			return err
		}
		created = true
		_, err = tx.Exec(ctx, `INSERT INTO carrier_gateways (`+carrierColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			g.ID, g.Carrier, g.Domain, g.Country, g.Prefix, ms(g.EndsOn), g.Note)
		return err
	})
	if isUnique(err) {
		return false, fmt.Errorf("a gateway of %s at %s exists already: %w", g.Carrier, g.Domain, ErrConflict)
	}
	return created, err
}

// DeleteCarrier forgets a gateway. ErrNotFound when there is none.
func (s *Store) DeleteCarrier(ctx context.Context, id string) error {
	return s.Write(ctx, func(tx Tx) error {
		n, err := tx.Exec(ctx, `DELETE FROM carrier_gateways WHERE id = $1`, id)
		if err == nil && n == 0 {
			err = fmt.Errorf("carrier gateway %s: %w", id, ErrNotFound)
		}
		return err
	})
}
