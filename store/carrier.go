package store

import (
	"context"

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
