package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"heliograph/app"
	"heliograph/seal"
	"heliograph/store"
)

type keysCmd struct {
	Status      keysStatusCmd `cmd:"" help:"Show which keys there are, which are in use, and what is sealed with each. No key is shown."`
	Rotate      keysRotateCmd `cmd:"" help:"Add a sealing key; what older ones sealed is sealed again in the background."`
	RotateIndex keysIndexCmd  `cmd:"" help:"Add an index key, after the old one became known to others."`
	Prune       keysPruneCmd  `cmd:"" help:"Take away the old keys, when nothing needs them any more."`
	New         keysNewCmd    `cmd:"" help:"Print a fresh key file, for an installation that keeps its keys elsewhere."`
}

// Help is shown by -h below the flags.
func (keysCmd) Help() string {
	return `The key file opens the secrets in the database: push tokens, passwords and keys of servers. Back it up apart from the database; without it they are lost.

A running heliograph serve takes a changed key file up within seconds, or at once on SIGHUP. Several nodes: rotate on one, copy the key file to the others; a new key is used when every running node has it.

Examples:

    heliograph keys status
    heliograph keys rotate && heliograph keys status
    heliograph keys prune`
}

type keysStatusCmd struct {
	JSON bool `help:"Print JSON."`

	place `embed:"" group:"Where everything is kept"`
}

// keyReport is what status prints.
type keyReport struct {
	Place       string         `json:"key_file"`
	Fingerprint seal.KeyID     `json:"fingerprint"`
	Keys        []keyLine      `json:"keys"`
	Nodes       []nodeLine     `json:"nodes"`
	Columns     []columnLine   `json:"columns"`
	Unopened    []unopenedLine `json:"unopened"`
	Done        bool           `json:"done"` // nothing is sealed or found by an older key
}

type keyLine struct {
	ID     seal.KeyID `json:"id"`
	Kind   string     `json:"kind"`  // sealing or index
	State  string     `json:"state"` // old, in use, new
	Values int64      `json:"values"`
}

type nodeLine struct {
	Name    string       `json:"name"`
	SeenAt  time.Time    `json:"seen_at"`
	Missing []seal.KeyID `json:"missing"`
}

type columnLine struct {
	Place string `json:"column"`
	Total int64  `json:"total"`
	Seen  int64  `json:"seen"`
	Done  bool   `json:"done"`
}

type unopenedLine struct {
	Place string `json:"column"`
	Rows  int64  `json:"rows"`
	First string `json:"first"`
}

// Run prints the status.
func (c *keysStatusCmd) Run(ctx context.Context, term terminal) error {
	s, err := app.OpenWithKeys(ctx, c.options())
	if err != nil {
		return err
	}
	defer s.Close()
	report, err := newKeyReport(ctx, s, c.options().KeyPlace())
	if err != nil {
		return err
	}
	if c.JSON {
		e := json.NewEncoder(term.out)
		e.SetIndent("", "  ")
		return e.Encode(report)
	}
	return report.print(term.out)
}

func newKeyReport(ctx context.Context, s *store.Store, place string) (keyReport, error) {
	status, err := s.KeyStatus(ctx)
	if err != nil {
		return keyReport{}, err
	}
	counts, err := s.SealedCounts(ctx)
	if err != nil {
		return keyReport{}, err
	}
	unheard, err := s.UnheardHashes(ctx)
	if err != nil {
		return keyReport{}, err
	}
	keys := s.Keys()
	r := keyReport{Place: place, Fingerprint: status.InUse.Index, Done: true, Nodes: []nodeLine{}, Columns: []columnLine{}, Unopened: []unopenedLine{}}
	hashed, old := int64(0), unheard
	sealed := map[seal.KeyID]int64{}
	for _, c := range counts {
		for id, n := range c.ByKey {
			sealed[id] += n
		}
		old += c.OldHash
		hashed += c.Rows
		if c.Unopened > 0 {
			r.Unopened = append(r.Unopened, unopenedLine{c.Place, c.Unopened, c.First})
		}
	}
	r.sealingKeys(keys, sealed)
	r.indexKeys(keys, hashed, old)
	r.nodes(status, slices.Concat(keys.Sealing(), keys.Index()))
	for _, p := range status.Reseals {
		if p.Keys == status.InUse {
			r.Columns = append(r.Columns, columnLine{p.Place, p.Total, p.Seen, !p.FinishedAt.IsZero()})
		}
	}
	return r, nil
}

func (r *keyReport) sealingKeys(keys *seal.Keys, values map[seal.KeyID]int64) {
	for i, id := range keys.Sealing() {
		state := stateOfKey(keys.Sealing(), i, keys.Seals())
		r.Keys = append(r.Keys, keyLine{id, "sealing", state, values[id]})
		r.Done = r.Done && (state == "in use" || state == "old" && values[id] == 0)
	}
}

// indexKeys counts what older index keys still find together: a hash does not say whose it is.
func (r *keyReport) indexKeys(keys *seal.Keys, all, old int64) {
	list := keys.Index()
	for i, id := range list {
		line := keyLine{id, "index", stateOfKey(list, i, keys.Fingerprint()), 0}
		switch line.State {
		case "in use":
			line.Values = max(all-old, 0)
		case "old":
			line.Values = old
			r.Done = r.Done && old == 0
		default:
			r.Done = false
		}
		r.Keys = append(r.Keys, line)
	}
}

