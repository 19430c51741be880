package store_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"heliograph/store"
)

// inTheOpen are the columns of bytes that are not sealed, and why that is no loss.
var inTheOpen = map[string]string{
	"push_tokens.token_hash":                "keyed hash of a sealed value",
	"account_links.secret_hash":             "SHA-256 of a random secret",
	"api_tokens.secret_hash":                "SHA-256 of a random secret",
	"recovery_codes.code_hash":              "SHA-256 of a random secret",
	"idempotency_keys.body_hash":            "SHA-256, to compare two requests of one token",
	"sessions.token_hash":                   "SHA-256 of a random secret",
	"sessions.data":                         "the account's id, times and what a page is to say next",
	"app_keys.secret_hash":                  "SHA-256 of a random secret",
	"registrations.id":                      "random",
	"registrations.secret_hash":             "SHA-256 of a random secret",
	"registrations.capability_hash":         "SHA-256 of a random secret",
	"registrations.token_hash":              "keyed hash of a sealed value",
	"registrations.badge_subscription":      "keyed hash",
	"subscriptions.id_hash":                 "keyed hash",
	"subscriptions.server_hash":             "keyed hash",
	"subscriptions.watermark_hash":          "keyed hash",
	"subscriptions.previous_watermark_hash": "keyed hash",
	"registrations.pace":                    "times of the last wakes",
	"pending_wakes.paced":                   "keyed hash",
	"pending_wakes.badge_subscription":      "keyed hash",
	"mail_server_losses.server_hash":        "keyed hash",
}

// A column of bytes that is neither sealed nor known to be harmless has to be thought about; a sealed one that rotation
// does not know would stay behind.
func TestEveryColumnOfBytesIsAccountedFor(t *testing.T) {
	s := openSQLite(t)
	columns := texts(t, s, `
		SELECT m.name || '.' || p.name FROM sqlite_master m, pragma_table_info(m.name) p
		WHERE m.type = 'table' AND p.type = 'BLOB' AND m.name NOT LIKE 'river%' ORDER BY 1`)
	sealed := store.SealedPlaces()
	for _, name := range columns {
		if _, open := inTheOpen[name]; open == slices.Contains(sealed, name) {
			t.Errorf("%s: list it in sealedColumns if it holds sealed values, else here, with the reason; and not in both", name)
		}
	}
	for _, name := range sealed {
		if !slices.Contains(columns, name) {
			t.Errorf("%s is listed as sealed, and there is no such column of bytes", name)
		}
	}
	for name := range inTheOpen {
		if !slices.Contains(columns, name) {
			t.Errorf("%s is listed here, and there is no such column", name)
		}
	}
}

// What is stored where is said table by table in docs/security.md, and a table that is not there has not been thought about.
func TestSecurityDocumentNamesEveryTable(t *testing.T) {
	document, err := os.ReadFile("../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	s := openSQLite(t)
	for _, table := range texts(t, s, `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'river%' AND name NOT LIKE 'sqlite%'`) {
		if !strings.Contains(string(document), "`"+table+"`") {
			t.Errorf("docs/security.md does not say what the table %s holds", table)
		}
	}
}

// texts are the rows of a query with one column.
func texts(t *testing.T, s *store.Store, query string) (list []string) {
	t.Helper()
	err := s.Read(t.Context(), func(tx store.Tx) error {
		rows, err := tx.Query(t.Context(), query)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var text string
			if err := rows.Scan(&text); err != nil {
				return err
			}
			list = append(list, text)
		}
		return rows.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}
