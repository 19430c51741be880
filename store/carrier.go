package store

import (
	"context"

	"github.com/google/uuid"

	"heliograph/access"
	"heliograph/carrier"
	"heliograph/fleet"
)

const carrierColumns = `id, carrier, domain, country, prefix, ends_on, doubtful, note`

// Carriers lists the gateways of carriers by name.
func (s *Store) Carriers(ctx context.Context) (list []carrier.Gateway, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		rows, err := tx.Query(ctx, `SELECT `+carrierColumns+` FROM carrier_gateways ORDER BY LOWER(carrier), domain`)
		list, err = all(rows, err, scanCarrier)
		return err
	})
	return list, err
}

// Carrier reads one gateway. ErrNotFound when there is none.
func (s *Store) Carrier(ctx context.Context, id string) (g carrier.Gateway, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		g, err = scanCarrier(tx.QueryRow(ctx, `SELECT `+carrierColumns+` FROM carrier_gateways WHERE id = $1`, id))
		return notFound(err)
	})
	return g, err
}

func scanCarrier(r Row) (g carrier.Gateway, err error) {
	var ends int64
	err = r.Scan(&g.ID, &g.Carrier, &g.Domain, &g.Country, &g.Prefix, &ends, &g.Doubtful, &g.Note)
	g.EndsOn = at(ends)
	return g, err
}

// PutCarrier stores a gateway, and reports whether it is new. ErrConflict when the carrier has the same domain already.
func (s *Store) PutCarrier(ctx context.Context, g carrier.Gateway, entries ...access.Entry) (created bool, err error) {
	if err := fleet.Refuse(g.Check()); err != nil {
		return false, err
	}
	err = s.WriteAudited(ctx, entries, func(tx Tx) error {
		n, err := tx.Exec(ctx, `
			UPDATE carrier_gateways SET carrier = $2, domain = $3, country = $4, prefix = $5, ends_on = $6, doubtful = $7, note = $8
			WHERE id = $1`,
			g.ID, g.Carrier, g.Domain, g.Country, g.Prefix, ms(g.EndsOn), g.Doubtful, g.Note)
		if err != nil || n > 0 {
			return err
		}
		created = true
		return insertCarrier(ctx, tx, g)
	})
	if isUnique(err) {
		return false, &Taken{"domain", "the carrier has a gateway of this domain already"}
	}
	return created, err
}

func insertCarrier(ctx context.Context, tx Tx, g carrier.Gateway) error {
	_, err := tx.Exec(ctx, `INSERT INTO carrier_gateways (`+carrierColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		g.ID, g.Carrier, g.Domain, g.Country, g.Prefix, ms(g.EndsOn), g.Doubtful, g.Note)
	return err
}

// DeleteCarrier forgets a gateway. ErrNotFound when there is none.
func (s *Store) DeleteCarrier(ctx context.Context, id string, entries ...access.Entry) error {
	return s.WriteAudited(ctx, entries, func(tx Tx) error {
		return deleted(tx.Exec(ctx, `DELETE FROM carrier_gateways WHERE id = $1`, id))
	})
}

// startCarriers fills the table with the gateways that are known, once: what an administrator deletes stays deleted. Of
// several nodes that start together one does it, the others wait at the setting's row.
func startCarriers(ctx context.Context, tx Tx) error {
	first, err := tx.Exec(ctx, `INSERT INTO settings (name, value) VALUES ('carriers_known', '1') ON CONFLICT (name) DO NOTHING`)
	if err != nil || first == 0 {
		return err
	}
	for _, g := range carrier.Known() {
		id, err := uuid.NewV7()
		if err != nil {
			return err
		}
		g.ID = id.String()
		if err := insertCarrier(ctx, tx, g); err != nil {
			return err
		}
	}
	return nil
}

// maxCarriers is how many different carriers of devices are worth telling: there are a few in a country.
const maxCarriers = 1000

// DeviceCarriers counts the devices in scope by the carrier that they name, the most frequent first.
func (s *Store) DeviceCarriers(ctx context.Context, scope access.Scope) (list []carrier.Seen, err error) {
	err = s.Read(ctx, func(tx Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT d.carrier, COUNT(*) AS n FROM devices d WHERE d.carrier <> '' AND `+deviceScope(scope, "d")+`
			GROUP BY d.carrier ORDER BY n DESC, d.carrier LIMIT $1`, maxCarriers)
		list, err = all(rows, err, func(r Row) (seen carrier.Seen, err error) {
			err = r.Scan(&seen.Carrier, &seen.Devices)
			return seen, err
		})
		return err
	})
	return list, err
}