func stateOfKey(list []seal.KeyID, i int, inUse seal.KeyID) string {
	switch at := slices.Index(list, inUse); {
	case i < at:
		return "old"
	case i == at:
		return "in use"
	}
	return "new"
}

func (r *keyReport) nodes(status store.KeyStatus, keys []seal.KeyID) {
	for _, n := range status.Nodes {
		missing := slices.DeleteFunc(slices.Clone(keys), func(id seal.KeyID) bool { return slices.Contains(n.Keys, id) })
		r.Nodes = append(r.Nodes, nodeLine{n.Name, n.SeenAt, missing})
	}
}

func (r keyReport) print(out io.Writer) error {
	fmt.Fprintf(out, "Keys         %s\nFingerprint  %s\n\n", r.Place, r.Fingerprint)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "KEY\tKIND\tSTATE\tVALUES")
	for _, k := range r.Keys {
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\n", k.ID, k.Kind, k.State, k.Values)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, c := range r.Columns {
		if !c.Done {
			fmt.Fprintf(out, "\n%s is being sealed again: %d of %d rows.", c.Place, c.Seen, c.Total)
		}
	}
	for _, n := range r.Nodes {
		if len(n.Missing) > 0 {
			fmt.Fprintf(out, "\n%s lacks %s: give it this key file.", n.Name, joined(n.Missing))
		}
	}
	for _, u := range r.Unopened {
		fmt.Fprintf(out, "\n%d values of %s do not open with these keys, the first at %s: they were sealed with a key that is gone, or are damaged.", u.Rows, u.Place, u.First)
	}
	_, err := fmt.Fprintln(out, "\n"+r.advice())
	return err
}

func (r keyReport) advice() string {
	old, fresh := false, false
	for _, k := range r.Keys {
		old, fresh = old || k.State == "old", fresh || k.State == "new"
	}
	switch {
	case fresh:
		return "A new key is not in use yet: it will be when every running node has it."
	case old && r.Done:
		return "Nothing needs the old keys any more: heliograph keys prune takes them away. Older backups still need them."
	case old:
		return "The old keys are still needed: a running heliograph serve seals again in the background."
	}
	return "Everything is under the keys in use."
}

func joined(ids []seal.KeyID) string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = string(id)
	}
	return strings.Join(texts, ", ")
}

// keyChange is what the commands that write the key file have in common.
type keyChange struct {
	place `embed:"" group:"Where everything is kept"`
}

func (c *keyChange) change(ctx context.Context, term terminal, do func(context.Context, *store.Store) (*seal.Keys, error), done string) error {
	content, err := app.ChangeKeys(ctx, c.options(), do)
	if err != nil {
		return err
	}
	if content != "" {
		fmt.Fprintf(term.err, "The keys come from %s: put what follows there, for every node, and start them again.\n", app.KeysEnv)
		_, err = io.WriteString(term.out, content)
		return err
	}
	_, err = fmt.Fprintln(term.out, done)
	return err
}

type keysRotateCmd struct{ keyChange }

// Run adds a sealing key.
func (c *keysRotateCmd) Run(ctx context.Context, term terminal) error {
	return c.change(ctx, term, app.RotateSealing,
		"A new sealing key is in the key file. Running nodes take it up within seconds; several nodes: copy the file to each of them.\nBack the key file up now. heliograph keys status shows how far sealing again is, and heliograph keys prune takes the old key away.")
}

type keysIndexCmd struct{ keyChange }

// Help is shown by -h below the flags.
func (keysIndexCmd) Help() string {
	return `The index key makes the keyed hashes by which equal tokens and subscriptions are found. Only its leak is a reason to change it. Rows whose secret is sealed beside are hashed again in the background; a mail subscription when it is next heard of, so that the old key may be needed for up to 60 days. The addresses at which SMS status reports come in change too; the old ones work until prune.`
}

// Run adds an index key.
func (c *keysIndexCmd) Run(ctx context.Context, term terminal) error {
	return c.change(ctx, term, app.RotateIndex,
		"A new index key is in the key file. Running nodes take it up within seconds; several nodes: copy the file to each of them.\nBack the key file up now. heliograph keys status shows how far hashing again is.")
}

type keysPruneCmd struct{ keyChange }

// Help is shown by -h below the flags.
func (keysPruneCmd) Help() string {
	return `It opens every stored secret once to be sure, and refuses while one of them needs an old key. Backups from before the rotation need the key file of that time: keep it with them.`
}

// Run takes old keys away.
func (c *keysPruneCmd) Run(ctx context.Context, term terminal) error {
	return c.change(ctx, term, app.PruneKeys,
		"The key file holds no old keys any more. Several nodes: copy it to each of them. Backups from before the rotation need the key file of that time.")
}

type keysNewCmd struct{}

// Run prints a key file.
func (keysNewCmd) Run(term terminal) error {
	_, err := term.out.Write(seal.New().Text())
	return err
}
