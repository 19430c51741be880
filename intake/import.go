package intake

import (
	"context"
	"errors"
	"io"

	"heliograph/access"
	"heliograph/fleet"
)

// ImportStore is what an import needs of the store.
type ImportStore interface {
	// ImportRows applies rows in one transaction. dry is nil to store; else it remembers who would have been stored.
	ImportRows(ctx context.Context, scope access.Scope, rows []fleet.ImportRow, dry map[fleet.UserID]fleet.User) ([]fleet.Effect, error)
	// Analyze is called once much was stored.
	Analyze(ctx context.Context) error
}

// importBatch is how many rows are committed at a time.
const importBatch = 1000

// muchImported is how many changed rows change what a database should know about its tables.
const muchImported = 10_000

// ImportDevices reads devices, with their people, from r, and stores what differs, 1,000 rows at a time. With dryRun it
// stores nothing and reports what it would have done. progress, which may be nil, is told after each commit.
//
// A file that cannot be used at all is fleet.Invalid, and nothing of it was stored. With any other error the report says
// what was committed before.
func ImportDevices(ctx context.Context, s ImportStore, scope access.Scope, r io.Reader, format fleet.Format, dryRun bool,
	progress func(fleet.ImportReport)) (fleet.ImportReport, error) {
	report := fleet.ImportReport{Errors: []fleet.ImportError{}}
	reader, err := fleet.NewImportReader(r, format)
	if err != nil {
		return report, err
	}
	var dry map[fleet.UserID]fleet.User
	if dryRun {
		dry = map[fleet.UserID]fleet.User{}
	}
	for {
		batch, ended, err := readBatch(reader)
		if err != nil {
			return report, err
		}
		if err := importRows(ctx, s, scope, batch, dry, &report); err != nil {
			return report, err
		}
		if progress != nil {
			progress(report)
		}
		if ended && !dryRun && report.Created+report.Updated >= muchImported {
			return report, s.Analyze(ctx)
		}
		if ended {
			return report, nil
		}
	}
}

func readBatch(r *fleet.ImportReader) (batch []fleet.ImportRow, ended bool, err error) {
	for len(batch) < importBatch {
		row, err := r.Next()
		if errors.Is(err, io.EOF) {
			return batch, true, nil
		}
		if err != nil {
			return nil, false, err
		}
		batch = append(batch, row)
	}
	return batch, false, nil
}

// importRows stores the rows that can be read, and counts all in the order of the file.
func importRows(ctx context.Context, s ImportStore, scope access.Scope, batch []fleet.ImportRow, dry map[fleet.UserID]fleet.User, report *fleet.ImportReport) error {
	var good []fleet.ImportRow
	for _, row := range batch {
		if len(row.Problems) == 0 {
			good = append(good, row)
		}
	}
	var effects []fleet.Effect
	if len(good) > 0 {
		var err error
		if effects, err = s.ImportRows(ctx, scope, good, dry); err != nil {
			return err
		}
	}
	for _, row := range batch {
		if len(row.Problems) > 0 {
			report.Add(row, fleet.Rejected)
			continue
		}
		report.Add(good[0], effects[0])
		good, effects = good[1:], effects[1:]
	}
	return nil
}
